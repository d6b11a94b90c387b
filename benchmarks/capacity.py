"""`harness capacity` against sandboxes whose capacity is known: does it find the rate, and name what gives way?

    .venv/bin/python benchmarks/capacity.py [rates|cpu|pool|lock|realtime|all ...] [--out FOLDER] [--only NAME ...]

`rates`: five searches, each against a sandbox that serves so many requests a second; the answer is right when both its
ends are within 10 % of that rate over the requests of a visit, and it came within 15 minutes. The others: one search
against a sandbox of which that resource is throttled; right when that resource is named. `cpu` knows its rate as well
(1000 / ms requests a second). Exit 1 when any answer is wrong.

A search takes 8 to 12 minutes. What was found is kept in FOLDER (results.json): an interrupted benchmark goes on with
the searches that are missing. For a machine that does nothing else; what others took of its CPU is in the table.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.record.store import open_run
from reports.frames import load

DATA = Path(__file__).parent.parent / "tests" / "data"
VISITS, CHATS = DATA / "capacity.toml", DATA / "chats.toml"
LOOSE, DELIVERY = DATA / "capacity-slo.toml", DATA / "capacity-delivery-slo.toml"
OFF, LONGEST_MIN = 0.10, 15.0
RATES = (60, 75, 90, 105, 120)
NOT_COUNTED = ("sign_in", "user")
"""Requests to auth, which no throttle delays."""
TIMING = ("--settle", "10", "--measure", "40", "--confirm", "1", "--steps", "12")


@dataclass(frozen=True)
class Throttled:
    """A sandbox with one end. per_second: function and REST requests it serves, where that is known. named: in what the
    search says gave way; "": anything."""

    name: str
    quirks: tuple[str, ...]
    per_second: float | None = None
    named: str = ""
    profile: Path = VISITS
    slo: Path = LOOSE
    start: str = "1.5"
    highest: str = "6"

    @property
    def command(self) -> list[str]:
        """Of the search, without `--out`."""
        quirks = [word for quirk in self.quirks for word in ("--quirk", quirk)]
        rates = ["--start", self.start, "--max-rate", self.highest]
        return ["capacity", str(self.profile), "--slo", str(self.slo), *quirks, *rates, *TIMING]


SEARCHES = {
    "rates": tuple(Throttled(f"{rate}/s", (f"capacity_per_second={rate}",), per_second=rate) for rate in RATES),
    "cpu": (Throttled("one core, 12 ms a request", ("throttle_cpu_ms=12",), per_second=1000 / 12, named="CPU"),),
    "pool": (
        Throttled(
            "two connections, 60 ms a transaction",
            ("rest_pool_size=2", "throttle_transaction_ms=60"),
            named="pool",
            start="0.5",
        ),
    ),
    "lock": (
        Throttled(
            "one lock, 25 ms a transaction", ("throttle_lock_ms=25",), named="locks in the database", start="0.5"
        ),
    ),
    "realtime": (
        Throttled(
            "40 messages/s of Realtime",
            ("throttle_realtime_per_second=40",),
            named="Realtime's limit on",
            profile=CHATS,
            slo=DELIVERY,
            start="0.5",
            highest="4",
        ),
    ),
}


@dataclass(frozen=True)
class Machine:
    """CPU seconds of this machine until now: in use, and of this program's children that have ended."""

    at: float
    busy: float
    ours: float

    @classmethod
    def now(cls) -> Machine:
        fields = [int(word) for word in Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:]]
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = sum(fields[:8]) - fields[3] - fields[4]
        return cls(time.monotonic(), used / os.sysconf("SC_CLK_TCK"), children.ru_utime + children.ru_stime)

    def others_since(self, before: Machine) -> float:
        """Cores that other programs had on average."""
        return ((self.busy - before.busy) - (self.ours - before.ours)) / max(1e-9, self.at - before.at)


def searched(one: Throttled, out: Path) -> dict[str, Any]:
    """Its answer (`side`), the `true` rate where it is known, minutes, and the cores that others had."""
    before = Machine.now()
    done = subprocess.run([sys.executable, "-m", "harness", *one.command, "--out", str(out)], check=False)
    after = Machine.now()
    if not (out / "answer.json").exists():
        raise SystemExit(f"{one.name}: the search ended with {done.returncode} and no answer")
    (side,) = json.loads((out / "answer.json").read_text(encoding="utf-8"))["sides"]
    return {
        "side": side,
        "true": true_rate(one, side, out),
        "minutes": (after.at - before.at) / 60,
        "others": after.others_since(before),
    }


def true_rate(one: Throttled, side: dict[str, Any], folder: Path) -> float | None:
    """Sessions a second that it serves, by all requests of all sessions of the steps that passed."""
    if one.per_second is None:
        return None
    requests = sessions = 0
    for step in side["steps"]:
        if step["word"] == "pass":
            frames = load(open_run(folder / step["run"]).checked())
            rows = frames.counts[(frames.counts["view"] == "server") & ~frames.counts["operation"].isin(NOT_COUNTED)]
            requests += int(rows["count"].sum())
            sessions += int(frames.arrivals["started_us"].notna().sum())
    return one.per_second * sessions / requests if requests else None


def judged(one: Throttled, found: dict[str, Any]) -> tuple[str, bool]:
    """A line of the table, and whether the answer is right."""
    side, minutes = found["side"], found["minutes"]
    true, low, high = found["true"], side["low"], side["high"]
    right = minutes <= LONGEST_MIN
    off = "-"
    if one.per_second is not None:
        ends = [end for end in (low, high) if end is not None]
        right = right and true is not None and len(ends) == 2 and all(abs(end / true - 1) <= OFF for end in ends)
        if true is not None and ends:
            off = " to ".join(f"{end / true - 1:+.1%}" for end in ends)
    if one.named:
        right = right and one.named in side["resource"]
    ends_found = " to ".join("-" if end is None else f"{end:.3g}" for end in (low, high))
    known = "-" if true is None else f"{true:.3g}"
    line = (
        f"{one.name:36} {known:>7} {ends_found:>14} {off:>18} {len(side['steps']):>5} {minutes:>7.1f} "
        f"{found['others']:>6.1f}  {side['resource']}"
    )
    return line + ("" if right else "   WRONG"), right


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("which", nargs="*", default=["rates"], help=", ".join([*SEARCHES, "all"]))
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="of these searches, such as 60/s")
    parser.add_argument("--out", type=Path, help="where the searches go; one that was interrupted goes on there")
    asked = parser.parse_args()
    if unknown := set(asked.which) - {*SEARCHES, "all"}:
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    out = asked.out or Path(tempfile.mkdtemp(prefix="capacity-"))
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "results.json"
    known: dict[str, dict[str, Any]] = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}
    chosen = [one for which in SEARCHES if {which, "all"} & set(asked.which) for one in SEARCHES[which]]
    chosen = [one for one in chosen if not asked.only or one.name in asked.only]
    lines, right = [], True
    for one in chosen:
        if one.name not in known:
            known[one.name] = searched(one, out / f"{time.time():.0f}")
            kept.write_text(json.dumps(known, indent=1), encoding="utf-8")
        line, well = judged(one, known[one.name])
        lines.append(line)
        right = right and well
        print(line, flush=True)
    head = f"{'throttled':36} {'known':>7} {'found':>14} {'off by':>18} {'steps':>5} {'minutes':>7} {'others':>6}"
    print(f"\n{head}  what gave way first\n" + "\n".join(lines))
    print(f"\nrates in sessions/s; others: cores that other programs had; kept in {kept}")
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())

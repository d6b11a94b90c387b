"""`harness capacity` against sandboxes whose capacity is known: does it find the rate, and name what gives way?

    .venv/bin/python benchmarks/capacity.py [rates|cpu|pool|lock|realtime|all] [--out FOLDER]

`rates`: five searches, each against a sandbox that serves so many requests a second; the answer is right when both its
ends are within 10 % of that rate over the requests of a visit, and it came within 15 minutes. The others: one search
against a sandbox of which that resource is throttled; right when that resource is named. `cpu` knows its rate as well
(1000 / ms requests a second). Exit 1 when any answer is wrong.

For a machine that does nothing else: what others take of its CPU is missing from the answer. A search takes 8 to 14
minutes.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent.parent / "tests" / "data"
VISITS, CHATS = DATA / "capacity.toml", DATA / "chats.toml"
LOOSE, DELIVERY = DATA / "capacity-slo.toml", DATA / "capacity-delivery-slo.toml"
OFF, LONGEST_MIN = 0.10, 15.0
RATES = (60, 80, 100, 120, 150)
AUTH = 2
"""Requests of a visit that no throttle counts."""
TIMING = ("--settle", "15", "--measure", "45", "--confirm", "1", "--steps", "12")


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
            "two connections, 60 ms a transaction", ("rest_pool_size=2", "throttle_transaction_ms=60"), named="pool"
        ),
    ),
    "lock": (Throttled("one lock, 25 ms a transaction", ("throttle_lock_ms=25",), named="locks in the database"),),
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


def searched(one: Throttled, out: Path) -> tuple[dict[str, Any], float]:
    """Its answer, and minutes."""
    begun = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "harness", *one.command, "--out", str(out)], check=False)
    minutes = (time.monotonic() - begun) / 60
    if not (out / "answer.json").exists():
        raise SystemExit(f"{one.name}: the search ended with {done.returncode} and no answer")
    (side,) = json.loads((out / "answer.json").read_text(encoding="utf-8"))["sides"]
    return side, minutes


def true_rate(one: Throttled, side: dict[str, Any]) -> float | None:
    """Sessions a second that it serves, by the requests of the sessions that were seen to pass."""
    passed = [step["requests"] / step["began"] for step in side["steps"] if step["word"] == "pass" and step["began"]]
    if one.per_second is None or not passed:
        return None
    return one.per_second / (float(sum(passed)) / len(passed) - AUTH)


def judged(one: Throttled, side: dict[str, Any], minutes: float) -> tuple[str, bool]:
    """A line of the table, and whether the answer is right."""
    true, low, high = true_rate(one, side), side["low"], side["high"]
    right = minutes <= LONGEST_MIN
    off = "-"
    if one.per_second is not None:
        ends = [end for end in (low, high) if end is not None]
        right = right and true is not None and len(ends) == 2 and all(abs(end / true - 1) <= OFF for end in ends)
        if true is not None and ends:
            off = " to ".join(f"{end / true - 1:+.1%}" for end in ends)
    if one.named:
        right = right and one.named in side["resource"]
    found = " to ".join("-" if end is None else f"{end:.3g}" for end in (low, high))
    known = "-" if true is None else f"{true:.3g}"
    line = f"{one.name:38} {known:>8} {found:>14} {off:>18} {len(side['steps']):>6} {minutes:>8.1f}  {side['resource']}"
    return line + ("" if right else "   WRONG"), right


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("which", nargs="?", default="rates", choices=[*SEARCHES, "all"])
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    out = asked.out or Path(tempfile.mkdtemp(prefix="capacity-"))
    chosen = [one for which in SEARCHES if asked.which in (which, "all") for one in SEARCHES[which]]
    lines, right = [], True
    for number, one in enumerate(chosen):
        side, minutes = searched(one, out / f"{number}")
        line, well = judged(one, side, minutes)
        lines.append(line)
        right = right and well
        print(line, flush=True)
    print(
        f"\n{'throttled':38} {'known':>8} {'found':>14} {'off by':>18} {'steps':>6} {'minutes':>8}  what gave way first"
    )
    print("\n".join(lines))
    return 0 if right else 1


if __name__ == "__main__":
    sys.exit(main())

"""Run every shipped profile to its end, each against a sandbox of its own, and write docs/profiles.md.

    python scripts/profiles_page.py --list           # what would be run, and how long it takes
    python scripts/profiles_page.py                  # all of them, some five hours on two cores
    python scripts/profiles_page.py smoke herd       # these; the others' rows stay as they were measured
    python scripts/profiles_page.py --write-only     # the page again from what was measured

Shortest first. What was measured is kept in runs/profiles/profiles.json, one entry a profile, written after each run,
and the page with it: an interrupted script goes on where it was (`--again` measures anew). What is not measured yet
stands on the page as such.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from pydantic import BaseModel

from harness.config.load import load_profile
from harness.load.child_process import cores
from harness.record.streams import replacing
from reports.text import percent, plural, seconds

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "scenarios" / "profiles"
PAGE = ROOT / "docs" / "profiles.md"
OUT = Path("runs") / "profiles"
AROUND_S = 40.0
"""Of a run beside its phases: start of the sandbox, preflight, evidence, report."""
ENDS_S = 60.0
"""A run that is asked to end has so long for it."""
HEAD = """# The shipped profiles, each run to its end

Made by `scripts/profiles_page.py`: every profile against a sandbox of its own, on one machine. "Load" is the part of
the profile that the machine carries; a sandbox is calibrated when it starts, and what does not fit is left out
(`harness run --no-fit` runs it all the same). Exit codes: [exit-codes.md](exit-codes.md).

| profile | took | load | requests | verdict | why |
|---|---|---|---|---|---|
"""


class Measured(BaseModel):
    """One profile's run. took_s: with starting, evidence and report."""

    profile: str
    took_s: float
    requests: int
    verdict: str
    exit_code: int
    sentence: str
    notes: tuple[str, ...] = ()
    others: str = ""  # what other programs took of the machine meanwhile; empty: nothing that mattered
    on: str
    cores: int

    @property
    def load(self) -> str:
        """How much of the profile's load was run."""
        return next((note.rsplit(" so ", 1)[1].split(" ")[0] for note in self.notes if " do not fit, so " in note), "1")

    @property
    def row(self) -> str:
        why = "" if self.verdict == "pass" else self.sentence.replace("|", "/")
        why = " ".join(part for part in (why, self.others) if part)
        return (
            f"| `{self.profile}` | {seconds(self.took_s)} | {self.load} | {self.requests:,} | "
            f"{self.verdict} ({self.exit_code}) | {why} |"
        )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Run every shipped profile and write docs/profiles.md.")
    parser.add_argument("profiles", nargs="*", help="only these")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--page", type=Path, default=PAGE)
    parser.add_argument("--again", action="store_true", help="measure also what was measured")
    parser.add_argument("--write-only", action="store_true", help="run nothing")
    parser.add_argument("--list", action="store_true", help="say what would be run, and how long it takes")
    options = parser.parse_args(argv)
    names = options.profiles or _shipped()
    measured = _known(options.out)
    todo = sorted((name for name in names if options.again or name not in measured), key=expected_s)
    if not options.write_only:
        print(announced(todo, [name for name in names if name not in todo]), flush=True)
    if options.list:
        return 0
    for name in () if options.write_only else todo:
        measured[name] = _run(name, options.out)
        print(measured[name].row, flush=True)
        with replacing(_state(options.out)) as draft:
            draft.write_text(json.dumps([one.model_dump() for one in measured.values()], indent=1), encoding="utf-8")
        _write(options.page, measured)
    _write(options.page, measured)
    return 0


def expected_s(name: str) -> float:
    """How long a profile's run takes."""
    phases = load_profile(name).phases
    return phases.end_s + phases.drain_s + AROUND_S


def announced(todo: Sequence[str], kept: Sequence[str]) -> str:
    """What will be run, and how long that takes."""
    lines = [f"{name:24} {seconds(expected_s(name)):>12}" for name in todo]
    known = f"; measured already: {', '.join(kept)}" if kept else ""
    whole = seconds(sum(map(expected_s, todo)))
    return "\n".join([*lines, f"{plural(len(todo), 'profile')}, about {whole} in all{known}"])


def page(measured: Sequence[Measured], missing: Sequence[str] = ()) -> str:
    """The page, shortest first. missing: profiles without a row."""
    rows = sorted(measured, key=lambda one: one.took_s)
    machines = sorted({f"{one.cores} cores, {one.on}" for one in rows})
    told = [f"Measured on: {'; '.join(machines)}."] if machines else []
    if missing:
        names = ", ".join(f"`{name}` ({seconds(expected_s(name))})" for name in missing)
        told.append(f"Not measured yet, with how long each takes: {names}.")
    return HEAD + "\n".join(one.row for one in rows) + "\n\n" + "\n\n".join(told) + "\n"


def _shipped() -> list[str]:
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def _write(path: Path, measured: Mapping[str, Measured]) -> None:
    missing = sorted((name for name in _shipped() if name not in measured), key=expected_s)
    with replacing(path) as draft:
        draft.write_text(page(list(measured.values()), missing), encoding="utf-8")


def _state(out: Path) -> Path:
    return out / "profiles.json"


def _known(out: Path) -> dict[str, Measured]:
    if not _state(out).exists():
        return {}
    found = [Measured.model_validate(one) for one in json.loads(_state(out).read_text(encoding="utf-8"))]
    return {one.profile: one for one in found}


def _run(name: str, out: Path) -> Measured:
    """To its end, however long that is: twice what its phases say, and a quarter of an hour."""
    limit_s = 2 * expected_s(name) + 900
    folder = out / f"{Path(name).stem}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    folder.mkdir(parents=True)
    begun = time.monotonic()
    command = [sys.executable, "-m", "harness", "run", name, "--out", str(folder), "--no-html"]
    with (folder / "said.txt").open("w", encoding="utf-8") as said:
        code, late = _ended(command, said, limit_s)
    took_s = time.monotonic() - begun
    found = next(iter(sorted(folder.glob("*/verdict.json"))), None)
    common = {"profile": name, "took_s": took_s, "on": f"{datetime.now(UTC):%Y-%m-%d}", "cores": cores()}
    if found is None:
        words = {"verdict": "no verdict", "sentence": _last_words(folder / "said.txt", late), "requests": 0}
        return Measured.model_validate(common | words | {"exit_code": code})
    verdict = json.loads(found.read_text(encoding="utf-8"))
    return Measured.model_validate(
        common
        | {
            "requests": verdict["facts"]["attempts"],
            "verdict": verdict["verdict"],
            "exit_code": code,
            "sentence": f"{verdict['sentence']}{f' ({late})' if late else ''}",
            "notes": verdict["facts"]["notes"],
            "others": _others(json.loads((found.parent / "manifest.json").read_text(encoding="utf-8"))),
        }
    )


def _others(manifest: Mapping[str, Any]) -> str:
    """For a row that was measured while the machine had other work: to be measured again when it has none."""
    found = manifest.get("neighbours")
    if not found or not found["crowded"]:
        return ""
    whole = f"{found['crowded']} of {plural(found['seconds'], 'second')}"
    return f"**Other programs** had {percent(found['share'], 0)} of the machine's CPU, with none left, in {whole}."


def _ended(command: Sequence[str], said: IO[str], limit_s: float) -> tuple[int, str]:
    """Its exit code, and what is to be told of it; a run that takes too long is asked to end, and has to in the end."""
    process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        return process.wait(limit_s), ""
    except subprocess.TimeoutExpired:
        return _end(process), f"ended after {seconds(limit_s)}"
    except BaseException:
        _end(process)
        raise


def _end(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(ENDS_S)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return process.wait()


def _last_words(path: Path, late: str) -> str:
    """The message with which a run ended that has no verdict."""
    text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
    lines = text.strip().splitlines()
    first = next((at for at in range(len(lines) - 1, -1, -1) if not lines[at].startswith(" ")), 0)
    message = "; ".join(line.strip() for line in lines[first:])
    return "; ".join(part for part in (late, message) if part) or "the run ended without one"


if __name__ == "__main__":
    sys.exit(main())

"""Run every shipped profile to its end, each against a sandbox of its own, and write docs/profiles.md.

    python scripts/profiles_page.py                  # all of them, some four hours on two cores
    python scripts/profiles_page.py smoke herd       # these; the others' rows stay as they were measured
    python scripts/profiles_page.py --write-only     # the page again from what was measured

What was measured is kept in runs/profiles/profiles.json, one entry a profile, written after each run: an interrupted
script goes on where it was (`--again` measures anew).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel

from harness.config.load import load_profile
from harness.load.child_process import cores
from harness.record.streams import replacing
from reports.text import seconds

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "scenarios" / "profiles"
PAGE = ROOT / "docs" / "profiles.md"
OUT = Path("runs") / "profiles"
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
    on: str
    cores: int

    @property
    def load(self) -> str:
        """How much of the profile's load was run."""
        return next((note.rsplit(" so ", 1)[1].split(" ")[0] for note in self.notes if " do not fit, so " in note), "1")

    @property
    def row(self) -> str:
        why = "" if self.verdict == "pass" else self.sentence.replace("|", "/")
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
    options = parser.parse_args(argv)
    names = options.profiles or sorted(path.stem for path in SHIPPED.glob("*.toml"))
    measured = _known(options.out)
    for name in () if options.write_only else names:
        if name in measured and not options.again:
            continue
        measured[name] = _run(name, options.out)
        print(measured[name].row, flush=True)
        with replacing(_state(options.out)) as draft:
            draft.write_text(json.dumps([one.model_dump() for one in measured.values()], indent=1), encoding="utf-8")
    options.page.write_text(page(list(measured.values())), encoding="utf-8")
    return 0


def page(measured: Sequence[Measured]) -> str:
    """The page, shortest first."""
    rows = sorted(measured, key=lambda one: one.took_s)
    machines = sorted({f"{one.cores} cores, {one.on}" for one in rows})
    return HEAD + "\n".join(one.row for one in rows) + f"\n\nMeasured on: {'; '.join(machines)}.\n"


def _state(out: Path) -> Path:
    return out / "profiles.json"


def _known(out: Path) -> dict[str, Measured]:
    if not _state(out).exists():
        return {}
    found = [Measured.model_validate(one) for one in json.loads(_state(out).read_text(encoding="utf-8"))]
    return {one.profile: one for one in found}


def _run(name: str, out: Path) -> Measured:
    """To its end, however long that is: twice what its phases say, and a quarter of an hour."""
    phases = load_profile(name).phases
    limit_s = 2 * (phases.end_s + phases.drain_s) + 900
    folder = out / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    folder.mkdir(parents=True)
    begun = time.monotonic()
    command = [sys.executable, "-m", "harness", "run", name, "--out", str(folder), "--no-html"]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, timeout=limit_s, check=False)
    took_s = time.monotonic() - begun
    found = next(iter(sorted(folder.glob("*/verdict.json"))), None)
    common = {"profile": name, "took_s": took_s, "on": f"{datetime.now(UTC):%Y-%m-%d}", "cores": cores()}
    if found is None:
        words = {"verdict": "no verdict", "sentence": "the run ended without one", "requests": 0}
        return Measured.model_validate(common | words | {"exit_code": done.returncode})
    verdict = json.loads(found.read_text(encoding="utf-8"))
    return Measured.model_validate(
        common
        | {
            "requests": verdict["facts"]["attempts"],
            "verdict": verdict["verdict"],
            "exit_code": done.returncode,
            "sentence": verdict["sentence"],
            "notes": verdict["facts"]["notes"],
        }
    )


if __name__ == "__main__":
    sys.exit(main())

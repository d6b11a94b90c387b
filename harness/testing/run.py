"""One `harness run` in a process of its own, as a test sees it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PASS, INCONCLUSIVE = 0, 20
END_S = 40.0
"""For a run that is asked to end, to close its record and its sandbox."""
VERDICT = "verdict.json"


class NoRun(Exception):
    """The harness refused, or left no record: there is nothing to assert on. Says what it said."""


@dataclass(frozen=True)
class HarnessRun:
    """A finished run. verdict: the content of verdict.json (docs/schema/verdict-1.json). said: its terminal output."""

    exit_code: int
    folder: Path
    verdict: dict[str, Any] = field(repr=False)
    said: str = field(repr=False)

    @property
    def passed(self) -> bool:
        return self.exit_code == PASS

    @property
    def sentence(self) -> str:
        """The verdict's reason."""
        return str(self.verdict["sentence"])

    def slo(self, name: str) -> dict[str, Any]:
        """The row of one SLO. :raises KeyError: there is none of that name."""
        rows: list[dict[str, Any]] = self.verdict["slos"]
        for row in rows:
            if row["name"] == name:
                return row
        raise KeyError(f"no SLO is called {name!r}; there are {', '.join(row['name'] for row in rows)}")

    def check(self, *, allow_inconclusive: bool = False) -> None:
        """Passes where the run did. allow_inconclusive: also where it could not answer (exit 20), for a busy machine.

        :raises AssertionError: otherwise, with every reason.
        """
        if self.passed or (allow_inconclusive and self.exit_code == INCONCLUSIVE):
            return
        reasons = "\n".join(f"  - {reason}" for reason in self.verdict["reasons"])
        raise AssertionError(
            f"harness: {self.verdict['verdict']} (exit {self.exit_code}): {self.sentence}\n{reasons}\n  report: "
            f"{self.folder / 'report.html'}"
        )


def carry_out(profile: str, options: Sequence[str], out: Path, timeout_s: float) -> HarnessRun:
    """Run `profile` below `out`, an empty or missing folder.

    :raises NoRun: it was refused, or did not end in time.
    """
    command = [sys.executable, "-m", "harness", "run", profile, *options, "--out", str(out)]
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        said, _ = process.communicate(timeout=timeout_s)
        late = False
    except subprocess.TimeoutExpired:
        late, said = True, _ended(process)
    except BaseException:
        _ended(process)
        raise
    text = said.decode(errors="replace")
    folders = [one.parent for one in out.glob(f"*Z-*/{VERDICT}")] if out.is_dir() else []
    if late or len(folders) != 1:
        why = f"did not end within {timeout_s:g} s" if late else f"left no verdict (exit {process.returncode})"
        raise NoRun(f"harness run {profile} {why}:\n{text}")
    verdict = json.loads((folders[0] / VERDICT).read_text(encoding="utf-8"))
    return HarnessRun(process.returncode, folders[0], verdict, text)


def _ended(process: subprocess.Popen[bytes]) -> bytes:
    """Ask it to end, as Ctrl-C does; it closes its record and takes its sandbox with it."""
    process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=END_S)[0]
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return process.communicate()[0]

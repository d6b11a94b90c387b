"""What a comparison of two deployments came to: `answer.json`. (pure)"""

from __future__ import annotations

from typing import Literal

from harness.core.errors import ExitCode
from reports.compare_rows import CompareRow, Differing
from reports.model import ReportModel

Word = Literal["pass", "fail", "inconclusive"]
CODES: dict[Word, ExitCode] = {
    "pass": ExitCode.PASS,
    "fail": ExitCode.REGRESSION,
    "inconclusive": ExitCode.INCONCLUSIVE,
}


class RoundRuns(ReportModel):
    """The runs of one round, by name; `problem`: why it does not count."""

    base: str
    head: str
    problem: str = ""


class AbAnswer(ReportModel):
    """base, head: what was compared, in words, without secrets. In `rows` "baseline" is the base."""

    version: Literal[1] = 1
    verdict: Word
    exit_code: int
    sentence: str
    reasons: tuple[str, ...] = ()  # each operation that is slower, or could not be answered
    profile: str
    base: str
    head: str
    measured_s: float  # together, in all rounds that count
    slices: int
    rounds: tuple[RoundRuns, ...]
    rows: tuple[CompareRow, ...] = ()
    differing: tuple[Differing, ...] = ()  # circumstances in which the runs are not the same
    notes: tuple[str, ...] = ()

    @property
    def regressed(self) -> tuple[CompareRow, ...]:
        return tuple(row for row in self.rows if row.change == "regressed")

    @property
    def shown(self) -> tuple[CompareRow, ...]:
        """What changed, and every operation that an objective names."""
        return tuple(row for row in self.rows if row.changed or row.objective)

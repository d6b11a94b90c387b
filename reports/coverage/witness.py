"""Sentences about the database: asked by what it said of itself while the run went on. (pure)"""

from __future__ import annotations

from dataclasses import dataclass

from reports.coverage.ask import Ask, AskAnswer, broken, held, not_asked
from reports.coverage.judged_run import JudgedRun


@dataclass(frozen=True)
class AskGate(Ask):
    """A limit of `reports.database.gates`, by its key in `[database]`."""

    id: str

    def of(self, run: JudgedRun) -> AskAnswer:
        if run.database is None:
            return not_asked("the database was not observed")
        row = next(row for row in run.database.gates if row.id == self.id)
        text = f"{row.name}: {row.value_text}, the limit is {row.limit_text}"
        if row.status == "not asked":
            return not_asked(f"{row.name}: {row.value_text}")
        return held(run, text) if row.status == "held" else broken(f"{text}: {row.evidence}".removesuffix(": "))

    def words(self) -> str:
        return f"limit of the database: {self.id}"

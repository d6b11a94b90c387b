"""Sentences about the assistant's models: asked by the rules of `[[assistant]]`. (pure)"""

from __future__ import annotations

from dataclasses import dataclass

from reports.coverage.ask import Ask, AskAnswer, broken, held, not_asked
from reports.coverage.judged_run import JudgedRun


@dataclass(frozen=True)
class AskAssistant(Ask):
    """Rules of one kind. All that could be asked have to hold."""

    kind: str

    def of(self, run: JudgedRun) -> AskAnswer:
        rows = [row for row in run.assistant if row.kind == self.kind]
        if not rows:
            return not_asked(f"the SLO file has no [[assistant]] of kind {self.kind}")
        missed = [row for row in rows if row.status == "missed"]
        if missed:
            return broken(missed[0].sentence)
        answered = [row for row in rows if row.status == "held"]
        return held(run, answered[0].sentence) if answered else not_asked(rows[0].sentence)

    def words(self) -> str:
        return f"[[assistant]] {self.kind}"

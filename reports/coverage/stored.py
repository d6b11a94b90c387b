"""Sentences about data, access and schema: asked by the data check and by the questions before the load. (pure)"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reports.coverage.ask import Ask, AskAnswer, broken, held, not_asked
from reports.coverage.judged_run import JudgedRun
from reports.text import count


@dataclass(frozen=True)
class AskRule(Ask):
    """A rule of the data check, asked of at least one write or row."""

    id: str

    def of(self, run: JudgedRun) -> AskAnswer:
        check = next((check for check in run.integrity.checks if check.id == self.id), None)
        if check is None:
            unread = run.integrity.status == "not checked"
            return not_asked("the data was not read" if unread else f"{self.id}: its tables were not read")
        text = f"{check.finding} ({self.id})"
        if check.status == "broken":
            return broken(text)
        if check.status != "held":
            return not_asked(f"{text}, which is told and not judged")
        if not check.looked_at:
            return not_asked(f"{self.id}: there was nothing to ask it of")
        evidence = run.manifest.evidence
        if evidence is not None and not evidence.at_rest:
            return not_asked(f"{self.id}: the target was still writing when it was read")
        return held(run, f"{self.id} held for {count(check.looked_at)}")

    def words(self) -> str:
        return f"data rule {self.id}"


@dataclass(frozen=True)
class AskQuestion(Ask):
    """A question to the target before the load. How the run ended later does not matter to it."""

    id: str

    def of(self, run: JudgedRun) -> AskAnswer:
        answers = run.manifest.probes.answers if run.manifest.probes is not None else ()
        found = next((answer for answer in answers if answer.id == self.id), None)
        if found is None:
            return not_asked("no question was put before the load")
        return AskAnswer(found.status, f"{self.id}: {found.text or found.status}")

    def words(self) -> str:
        return f"question before the load: {self.id}"


@dataclass(frozen=True)
class AskFact(Ask):
    """A fact of the schema. good: whether what was found keeps the sentence; wanted: that in words."""

    name: str
    wanted: str
    good: Callable[[str], bool]

    def of(self, run: JudgedRun) -> AskAnswer:
        facts = run.manifest.probes.facts if run.manifest.probes is not None else ()
        found = next((fact for fact in facts if fact.name == self.name), None)
        if found is None:
            return not_asked("the schema was not read")
        if found.found is None:
            return not_asked(f"{self.name}: {found.why_not or 'it was not read'}")
        text = f"{self.name} = {found.found}"
        return AskAnswer("held", text) if self.good(found.found) else broken(f"{text}, wanted {self.wanted}")

    def words(self) -> str:
        return f"schema: `{self.name}` is {self.wanted}"

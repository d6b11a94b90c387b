"""What is said of the assistant. (pure)"""

from __future__ import annotations

from typing import Literal

from reports.model import ReportModel

AssistantStatus = Literal["held", "missed", "not asked"]


class AssistantRow(ReportModel):
    """One rule of `[[assistant]]`, of one model where it is about each of them."""

    name: str
    kind: str
    model: str = ""  # empty: of all, or of none
    objective: str
    value_text: str
    samples: int
    bad: int = 0
    status: AssistantStatus
    over: float | None = None  # of a time that is over its limit: how many times the limit
    late_s: float | None = None  # and by how much
    note: str = ""  # why it is missed, or not asked

    @property
    def title(self) -> str:
        return f"{self.name} ({self.model})" if self.model else self.name

    @property
    def sentence(self) -> str:
        """The row in one sentence."""
        more = f"; {self.note}" if self.note else ""
        return f"{self.title}: {self.value_text}, {self.objective}{more}."


def unasked(rule_name: str, kind: str, objective: str, why: str, model: str = "", samples: int = 0) -> AssistantRow:
    """A rule that the record cannot answer."""
    return AssistantRow(
        name=rule_name,
        kind=kind,
        model=model,
        objective=objective,
        value_text="no answer",
        samples=samples,
        status="not asked",
        note=why,
    )

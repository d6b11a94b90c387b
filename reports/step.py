"""What the renderers show of the playbook. (pure)"""

from __future__ import annotations

from reports.model import ReportModel


class Step(ReportModel):
    """One step of one play."""

    play: str  # "Swipe deck latency"
    opened_by: str  # the sentence that opened the play
    number: int  # within the play, from 1
    action: str  # what to do
    seen: str = ""  # what this run says of it; empty: nothing, and the step is still to be done
    manual: str  # chapter

    @property
    def text(self) -> str:
        """In one line."""
        return f"{self.action}: {self.seen}" if self.seen else f"{self.action} (this run cannot say)"

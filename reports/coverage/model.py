"""What coverage says of one run: part of `verdict.json` (`coverage`). (pure)"""

from __future__ import annotations

from typing import Literal

from reports.coverage.ask import State
from reports.model import ReportModel

Way = Literal["run", "give", "not built", "beyond"]
"""What would ask a sentence: another run; what target file or command lack; nothing yet; nothing here."""
ORDER: tuple[State, ...] = ("broken", "not asked", "held")
WAYS: tuple[Way, ...] = ("run", "give", "not built", "beyond")


class PromiseRow(ReportModel):
    """One sentence of the manual, in this run."""

    chapter: str  # of the manual: "5.2", "Introduction"
    name: str  # short, unique
    sentence: str  # in our own words
    status: State
    seen: str  # what asked it and what that saw, or why it was not asked
    way: Way | None = None  # of a sentence that was not asked; null otherwise
    would_ask: str = ""  # in words; empty otherwise

    @property
    def title(self) -> str:
        return f"{self.chapter} {self.name}"

    @property
    def named(self) -> str:
        """For people: the name first."""
        return f"{self.name} (manual {self.chapter})"


class Coverage(ReportModel):
    """The coverage statement of one run. Broken rows change no exit code by themselves: what breaks a run does."""

    text: str  # in one line
    promises: int  # asked = held + broken; promises - asked were not asked
    asked: int
    held: int
    broken: int
    rows: tuple[PromiseRow, ...]  # in the manual's order

    def of(self, status: State) -> tuple[PromiseRow, ...]:
        """Rows of one status; those that were not asked by what would ask them, the nearest first."""
        found = [row for row in self.rows if row.status == status]
        return tuple(sorted(found, key=lambda row: WAYS.index(row.way) if row.way else 0))

    @property
    def broken_names(self) -> tuple[str, ...]:
        return tuple(row.named for row in self.of("broken"))


def counted(rows: tuple[PromiseRow, ...]) -> Coverage:
    """The statement that these rows make."""
    held, broken = (sum(row.status == status for row in rows) for status in ("held", "broken"))
    return Coverage(
        text=f"{held + broken} of {len(rows)} promises asked, {held} held",
        promises=len(rows),
        asked=held + broken,
        held=held,
        broken=broken,
        rows=rows,
    )

"""What a check says. (pure)"""

from __future__ import annotations

from typing import Literal

from reports.integrity.found import found
from reports.model import ReportModel

SHOWN = 50
"""Offenders named one by one; the count goes on."""

FOREIGN = "I41"
"""Of the rule that nobody is shown what belongs to somebody else, as phones see it."""
FOREIGN_CHECKS = (FOREIGN, "I67")
"""How ids of checks begin that found somebody shown what belongs to somebody else."""

CheckStatus = Literal["held", "broken", "noted", "not checked"]
"""broken: data was lost or doubled, or a rule of the schema does not hold: exit code 11.
noted: legal or expected of this app, and worth knowing."""


class Offender(ReportModel):
    """One row or write that does not fit, in words that can be searched for."""

    ids: dict[str, str]
    text: str = ""
    at_s: float | None = None  # when it was intended, seconds of the run


class Check(ReportModel):
    """One question and its answer."""

    id: str  # of the contract, section 8.3, where it has one there
    title: str
    status: CheckStatus
    looked_at: int  # writes or rows that the question was asked of
    count: int  # of those, how many do not fit
    offenders: tuple[Offender, ...] = ()
    meaning: str = ""  # what it means for people when it is broken
    look_at: str = ""  # where to begin
    note: str = ""  # what differs how often, or what could not be compared

    def doubted(self) -> Check:
        """The same, where what is broken may be the record's own gap: worth knowing, and no verdict."""
        return self.model_copy(update={"status": "noted"}) if self.status == "broken" else self

    @property
    def finding(self) -> str:
        """What was found, without names and without a full stop."""
        return found(self.id, self.title, self.count, self.looked_at)

    @property
    def sentence(self) -> str:
        """The finding in one sentence that names the first offender."""
        first = self.offenders[0] if self.offenders else None
        named = (
            f", first {', '.join(f'{what} {id_}' for what, id_ in first.ids.items())}" if first and first.ids else ""
        )
        told = f" ({self.note})" if self.note else ""
        return f"{self.finding}{told}{named}."


class Integrity(ReportModel):
    """The data check of one run. Until it was made it is neither passed nor failed, and nothing reads as if it was."""

    status: Literal["held", "broken", "not checked"] = "not checked"
    text: str  # the answer in one sentence
    source: str = ""  # how the target was read
    writes: int = 0  # that the ledger holds
    checks: tuple[Check, ...] = ()

    @property
    def broken(self) -> tuple[Check, ...]:
        """Checks that found data lost, doubled or misplaced."""
        return tuple(check for check in self.checks if check.status == "broken")

    @property
    def sentences(self) -> tuple[str, ...]:
        """One for each broken check, with the first offender by name."""
        return tuple(check.sentence for check in self.broken)

    @property
    def foreign(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The sentences that say that somebody was shown what belongs to somebody else, and all others."""
        first = tuple(check.sentence for check in self.broken if check.id.startswith(FOREIGN_CHECKS))
        return first, tuple(sentence for sentence in self.sentences if sentence not in first)

    @property
    def gaps(self) -> tuple[str, ...]:
        """What a reader must not take for checked."""
        return () if self.status != "not checked" else (f"Integrity: {self.text}",)


UNCHECKED = Integrity(
    text="whether every acknowledged write is in the database, exactly once. A pass here says nothing about it."
)

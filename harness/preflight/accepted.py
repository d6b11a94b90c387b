"""Findings that a team has accepted: each with a reason, and the day from which it counts again. (pure)

[[accepted]]
lint = "definer_function_for_anyone"
object = "public.check_rate_limit(text,text,integer)"    # absent: every finding of that lint
reason = "called by the edge functions with the public key"
until = 2027-03-31
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Annotated

from pydantic import Field, field_validator

from harness.core.frozen_model import FrozenModel, Text, closest
from harness.preflight.model import PreflightFinding
from harness.preflight.rules import RULES


class AcceptedFinding(FrozenModel):
    """One entry."""

    lint: str
    object: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    reason: Text
    until: date  # the last day on which it is accepted

    @field_validator("lint")
    @classmethod
    def _known(cls, lint: str) -> str:
        names = [*(one.id for one in RULES), "catalogue_added", "catalogue_changed", "catalogue_missing"]
        if lint not in names:
            raise ValueError(f"is no question of preflight; {closest(lint, names)}")
        return lint

    def covers(self, finding: PreflightFinding) -> bool:
        """Whether it speaks of this one."""
        return self.lint == finding.lint and self.object in (None, finding.object)

    @property
    def text(self) -> str:
        return f"{self.lint}: {self.object}" if self.object else self.lint


class AcceptedFile(FrozenModel):
    """The file."""

    accepted: tuple[AcceptedFinding, ...] = ()


@dataclass(frozen=True)
class Sorted:
    """open: what counts. accepted: what does not. expired: entries whose day is over; unneeded: that met nothing."""

    open: tuple[PreflightFinding, ...]
    accepted: tuple[PreflightFinding, ...]
    expired: tuple[AcceptedFinding, ...]
    unneeded: tuple[AcceptedFinding, ...]


def sort(findings: Sequence[PreflightFinding], entries: Sequence[AcceptedFinding], today: date) -> Sorted:
    """Findings by whether they count on that day."""
    valid = [one for one in entries if today <= one.until]
    taken = [one for one in findings if any(entry.covers(one) for entry in valid)]
    return Sorted(
        open=tuple(one for one in findings if one not in taken),
        accepted=tuple(taken),
        expired=tuple(one for one in entries if one not in valid and any(one.covers(found) for found in findings)),
        unneeded=tuple(one for one in entries if not any(one.covers(found) for found in findings)),
    )

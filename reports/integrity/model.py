"""What a check says. (pure)"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

SHOWN = 50
"""Offenders named one by one; the count goes on."""

CheckStatus = Literal["held", "broken", "noted", "not checked"]
"""broken: data was lost or doubled, or a rule of the schema does not hold: exit code 11.
noted: legal or expected of this app, and worth knowing."""


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Offender(Model):
    """One row or write that does not fit, in words that can be searched for."""

    ids: dict[str, str]
    text: str = ""
    at_s: float | None = None  # when it was intended, seconds of the run


class Check(Model):
    """One question and its answer."""

    id: str  # of the contract, section 8.3, where it has one there
    title: str
    status: CheckStatus
    looked_at: int  # writes or rows that the question was asked of
    count: int  # of those, how many do not fit
    offenders: tuple[Offender, ...] = ()
    meaning: str = ""  # what it means for people when it is broken
    look_at: str = ""  # where to begin

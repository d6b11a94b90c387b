"""One step of the search for a target's capacity: a run at one rate, and what it said. (pure)"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harness.core.frozen_model import FrozenModel

Word = Literal["pass", "fail", "inconclusive"]
LONGEST_REASON = 160
"""In a line of the terminal; the page has all of it."""


class Figure(FrozenModel):
    """One objective in one step."""

    name: str
    value: float | None  # milliseconds or a share; null: the percentile falls on a failure
    text: str
    limit: float
    limit_text: str
    met: bool | None  # null: too few samples to say


class Step(FrozenModel):
    """A run at one rate. Rates are per second over the measure phase, latencies milliseconds."""

    rate: Annotated[float, Field(gt=0)]  # sessions asked for
    word: Word
    reason: str = ""  # of a fail or of no answer
    side: str = ""  # which deployment, where two are tested by turns
    run: str = ""  # the run directory's name
    began: float | None = None  # sessions that began
    requests: float | None = None  # attempts that were sent
    good: float | None = None  # operations that ended well, within the bound that they are judged by
    operations: float | None = None  # all that ended
    error_share: float | None = None  # of the operations
    figures: tuple[Figure, ...] = ()
    resource: str = ""  # what of the target gave way, as far as the record shows
    evidence: str = ""  # by what figure that is known
    also: tuple[str, ...] = ()  # what else has to be known about the step
    data_broken: str = ""  # something was lost or doubled: the sentence of the verdict

    @property
    def missed(self) -> tuple[Figure, ...]:
        """Objectives that were not met, the furthest beyond its limit first."""
        return tuple(
            sorted(
                (one for one in self.figures if one.met is False),
                key=lambda one: -(float("inf") if one.value is None else one.value / one.limit if one.limit else 1.0),
            )
        )

    @property
    def text(self) -> str:
        """One line."""
        side = f"{self.side}: " if self.side else ""
        sent = f", {self.requests:,.0f} requests/s" if self.requests is not None else ""
        why = self.reason if len(self.reason) <= LONGEST_REASON else f"{self.reason[:LONGEST_REASON]}…"
        return f"{side}{self.rate:.3g} sessions/s{sent}: {self.word}{f' ({why})' if why else ''}"

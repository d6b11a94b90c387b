"""How far apart the clocks of two processes are, and how sure that is. (pure)

Cristian's method (F. Cristian, Probabilistic clock synchronization, 1989): one side asks, the other answers with its
time. The answer was made somewhere within the round trip, so its middle is wrong by at most half of it; of many rounds
the shortest bounds the offset best.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict


class Round(NamedTuple):
    """One question and its answer, seconds: asked and answered on the asker's clock, between them the other's time."""

    asked: float
    theirs: float
    answered: float

    @property
    def trip(self) -> float:
        """The round trip in seconds."""
        return self.answered - self.asked


class ClockOffset(BaseModel):
    """Add `offset_us` to a worker's instants to have them on the master's clock; off by at most `uncertainty_us`."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    worker: int
    offset_us: int
    uncertainty_us: int
    rounds: int
    apart_us: int = 0  # of its machine's time of day, as it was when the run began; allowed for since then


MAX_APART_S = 600.0
"""How far apart the clocks of a worker and its master may be. What the harness dates is set right (`core.clock`); what
others date on that machine is not: certificates are checked by its own clock, and logs are read by it."""


def apart(clock: ClockOffset | None) -> str:
    """Why a worker whose clock is so far off must not take part; empty when it may."""
    if clock is None:
        return "the master did not say what time it has, so this worker cannot know when the run begins"
    off_s = -clock.offset_us / 1e6
    if abs(off_s) - clock.uncertainty_us / 1e6 <= MAX_APART_S:
        return ""
    side = "ahead of" if off_s > 0 else "behind"
    return f"this machine's clock is {abs(off_s):.1f} s {side} the master's; {MAX_APART_S:g} s are the most"


def offset(worker: int, rounds: Iterable[Round]) -> ClockOffset | None:
    """The offset that the shortest round gives; None without a round."""
    kept = [one for one in rounds if one.trip >= 0]
    if not kept:
        return None
    best = min(kept, key=lambda one: one.trip)
    middle = (best.asked + best.answered) / 2
    return ClockOffset(
        worker=worker,
        offset_us=round((best.theirs - middle) * 1_000_000),
        uncertainty_us=round(best.trip / 2 * 1_000_000),
        rounds=len(kept),
    )

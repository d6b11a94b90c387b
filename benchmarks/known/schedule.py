"""When a request is to be answered: a function of its arrival and its number, so that the truth can be computed. (pure)

Every request takes 20 ms. `stall` adds a standstill of 3 s in every 20 s: what arrives in it is answered 20 ms after
its end. `tail` adds to each request a draw of its own from a log-normal distribution (median 4 ms, sigma 1.4: one in a
thousand above 300 ms), seeded by the request's number. `all` does both.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass

BASE_S = 0.020
STALL_EVERY_S, STALL_FROM_S, STALL_S = 20.0, 10.0, 3.0
TAIL_MEDIAN_S, TAIL_SIGMA = 0.004, 1.4


@dataclass(frozen=True)
class Schedule:
    """One known behaviour. Instants are seconds on any one clock; stalls count from the instant `origin`."""

    name: str
    stalls: bool = False
    tail: bool = False

    def due(self, arrived: float, number: int, origin: float) -> float:
        """The instant at which request `number`, arrived at `arrived`, is to be answered."""
        begins = arrived
        if self.stalls:
            into = (arrived - origin) % STALL_EVERY_S - STALL_FROM_S
            if 0.0 <= into < STALL_S:
                begins = arrived - into + STALL_S
        return begins + BASE_S + (tail_of(number) if self.tail else 0.0)


def tail_of(number: int) -> float:
    """The extra seconds of request `number`."""
    return TAIL_MEDIAN_S * math.exp(TAIL_SIGMA * random.Random(number).gauss(0.0, 1.0))


SCHEDULES = {
    one.name: one
    for one in (
        Schedule("constant"),
        Schedule("stall", stalls=True),
        Schedule("tail", tail=True),
        Schedule("all", stalls=True, tail=True),
    )
}


def percentiles(values: Iterable[float], wanted: Iterable[float]) -> tuple[float, ...]:
    """By nearest rank: the smallest value that at least q percent of the values do not exceed."""
    ordered = sorted(values)
    return tuple(ordered[max(1, math.ceil(round(q * len(ordered) / 100, 6))) - 1] for q in wanted)

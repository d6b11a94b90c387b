"""Timers: what is asked again and again, however the flows are cut. (pure)

A flow shows one beat more or less of a timer than the other side's, depending on when it was cut; that is no
difference. That its beats lie closer together, or further apart, is one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from harness.trace.pairing import Traced

TIMERS: dict[str, float] = {
    "frame heartbeat phoenix": 25.0,
    "frame presence realtime:presence:global": 20.0,
    "PATCH /rest/v1/profiles": 60.0,
}
"""Timers of the page, and their period in seconds; nobody's doing starts them within a flow."""
SHORTEST_S = 1.4
"""Between two beats; what is asked again sooner is no timer."""
LEAST_AGE = 0.8
SHARE = 0.15
"""By which periods may differ."""


def beats(events: Sequence[Traced]) -> dict[str, list[float]]:
    """Instants at which the very same thing was asked, for everything that was asked at least twice, apart enough."""
    found: dict[str, list[float]] = defaultdict(list)
    for one in events:
        if one.shape.what.startswith(("GET ", "HEAD ", "frame heartbeat", "frame presence")):
            found[one.shape.exact].append(one.t)
    return {
        exact: times
        for exact, times in found.items()
        if len(times) > 1 and min(after - before for before, after in pairwise(times)) >= SHORTEST_S
    }


def period(times: Sequence[float]) -> float:
    """Seconds between two beats."""
    return median(after - before for before, after in pairwise(times))


def same_period(one: float, other: float, play_s: float) -> bool:
    return abs(one - other) <= max(SHARE * max(one, other), play_s)


def beat_due(one: Traced, own: Sequence[float], others: Sequence[float], length_s: float, play_s: float) -> bool:
    """Whether an event without a partner is a beat whose counterpart fell before the beginning, or behind the end,
    of the other side's flow.

    own: instants of the same thing on its side. others: on the other side.
    """
    if not others:
        return False
    after = [t for t in own if t > one.t + SHORTEST_S]
    if after and min(others) - (min(after) - one.t) < 0:
        return True
    before = [t for t in own if t < one.t - SHORTEST_S]
    return bool(before) and max(others) + (one.t - max(before)) > length_s - play_s


def ticks(one: Traced, start: float | None, earlier: Sequence[float], *, exactly: bool) -> bool:
    """Whether an event is a beat of a page's timer: at least a period after the one before (in seconds of the client's
    clock); a write, which other things cause as well, `exactly` one, where no time was skipped. Where nobody knows when
    a flow was, it is taken for one.
    """
    wanted = TIMERS.get(one.shape.what)
    if wanted is None:
        return False
    if start is None:
        return one.shape.what.startswith("frame ")
    ages = [age for at in earlier if (age := start + one.t - at) > 0]
    if one.shape.what.startswith("frame "):
        return bool(earlier) and min(ages, default=wanted) >= LEAST_AGE * wanted
    if not exactly:
        return bool(ages) and min(ages) >= LEAST_AGE * wanted
    return any(abs(age - wanted) <= 0.1 * wanted for age in ages)

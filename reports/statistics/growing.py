"""Whether a series grows all along, which no wandering does. (pure)

Correlated samples are worth few independent ones, because a series that wanders may be high for as long as a run
takes. A latency that grows second by second looks like the most correlated of all. But it does not wander: what is slow
in it is so because of the time at which it came, and will not be quick again by chance.

The measure is Goodman and Kruskal's gamma (1954) of time and value: of all pairs of moments the share in which the
later one is higher, less the share in which it is lower; equal ones, as of failures, tell nothing. Moments are MOMENTS
cells of the window, each with the median of its samples.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from reports.statistics.correlation import Floats, Timed

MOMENTS = 40
FEWEST = 15
"""Moments with a sample; fewer grow by chance."""
GROWS = 0.85
"""Of AR(0.9) to AR(0.98) series of 15 to 40 moments, at a limit that they keep, at most one in 250 grows so steadily
and is over its limit for sure by its moments; of AR(0.9) one in 3,000. Half minutes of a healthy app on a crowded
machine had 0.6 at most, latencies that grow by a second a second 0.98 and more."""


def moments(timed: Timed) -> Floats:
    """The median of each moment that has a sample, in the order of time."""
    cells = min(MOMENTS, timed.length)
    place = np.clip(timed.second * cells // max(timed.length, 1), 0, cells - 1)
    order = np.lexsort((timed.value, place))
    place, value, count = place[order], timed.value[order], timed.count[order]
    below = np.cumsum(count)
    total = np.bincount(place, weights=count, minlength=cells)
    before = np.cumsum(total) - total
    there = total > 0
    middle: npt.NDArray[np.int64] = np.searchsorted(below, (before + total / 2)[there] - 1e-9)
    found: Floats = value[np.minimum(middle, len(value) - 1)]
    return found


def grows(values: Floats) -> bool:
    """Whether later ones are higher nearly throughout; failures are infinite."""
    if len(values) < FEWEST:
        return False
    first, second = np.triu_indices(len(values), 1)
    higher, lower = int((values[second] > values[first]).sum()), int((values[second] < values[first]).sum())
    return higher > 0 and higher - lower >= GROWS * (higher + lower)

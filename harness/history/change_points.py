"""When did a series of nights change? (pure)

E-divisive (Matteson and James 2014, "A nonparametric approach for multiple change point analysis of multivariate
data"): the series is cut where the energy distance between both sides is largest, a permutation test says whether that
is more than chance makes, and each side is searched again. It knows nothing about the noise, holds for tails and
outliers as well as for means, and needs no level to be known: nights are few, uneven and not normal.

Latencies are searched as logarithms, so that "10 % slower" weighs the same at 5 ms and at 500 ms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

CHANCE = 0.01
"""Of a cut where nothing changed."""
PERMUTATIONS = 499
LEAST_NIGHTS = 4
"""On either side of a cut: fewer cannot be told from chance by permuting."""
LEAST_CHANGE = 0.05
"""What is smaller is not told, however sure."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """at: index of the first night of the later level. before, after: medians. chance: that nothing changed."""

    at: int
    before: float
    after: float
    chance: float

    @property
    def ratio(self) -> float:
        return self.after / self.before


def change_points(series: Sequence[float], *, chance: float = CHANCE, seed: int = 0) -> list[ChangePoint]:
    """Where positive figures changed, the earliest first. The same series gives the same answer.

    :param chance: of a cut where nothing changed; a smaller one takes more permutations.
    :raises ValueError: a figure is not positive and finite.
    """
    if not all(math.isfinite(value) and value > 0 for value in series):
        raise ValueError("latencies are positive and finite")
    values = np.log(np.asarray(series, dtype="float64"))
    source = np.random.default_rng(seed)
    cuts: dict[int, float] = {}
    todo = [(0, len(values))]
    while todo:
        first, last = todo.pop()
        found = _cut(values[first:last], source, chance)
        if found is None:
            continue
        at, of_cut = found
        cuts[first + at] = of_cut
        todo += [(first, first + at), (first + at, last)]
    return _told(np.asarray(series, dtype="float64"), cuts)


def _told(series: Floats, cuts: dict[int, float]) -> list[ChangePoint]:
    edges = [0, *sorted(cuts), len(series)]
    found = []
    for place, at in enumerate(edges[1:-1], start=1):
        before = float(np.median(series[edges[place - 1] : at]))
        after = float(np.median(series[at : edges[place + 1]]))
        if abs(after / before - 1) >= LEAST_CHANGE:
            found.append(ChangePoint(at, before, after, cuts[at]))
    return found


def _cut(values: Floats, source: np.random.Generator, chance: float) -> tuple[int, float] | None:
    """The best place of one stretch and the chance of its strength; None where it is no more than chance."""
    length = len(values)
    if length < 2 * LEAST_NIGHTS or float(np.ptp(values)) == 0.0:
        return None
    at, strength = _best(values)
    as_strong, permutations = 1, max(PERMUTATIONS, math.ceil(2 / chance) - 1)
    for done in range(permutations):
        as_strong += _best(source.permutation(values))[1] >= strength
        if as_strong > chance * (permutations + 1) and done >= 19:
            return None  # chance does it too often already
    return at, as_strong / (permutations + 1)


def _best(values: Floats) -> tuple[int, float]:
    """The cut with the largest scaled energy distance between both sides, and that distance."""
    length = len(values)
    distance = np.abs(values[:, None] - values[None, :])
    sums = np.zeros((length + 1, length + 1))
    sums[1:, 1:] = distance.cumsum(axis=0).cumsum(axis=1)
    n = np.arange(LEAST_NIGHTS, length - LEAST_NIGHTS + 1)
    m = length - n
    within_first = sums[n, n] / 2
    within_last = (sums[length, length] - 2 * sums[n, length] + sums[n, n]) / 2
    between = sums[n, length] - sums[n, n]
    energy = 2 * between / (n * m) - 2 * within_first / (n * (n - 1)) - 2 * within_last / (m * (m - 1))
    scaled = energy * n * m / length
    best = int(np.argmax(scaled))
    return int(n[best]), float(scaled[best])

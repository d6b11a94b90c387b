"""When did a series of nights change? (pure)

E-divisive (Matteson and James 2014, "A nonparametric approach for multiple change point analysis of multivariate
data"): the series is cut where the energy distance between both sides is largest, a permutation test says whether that
is more than chance makes, and each side is searched again. It knows nothing about the noise, holds for tails and
outliers as well as for means, and needs no level to be known: nights are few, uneven and not normal.

Latencies are searched as logarithms, so that "10 % slower" weighs the same at 5 ms and at 500 ms; a night's p95 and its
median together, as one point of two figures.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

CHANCE = 0.01
"""Of a cut where nothing changed."""
PERMUTATIONS = 499
LEAST_NIGHTS = 4
"""On either side of a cut: fewer cannot be told from chance by permuting."""
LEAST_CHANGE, LEAST_MS = 0.10, 5.0
"""What is smaller, by its share or in milliseconds, is not told, however sure: nobody waits for it, and a machine makes
it."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """at: index of the first night of the later level. before, after: medians, without what something else made of a
    night. chance: that nothing changed."""

    at: int
    before: float
    after: float
    chance: float

    @property
    def ratio(self) -> float:
        return self.after / self.before


def change_points(
    series: Sequence[float],
    *,
    chance: float = CHANCE,
    medians: Sequence[float] | None = None,
    beside: Sequence[float] | None = None,
    least_ms: float = LEAST_MS,
    seed: int = 0,
) -> list[ChangePoint]:
    """Where positive figures, milliseconds, changed, the earliest first. The same series gives the same answer.

    :param chance: of a cut where nothing changed; a smaller one takes more permutations.
    :param medians: of each night a second figure that chance moves less, searched with the first; only that is told.
    :param beside: of each night the factor that its figure owes to something else; it is searched without. A change is
        told that is large enough with it and without, and goes the same way.
    :param least_ms: what is smaller is not told.
    :raises ValueError: a figure is not positive and finite.
    """
    factors = [1.0] * len(series) if beside is None else beside
    figures = [series] if medians is None else [series, medians]
    if any(len(one) != len(series) for one in (factors, *figures)) or not all(
        math.isfinite(value) and value > 0 for one in (factors, *figures) for value in one
    ):
        raise ValueError("latencies are positive and finite")
    if len(series) < 2 * LEAST_NIGHTS:
        return []
    measured = np.asarray(figures, dtype="float64").T
    by_itself = measured / np.asarray(factors, dtype="float64")[:, None]
    values = np.log(by_itself)
    source = np.random.default_rng([seed, zlib.crc32(np.argsort(values[:, 0], kind="stable").astype("<i8").tobytes())])
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
    return [
        alone
        for change, alone in zip(_levels(measured[:, 0], cuts), _levels(by_itself[:, 0], cuts), strict=True)
        if _enough(change, 0.0) and _enough(alone, least_ms) and (change.ratio > 1) == (alone.ratio > 1)
    ]


def _enough(change: ChangePoint, least_ms: float) -> bool:
    """As a share the lower level counts, so that the way there and back are one size."""
    low, high = sorted((change.before, change.after))
    return high / low - 1 >= LEAST_CHANGE and high - low >= least_ms


def _levels(series: Floats, cuts: dict[int, float]) -> list[ChangePoint]:
    edges = [0, *sorted(cuts), len(series)]
    medians = [float(np.median(series[first:last])) for first, last in pairwise(edges)]
    return [
        ChangePoint(at, before, after, cuts[at])
        for at, (before, after) in zip(edges[1:-1], pairwise(medians), strict=True)
    ]


def _cut(values: Floats, source: np.random.Generator, chance: float) -> tuple[int, float] | None:
    """The best place of one stretch and the chance of its strength; None where it is no more than chance. values: a row
    a night."""
    length = len(values)
    if length < 2 * LEAST_NIGHTS or float(np.ptp(values)) == 0.0:
        return None
    distance, before = _distances(values), np.tri(length, k=-1)
    at, strength = _best(distance, before)
    as_strong, permutations = 1, max(PERMUTATIONS, math.ceil(2 / chance) - 1)
    for done in range(permutations):
        order = source.permutation(length)
        as_strong += _best(distance[order][:, order], before)[1] >= strength
        if as_strong > chance * (permutations + 1) and done >= 19:
            return None  # chance does it too often already
    return at, as_strong / (permutations + 1)


def _distances(values: Floats) -> Floats:
    return np.asarray(np.sqrt(np.square(values[:, None, :] - values[None, :, :]).sum(axis=2)))


def _best(distance: Floats, before: Floats) -> tuple[int, float]:
    """The cut with the largest scaled energy distance between both sides, and that distance. distance: of each night to
    each; before: 1 where a night (column) comes before another (row), else 0."""
    length = len(distance)
    n = np.arange(LEAST_NIGHTS, length - LEAST_NIGHTS + 1)
    m = length - n
    all_of_first = distance.sum(axis=1).cumsum()
    first = 2 * np.einsum("ij,ij->i", distance, before).cumsum()[n - 1]
    between = all_of_first[n - 1] - first
    last = all_of_first[-1] - first - 2 * between
    energy = 2 * between / (n * m) - first / (n * (n - 1)) - last / (m * (m - 1))
    scaled = energy * n * m / length
    best = int(np.argmax(scaled))
    return int(n[best]), float(scaled[best])

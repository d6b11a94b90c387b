"""Comparing two sides that were measured by turns: a factor, and how sure it is. (pure)

Each round is a pair: both sides with the same seed, one after the other. The factor is the geometric mean of the
pairs' ratios. Its interval is Student's, on the logarithms. A few rounds say little about their own scatter, so the
scatter of a measure is taken from all levers that were measured beside each other (the pooled variance within levers)
and from baselines that were measured twice in a round, or from the lever's own rounds where that is larger. `level` is
for all measures of a lever together (Bonferroni).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

LEVEL = 0.99
LEAST_SCATTER = 0.003
"""Of a ratio's logarithm: counts that agree by chance are not known to the last digit."""
NONE_SEEN = 3.0
"""Of what was never seen there may be up to this many: -ln(0.05), the rule of three."""
HALF = 0.5
"""Added to both sides' counts of a round in which one of them is 0, and in another it is not."""


@dataclass(frozen=True, slots=True)
class Pair:
    """One round: a total on both sides, each beside the number of units (sessions, swipes) that it is divided by."""

    shipped: float
    lever: float
    shipped_units: float = 1.0
    lever_units: float = 1.0

    @property
    def usable(self) -> bool:
        return self.shipped_units > 0 and self.lever_units > 0

    def log_ratio(self, more: float = 0.0) -> float:
        """:raises ValueError: one of the sides is 0."""
        shipped, lever = self.shipped + more, self.lever + more
        return math.log(lever / self.lever_units) - math.log(shipped / self.shipped_units)


@dataclass(frozen=True, slots=True)
class Scatter:
    """Standard deviation of one round's log ratio, and how many rounds beyond the first of each lever say so."""

    deviation: float
    freedom: int


@dataclass(frozen=True, slots=True)
class Compared:
    """shipped, lever: mean figures per unit. factor: lever / shipped. low, high: None with fewer than two rounds."""

    shipped: float
    lever: float
    factor: float
    low: float | None
    high: float | None

    @property
    def shown(self) -> bool:
        """Whether the interval excludes 1."""
        return self.low is not None and self.high is not None and not self.low <= 1.0 <= self.high


def scatter(levers: Iterable[Sequence[Pair]], alike: Sequence[Pair] = ()) -> Scatter | None:
    """Pooled over levers; None where no lever has two comparable rounds, and nothing was measured twice.

    :param alike: pairs of the same thing, two baselines of one round: their true ratio is 1.
    """
    same = _logs(alike) or []
    squares, freedom = math.fsum(log**2 for log in same), len(same)
    for pairs in levers:
        logs = _logs(pairs)
        if logs is None or len(logs) < 2:
            continue
        mean = math.fsum(logs) / len(logs)
        squares += math.fsum((log - mean) ** 2 for log in logs)
        freedom += len(logs) - 1
    return Scatter(math.sqrt(squares / freedom), freedom) if freedom else None


def compared(pairs: Sequence[Pair], pooled: Scatter | None, *, among: int = 1, level: float = LEVEL) -> Compared | None:
    """None where there is nothing to compare: no usable round, or nothing was counted on either side.

    :param among: how many measures share the level.
    """
    usable = [pair for pair in pairs if pair.usable]
    shipped, lever = (
        (math.fsum(one) for one in zip(*((p.shipped, p.lever) for p in usable), strict=True)) if usable else (0.0, 0.0)
    )
    if not usable or (shipped == 0 and lever == 0):
        return None
    means = _mean([p.shipped / p.shipped_units for p in usable]), _mean([p.lever / p.lever_units for p in usable])
    logs = _logs(usable)
    if logs is None:
        return _all_or_nothing(usable, shipped, lever, *means)
    centre = _mean(logs)
    if len(logs) < 2 or pooled is None:
        return Compared(*means, math.exp(centre), None, None)
    own = math.sqrt(math.fsum((log - centre) ** 2 for log in logs) / (len(logs) - 1))
    deviation = max(own, pooled.deviation, LEAST_SCATTER)
    tail = (1 - level) / (2 * max(1, among))
    half = student(1 - tail, pooled.freedom) * deviation / math.sqrt(len(logs))
    return Compared(*means, math.exp(centre), math.exp(centre - half), _exp(centre + half))


def _all_or_nothing(usable: Sequence[Pair], shipped: float, lever: float, *means: float) -> Compared:
    """One side counted nothing at all, in any round."""
    units = (math.fsum(p.shipped_units for p in usable), math.fsum(p.lever_units for p in usable))
    once = len(usable) < 2
    if lever == 0:
        most = NONE_SEEN / shipped * units[0] / units[1]
        return Compared(means[0], means[1], 0.0, None if once else 0.0, None if once else most)
    least = lever / NONE_SEEN * units[0] / units[1]
    return Compared(means[0], means[1], math.inf, None if once else least, None if once else math.inf)


def _logs(pairs: Sequence[Pair]) -> list[float] | None:
    """Log ratios of usable rounds; None where one side is 0 in all of them."""
    usable = [pair for pair in pairs if pair.usable and (pair.shipped > 0 or pair.lever > 0)]
    if not usable or all(p.shipped == 0 for p in usable) or all(p.lever == 0 for p in usable):
        return None
    more = HALF if any(p.shipped == 0 or p.lever == 0 for p in usable) else 0.0
    return [pair.log_ratio(more) for pair in usable]


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


# ---- Student's distribution ---------------------------------------------------------------------------------------


def student(share: float, freedom: int) -> float:
    """The quantile of Student's t: what a share of it lies below. :raises ValueError: not within 0 to 1, no freedom."""
    if not 0 < share < 1 or freedom < 1:
        raise ValueError(f"student({share}, {freedom}): a share within 0 to 1, and at least one degree of freedom")
    if share < 0.5:
        return -student(1 - share, freedom)
    low, high = 0.0, max(2.0, 2 * NormalDist().inv_cdf(share))
    while student_below(high, freedom) < share:
        low, high = high, high * 2
    for _ in range(200):
        middle = (low + high) / 2
        if student_below(middle, freedom) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def student_below(t: float, freedom: int) -> float:
    """The share of Student's distribution below t: its finite sums for whole degrees of freedom (Abramowitz and
    Stegun, 26.7.3 and 26.7.4)."""
    angle = math.atan2(t, math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    if freedom % 2:
        term, total = cosine, cosine if freedom > 1 else 0.0
        for number in range(3, freedom - 1, 2):
            term *= cosine * cosine * (number - 1) / number
            total += term
        within = 2 / math.pi * (angle + sine * total)
    else:
        term = total = 1.0
        for number in range(2, freedom - 1, 2):
            term *= cosine * cosine * (number - 1) / number
            total += term
        within = sine * total
    return 0.5 + within / 2

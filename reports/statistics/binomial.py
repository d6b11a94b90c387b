"""Exact bounds of a share, and of a percentile's rank, from how often something was seen. (pure)

Clopper and Pearson (1934): the bounds are quantiles of beta distributions. Numbers of samples may be fractions, because
correlated samples count as fewer (`reports.statistics.correlation`). Shares and confidences are fractions of one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

TINY = 1e-300
STEPS = 60
"""Halvings of a bisection: far below anything that is printed."""
LARGEST = 10**9
"""Samples that nobody takes: more than that is "never"."""


@lru_cache(maxsize=65536)
def incomplete_beta(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), a and b above 0: the beta distribution's cdf."""
    if x <= 0.0 or x >= 1.0:
        return 0.0 if x <= 0.0 else 1.0
    if x > (a + 1.0) / (a + b + 2.0):
        return 1.0 - incomplete_beta(1.0 - x, b, a)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(front) * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function, by Lentz's method."""
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if d > TINY or d < -TINY else TINY)
    total = d
    for m in range(1, 100_000):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        factor = 1.0
        for term in (even, odd):
            d = 1.0 + term * d
            d = 1.0 / (d if d > TINY or d < -TINY else TINY)
            c = 1.0 + term / c
            c = c if c > TINY or c < -TINY else TINY
            factor = c * d
            total *= factor
        if abs(factor - 1.0) < 1e-12:
            break
    return total


def beta_quantile(probability: float, a: float, b: float) -> float:
    """The x with I_x(a, b) = probability."""
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if incomplete_beta(middle, a, b) < probability else (low, middle)
    return (low + high) / 2


@lru_cache(maxsize=4096)
def upper(bad: float, samples: float, confidence: float = 0.95) -> float:
    """The largest share that would still show as few as `bad` of `samples` with probability 1 - confidence."""
    return 1.0 if bad >= samples else beta_quantile(confidence, bad + 1.0, samples - bad)


@lru_cache(maxsize=4096)
def lower(bad: float, samples: float, confidence: float = 0.95) -> float:
    """The smallest share that would still show as many as `bad` of `samples` with probability 1 - confidence."""
    if bad <= 0:
        return 0.0
    return beta_quantile(1.0 - confidence, min(bad, samples), max(samples - bad, 0.0) + 1.0)


def as_many_by_chance(events: int, mean: float) -> float:
    """The probability of at least so many events where `mean` are expected (Poisson), each by itself."""
    below, term = 0.0, math.exp(-mean)
    for number in range(events):
        below += term
        term *= mean / (number + 1)
    return max(0.0, 1.0 - below)


def clean_samples(allowed: float, confidence: float = 0.95) -> int:
    """The fewest samples that can show a share of at most `allowed`: with not one bad among them. 59 for 5 %."""
    if allowed <= 0.0:
        return LARGEST
    if allowed >= 1.0:
        return 1
    samples = max(1, math.ceil(math.log(1.0 - confidence) / math.log1p(-allowed)) - 1)
    while (1.0 - allowed) ** samples > 1.0 - confidence:
        samples += 1
    return samples


@lru_cache(maxsize=4096)
def needed_samples(share: float, allowed: float, confidence: float = 0.95) -> int | None:
    """How many samples show a share of at most `allowed` if `share` of them is bad; None: no number does."""
    if share >= allowed:
        return None

    def shown(samples: int) -> bool:
        return upper(math.ceil(share * samples - 1e-9), samples, confidence) <= allowed

    high = clean_samples(allowed, confidence)
    if share <= 0.0:
        return high
    while not shown(high):
        high *= 2
        if high > LARGEST:
            return None
    low = high // 2
    while high - low > max(1, high // 1000):
        middle = (low + high) // 2
        low, high = (low, middle) if shown(middle) else (middle, high)
    return high


@lru_cache(maxsize=65536)
def rank_bounds(samples: float, share: float, confidence: float = 0.95) -> tuple[float | None, float | None]:
    """One-based ranks, not rounded, between which the quantile at `share` lies with `confidence`: order statistics.

    None: no sample is small, or large, enough. A rank between two whole ones is a place between two samples (Stigler
    1977, Hutson 1999); rounded outwards, the ranks are those of the exact interval.
    """
    tail = (1.0 - confidence) / 2
    return lower_rank(samples, share, tail), _upper_rank(samples, share, tail)


@lru_cache(maxsize=65536)
def lower_rank(samples: float, share: float, tail: float) -> float | None:
    """The l with P(B <= l - 1) = tail, B binomial: the chance that the l-th smallest is already above the quantile."""

    def above(rank: float) -> float:
        return incomplete_beta(1.0 - share, samples - rank + 1.0, rank)

    low, high = 1.0, float(samples)
    if high < 1.0 or above(low) > tail:
        return None
    return _bisected(low, high, lambda rank: above(rank) <= tail)


def _upper_rank(samples: float, share: float, tail: float) -> float | None:
    """The u with P(B >= u) = tail: the chance that the u-th smallest is still below the quantile."""

    def below(rank: float) -> float:
        return incomplete_beta(share, rank, samples - rank + 1.0)

    low, high = min(1.0, samples / 2), float(samples)
    if below(high) > tail:
        return None
    return _bisected(low, high, lambda rank: below(rank) > tail)


def _bisected(low: float, high: float, holds_below: Callable[[float], bool]) -> float:
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if holds_below(middle) else (low, middle)
        if high - low < 1e-9 * high:
            break
    return (low + high) / 2

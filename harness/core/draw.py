"""Draws from the distributions of a profile. (pure)"""

from __future__ import annotations

import math
import random
from functools import lru_cache
from statistics import NormalDist

from harness.core.distributions import Constant, Distribution, LogNormal, Uniform

_NORMAL = NormalDist()
_SMALLEST = 1e-300  # inv_cdf is not defined at 0


def draw(distribution: Distribution, source: random.Random) -> float:
    """One value, in the unit of the quantity that `distribution` describes.

    Takes exactly one number from `source` (none for a constant), whatever the distribution, so that changing one
    quantity of a profile leaves the draws of all others where they were.
    """
    if isinstance(distribution, Constant):
        return distribution.value
    if isinstance(distribution, Uniform):
        return distribution.low + (distribution.high - distribution.low) * source.random()
    return _truncated_lognormal(distribution, source.random())


def draw_count(distribution: Distribution, source: random.Random) -> int:
    """One value rounded to a whole number; halves go up."""
    return math.floor(draw(distribution, source) + 0.5)


def _truncated_lognormal(distribution: LogNormal, uniform: float) -> float:
    """The log-normal given that it lies in [min, max]: what drawing again until it does would give.

    By inversion of the truncated distribution function (Devroye, Non-Uniform Random Variate Generation, 1986,
    II.2), because it needs one uniform number and no loop.
    """
    sigma, smallest, largest = distribution.sigma, distribution.min, distribution.max
    mu, low, high = _truncation(distribution.median, sigma, smallest, largest)
    quantile = min(max(low + (high - low) * uniform, _SMALLEST), 1 - 2**-53)
    value = math.exp(mu + sigma * _NORMAL.inv_cdf(quantile))
    return min(max(value, smallest), math.inf if largest is None else largest)


@lru_cache(maxsize=1024)  # a profile has some dozen distributions
def _truncation(median: float, sigma: float, smallest: float, largest: float | None) -> tuple[float, float, float]:
    """Mu, and the distribution function at both bounds."""
    mu = math.log(median)
    low = _NORMAL.cdf((math.log(smallest) - mu) / sigma) if smallest > 0 else 0.0
    high = 1.0 if largest is None else _NORMAL.cdf((math.log(largest) - mu) / sigma)
    return mu, low, high

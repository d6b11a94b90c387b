"""A percentile of two deployments that were loaded at the same time: how far apart, and how sure is that? (pure)

Both met the same machine and the same moments. The time is cut into slices; whatever a neighbour or a busy disk did in
a slice, it did to both. So slices are drawn anew, for both at once (paired block bootstrap: Efron 1979; blocks: Kuensch
1989), and the percentiles of all samples compared each time: what hit both alike cancels, what follows in time stays
together. The spread of the ratios is the error of the ratio; the degrees of freedom are a slice fewer than there are.

Two bounds keep few samples from looking precise: no error is below what the ranks of so many independent samples leave
open, nor below `BIAS`, by which two copies of one build may differ for good (another process, other memory).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from reports.ranks import share_of
from reports.statistics.binomial import rank_bounds
from reports.statistics.many import student_tail

BIAS = 0.02
"""Standard deviation of the logarithm of a ratio, which no number of samples takes away."""
DRAWS = 400
ONE_SIGMA = 0.6827
LEAST_SLICES = 8
"""Fewer say nothing about how far slices differ."""
LEAST_US = 1.0

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Samples:
    """One operation's latencies at one deployment. slice: from 0, of each value; value_us: infinite where it failed."""

    slice: Ints
    value_us: Floats
    count: Ints

    @property
    def number(self) -> int:
        return int(self.count.sum())


@dataclass(frozen=True)
class Ratio:
    """A percentile of the head over that of the base. shift, error: of its logarithm; freedom: of Student's t.

    base_us, head_us: the percentiles; infinite where they fall on a failure, and then there is no shift (NaN).
    """

    base_us: float
    head_us: float
    shift: float
    error: float
    freedom: float

    @property
    def told(self) -> bool:
        """Whether both are latencies whose spread is known."""
        return math.isfinite(self.shift) and math.isfinite(self.error)

    @property
    def chance(self) -> float:
        """Of a head at least so much slower, where nothing has changed."""
        return student_tail(self.shift / self.error, self.freedom) if self.told else 1.0

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Of the ratio."""
        half = _student_factor(self.freedom, confidence) * self.error
        return math.exp(self.shift - half), math.exp(self.shift + half)


def ratio(base: Samples, head: Samples, slices: int, percentile: float) -> Ratio:
    """How much slower the head is at `percentile`. Each has at least one sample; `slices`: how many there are."""
    values = np.unique(np.concatenate((base.value_us, head.value_us)))
    tables = [_table(one, values, slices) for one in (base, head)]
    base_us, head_us = (float(values[_places(table.sum(axis=0)[None, :], percentile)[0]]) for table in tables)
    if not (math.isfinite(base_us) and math.isfinite(head_us)) or slices < LEAST_SLICES:
        return Ratio(base_us, head_us, math.nan, math.inf, 1.0)
    drawn = [values[_places(_draws(slices) @ table, percentile)] for table in tables]
    with np.errstate(invalid="ignore"):
        shifts = _logs(drawn[1]) - _logs(drawn[0])
    error = max(_spread(shifts, slices), math.hypot(*(_by_ranks(one, values, percentile) for one in tables)))
    shift = math.log(max(head_us, LEAST_US)) - math.log(max(base_us, LEAST_US))
    return Ratio(base_us, head_us, shift, math.hypot(error, BIAS), slices - 1.0)


def _table(samples: Samples, values: Floats, slices: int) -> Ints:
    """Counts, a row a slice, a column a value. Whole numbers: their products need no threads."""
    found = np.zeros((slices, len(values)), dtype="int64")
    np.add.at(found, (samples.slice, np.searchsorted(values, samples.value_us)), samples.count)
    return found


@lru_cache(maxsize=16)
def _draws(slices: int) -> Ints:
    """How often each slice is drawn, a row a draw; the same ones for every operation, and each time."""
    source = np.random.default_rng(slices)
    return source.multinomial(slices, np.full(slices, 1.0 / slices), size=DRAWS)


def _places(counts: Ints, percentile: float) -> Ints:
    """Where in the sorted values the percentile lies, by nearest rank, of each row of counts."""
    below = counts.cumsum(axis=1)
    share = share_of(percentile)
    ranks = np.maximum(-(-below[:, -1] * share.numerator // share.denominator), 1)
    return np.asarray(np.minimum((below < ranks[:, None]).sum(axis=1), counts.shape[1] - 1))


def _logs(values_us: Floats) -> Floats:
    return np.asarray(np.log(np.maximum(values_us, LEAST_US)))


def _spread(shifts: Floats, slices: int) -> float:
    """Standard deviation, by the middle two thirds: a few draws with a failure at the percentile are no estimate."""
    ordered = np.sort(np.where(np.isnan(shifts), np.inf, shifts))
    low, high = (float(ordered[round(share * (len(ordered) - 1))]) for share in (0.1587, 0.8413))
    if not (math.isfinite(low) and math.isfinite(high)):
        return math.inf
    return (high - low) / 2 * math.sqrt(slices / (slices - 1))


def _by_ranks(table: Ints, values: Floats, percentile: float) -> float:
    """What the ranks of independent samples leave open of the percentile's logarithm."""
    counts = table.sum(axis=0)
    low, high = _rank_bounds(int(counts.sum()), percentile)
    if low is None or high is None:
        return math.inf
    below = counts.cumsum()
    places = [min(int((below < rank).sum()), len(values) - 1) for rank in (math.floor(low), math.ceil(high))]
    first, last = _logs(values[places])
    return float(last - first) / 2 if math.isfinite(last) else math.inf


@lru_cache(maxsize=4096)
def _rank_bounds(samples: int, percentile: float) -> tuple[float | None, float | None]:
    return rank_bounds(float(samples), percentile / 100.0, ONE_SIGMA)


@lru_cache(maxsize=64)
def _student_factor(freedom: float, confidence: float) -> float:
    low, high, tail = 0.0, 1000.0, (1.0 - confidence) / 2
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if student_tail(middle, freedom) > tail else (low, middle)
    return low


def pooled(parts: Sequence[Samples]) -> Samples:
    """Several rounds' samples, their slices already counted on."""
    return Samples(
        np.concatenate([one.slice for one in parts]),
        np.concatenate([one.value_us for one in parts]),
        np.concatenate([one.count for one in parts]),
    )

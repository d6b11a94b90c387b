"""Logarithmic latency buckets: whole microseconds in, bucket numbers and representatives out. (pure)

Up to 255 us every value has its own bucket. Above, every doubling is cut into 128 equal buckets, so that a bucket's
representative differs from any value in it by at most 1/256 = 0.39 %. (The layout is that of HdrHistogram, Gil Tene,
hdrhistogram.org, with seven bits per doubling; integer arithmetic only, so every machine agrees on every bucket.)
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]

SUB_BITS = 7
SUB = 1 << SUB_BITS
MAX_US = 3_600_000_000
"""One hour. Longer values count as this one, negative ones as 0."""
RELATIVE_ERROR = 0.5 / SUB


def index(us: npt.ArrayLike) -> Integers:
    """The bucket of each value in microseconds."""
    value = np.clip(np.asarray(us, dtype=np.int64), 0, MAX_US)
    # frexp is exact for integers below 2**53: value = mantissa * 2**exponent with mantissa in [0.5, 1)
    exponent = np.frexp(value.astype(np.float64))[1].astype(np.int64)
    shift = np.maximum(exponent - 1 - SUB_BITS, 0)
    number: Integers = shift * SUB + (value >> shift)
    return number


def representative(bucket: npt.ArrayLike) -> Integers:
    """The value in microseconds that stands for each bucket: its middle, rounded down."""
    number = np.asarray(bucket, dtype=np.int64)
    shift = np.maximum(number // SUB - 1, 0)
    width = np.left_shift(np.int64(1), shift)
    middle: Integers = ((number - shift * SUB) << shift) + (width - 1) // 2
    return middle


def width(us: npt.ArrayLike) -> Integers:
    """Of the bucket that each value lies in: how many microseconds it spans."""
    wide: Integers = np.left_shift(np.int64(1), np.maximum(index(us) // SUB - 1, 0))
    return wide


BUCKETS = int(index([MAX_US])[0]) + 1
"""How many buckets there are; they are numbered from 0."""


def percentile(representatives: npt.ArrayLike, counts: npt.ArrayLike, q: float) -> float:
    """The q-th percentile by nearest rank: the smallest value that at least q percent of the samples do not exceed.

    With n samples that is the sample of rank ceil(q / 100 * n), at least 1: an order statistic, no interpolation
    (Hyndman and Fan, Sample Quantiles in Statistical Packages, 1996, definition 1). The arrays may be in any order
    and name a value more than once.

    :param q: 0 to 100.
    :raises ValueError: q is outside, or there is no sample.
    """
    if not 0 <= q <= 100:
        raise ValueError(f"a percentile lies between 0 and 100, not at {q}")
    values, weights = np.asarray(representatives), np.asarray(counts, dtype=np.int64)
    total = int(weights.sum())
    if total <= 0:
        raise ValueError("no samples, so no percentile")
    order = np.argsort(values, kind="stable")
    # rounding first: 99.9 / 100 * 1000 is 999.0000000000001 in binary, and rank 1000 would be wrong
    rank = max(1, math.ceil(round(q * total / 100, 6)))
    return float(values[order][np.searchsorted(np.cumsum(weights[order]), rank, side="left")])


@dataclass(frozen=True, eq=False, slots=True)
class Histogram:
    """Counts per bucket, as they stand in the record: representatives ascending, each once, counts above 0."""

    bucket_us: Integers
    count: Integers

    @classmethod
    def of(cls, us: npt.ArrayLike) -> Histogram:
        """The histogram of single values in microseconds."""
        bucket, count = np.unique(index(us), return_counts=True)
        return cls(representative(bucket), count.astype(np.int64))

    @classmethod
    def merged(cls, parts: Iterable[Histogram]) -> Histogram:
        """All samples of all parts. Addition, so neither order nor grouping matters, and no error is added."""
        parts = list(parts)
        if not parts:
            return cls(np.empty(0, np.int64), np.empty(0, np.int64))
        values, place = np.unique(np.concatenate([part.bucket_us for part in parts]), return_inverse=True)
        count = np.zeros(len(values), np.int64)
        np.add.at(count, place, np.concatenate([part.count for part in parts]))
        return cls(values, count)

    def __add__(self, other: Histogram) -> Histogram:
        return Histogram.merged((self, other))

    @property
    def total(self) -> int:
        """Number of samples."""
        return int(self.count.sum())

    def percentile(self, q: float) -> float:
        """See `percentile`; microseconds."""
        return percentile(self.bucket_us, self.count, q)

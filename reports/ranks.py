"""Percentiles by nearest rank over counted values, in exact integer arithmetic. (pure)

The p-th percentile of n values is the smallest value v with at least p percent of the values at or below v: the
value at rank ceil(p * n / 100). Therefore "the p-th percentile is under L" and "at least p percent of the values are
under L" are the same statement, for every n. Floating point would break that at the edges (0.95 * 100 is not 95).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from reports.samples import stretches

MOST_CELLS = 1 << 22
"""Of a grid of groups and values, or of keys; beyond that, sorting takes less memory."""
Integers = npt.NDArray[np.int64]


def share_of(percentile: float) -> Fraction:
    """`percentile` (in percent, as written: 99.9 is 999/1000) as an exact share of one."""
    return Fraction(str(percentile)) / 100


def rank_of(percentile: float, samples: int) -> int:
    """One-based rank of the percentile among `samples` sorted values."""
    share = share_of(percentile)
    return max(1, -(-samples * share.numerator // share.denominator))


def value_at_share(frame: pd.DataFrame, share: float) -> float:
    """Smallest `value_us` with at least `share` (0..1) of the samples at or below it; NaN without samples.

    `frame` has the columns `value_us` and `count`, in any order.
    """
    return values_at_shares(frame, (share,))[0]


def values_at_shares(frame: pd.DataFrame, shares: Sequence[float]) -> list[float]:
    """`value_at_share` of several shares."""
    count = frame["count"].to_numpy()
    samples = int(count.sum())
    if samples == 0:
        return [float("nan")] * len(shares)
    values, below = _cumulated(frame)
    ranks = [min(samples, max(1, int(np.ceil(share * samples)))) for share in shares]
    return [float(values[int(np.searchsorted(below, rank))]) for rank in ranks]


def value_at_rank(frame: pd.DataFrame, rank: int) -> float:
    """Smallest `value_us` with at least `rank` samples at or below it. There has to be one."""
    values, below = _cumulated(frame)
    return float(values[int(np.searchsorted(below, rank))])


def percentiles_of(frame: pd.DataFrame, percentiles: Sequence[float]) -> tuple[int, list[float]]:
    """`grouped_percentiles` of a frame that is one group: its samples, and its percentiles in microseconds."""
    values, below = _cumulated(frame)
    samples = int(below[-1])
    shares = [share_of(percentile) for percentile in percentiles]
    ranks = [-(-samples * share.numerator // share.denominator) for share in shares]
    return samples, [float(values[int(np.searchsorted(below, rank))]) for rank in ranks]


def _cumulated(frame: pd.DataFrame) -> tuple[npt.NDArray[Any], npt.NDArray[np.float64]]:
    """Each value once, ascending, and how many samples are at or below it."""
    value, count = frame["value_us"].to_numpy(), frame["count"].to_numpy()
    values, counts = [value[:0]], [np.zeros(0, np.float64)]
    for at in stretches(len(value)):
        place, found = pd.factorize(value[at])
        values.append(found)
        counts.append(np.bincount(place, weights=count[at], minlength=len(found)).astype(np.float64))
    ascending, place = distinct(np.concatenate(values))
    number = np.bincount(place, weights=np.concatenate(counts), minlength=len(ascending))
    return ascending, np.cumsum(number)


def grouped_percentiles(frame: pd.DataFrame, keys: Sequence[str], percentiles: Sequence[float]) -> pd.DataFrame:
    """Per group of `keys`: the number of `samples` and one column a percentile (`p50`, `p99.9`), in microseconds.

    `frame` has the columns `value_us` (infinity allowed: slower than anything) and `count`.
    """
    columns = list(keys)
    names = [f"p{percentile:g}" for percentile in percentiles]
    if frame.empty:
        empty = pd.DataFrame(columns=[*columns, "samples", *names]).astype({"samples": "int64"})
        return empty.astype(dict.fromkeys(names, "float64"))
    group, labels = _groups(frame, columns)
    values, place = distinct(frame["value_us"].to_numpy())
    samples, below = _running(group, place, frame["count"].to_numpy(), (len(labels), len(values)))
    result = labels.assign(samples=samples)
    for name, percentile in zip(names, percentiles, strict=True):
        share = share_of(percentile)
        rank = -(-samples * share.numerator // share.denominator)
        result[name] = values[below(rank)].astype("float64")
    return result


def distinct(values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Integers]:
    """Each value once, ascending, and which of them each is. They are few, and hashing is far quicker than sorting."""
    place, found = pd.factorize(values)
    order = np.argsort(found)
    rank = np.empty(len(found), np.int64)
    rank[order] = np.arange(len(found))
    return np.asarray(found)[order], rank[place]


def _groups(frame: pd.DataFrame, columns: Sequence[str]) -> tuple[Integers, pd.DataFrame]:
    """The number of each row's group, and the groups' keys, one row a group, sorted."""
    codes, names = [], []
    for column in columns:
        if isinstance(frame[column].dtype, pd.CategoricalDtype):
            codes.append(frame[column].cat.codes.to_numpy())
            names.append(frame[column].cat.categories)
        else:
            place, found = pd.factorize(frame[column], sort=True)
            codes.append(place)
            names.append(found)
    shape = [max(len(one), 1) for one in names]
    cell = np.ravel_multi_index([one.astype(np.int64) for one in codes], shape)
    if math.prod(shape) <= MOST_CELLS:
        present = np.flatnonzero(np.bincount(cell, minlength=math.prod(shape)))
        lookup = np.zeros(math.prod(shape), np.int64)
        lookup[present] = np.arange(len(present))
        group = lookup[cell]
    else:
        present, group = np.unique(cell, return_inverse=True)
    places = np.unravel_index(present, shape)
    keys = {column: pd.Index(one).take(at) for column, one, at in zip(columns, names, places, strict=True)}
    return group, pd.DataFrame({column: pd.Series(one.array) for column, one in keys.items()})


def _running(
    group: Integers, place: Integers, count: npt.NDArray[Any], shape: tuple[int, int]
) -> tuple[Integers, Callable[[Integers], Integers]]:
    """Samples of each group, and a function that finds, for a rank in each, which value stands there."""
    groups, values = shape
    samples: Integers = np.bincount(group, weights=count, minlength=groups).astype(np.int64)
    cell = group * values + place
    if groups * values <= min(MOST_CELLS, 4 * len(cell)) and samples.all():
        grid = np.bincount(cell, weights=count, minlength=groups * values).reshape(shape)
        np.cumsum(grid, axis=1, out=grid)
        return samples, lambda rank: np.argmax(grid >= rank[:, None], axis=1)
    order = np.argsort(cell, kind="stable")
    begins = np.searchsorted(cell[order], np.arange(groups) * values)
    running = np.concatenate(([0], np.cumsum(count[order].astype(np.int64))))

    def at(rank: Integers) -> Integers:
        # each group's rows are a stretch of one running sum; a group of no sample at all has its first value
        found = np.searchsorted(running, running[begins] + rank, side="left") - 1
        return place[order][np.maximum(found, begins)]

    return samples, at

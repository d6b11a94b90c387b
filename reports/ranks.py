"""Percentiles by nearest rank over counted values, in exact integer arithmetic. (pure)

The p-th percentile of n values is the smallest value v with at least p percent of the values at or below v: the
value at rank ceil(p * n / 100). Therefore "the p-th percentile is under L" and "at least p percent of the values are
under L" are the same statement, for every n. Floating point would break that at the edges (0.95 * 100 is not 95).
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import pandas as pd


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
    samples = int(frame["count"].sum())
    if samples == 0:
        return float("nan")
    ordered = frame.sort_values("value_us")
    rank = min(samples, max(1, int(np.ceil(share * samples))))
    position = int(np.searchsorted(ordered["count"].cumsum().to_numpy(), rank))
    return float(ordered["value_us"].iloc[position])


def grouped_percentiles(frame: pd.DataFrame, keys: Sequence[str], percentiles: Sequence[float]) -> pd.DataFrame:
    """Per group of `keys`: the number of `samples` and one column a percentile (`p50`, `p99.9`), in microseconds.

    `frame` has the columns `value_us` (infinity allowed: slower than anything) and `count`.
    """
    columns = list(keys)
    names = [f"p{percentile:g}" for percentile in percentiles]
    if frame.empty:
        empty = pd.DataFrame(columns=[*columns, "samples", *names]).astype({"samples": "int64"})
        return empty.astype(dict.fromkeys(names, "float64"))
    steps = frame.groupby([*columns, "value_us"], sort=True)["count"].sum().reset_index()
    groups = steps.groupby(columns, sort=True)["count"]
    steps["below"] = groups.cumsum()
    steps["samples"] = groups.transform("sum")
    result = steps.groupby(columns, sort=True)["samples"].first().to_frame()
    for name, percentile in zip(names, percentiles, strict=True):
        share = share_of(percentile)
        rank = -(-steps["samples"] * share.numerator // share.denominator)
        result[name] = steps[steps["below"] >= rank].groupby(columns, sort=True)["value_us"].first()
    return result.reset_index()

"""By how much the generator's own loop was late, second by second. (pure)

Made once for a run, and asked for every objective (`reports.disturbance` says what for).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.core.tables import View
from reports.ranks import values_at_shares
from reports.samples import own_values, part, stretches

SHARES = (0.5, 0.75, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998, 0.999)
"""Quantiles of the lag that are tried as e, beside each second's own largest lag."""

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class Delays:
    """Loop lag and lateness of the `generator`'s rows (columns second, view, bucket_us, count)."""

    def __init__(self, generator: pd.DataFrame) -> None:
        self._generator = generator

    @cached_property
    def known(self) -> bool:
        """Whether there is any lag on record."""
        return bool((self._generator["view"] == View.LAG).any())

    @cached_property
    def tried(self) -> Floats:
        """The delays that shares above are known of, in microseconds."""
        return np.unique(values_at_shares(self._of(View.LAG), SHARES))

    @cached_property
    def lag(self) -> BySecond:
        """By the second in which what was due was served."""
        return BySecond.of(self._of(View.LAG), self.tried, served=True)

    @cached_property
    def late(self) -> BySecond:
        """By the second in which sessions were due."""
        return BySecond.of(self._of(View.LATENESS), self.tried, served=False)

    def _of(self, view: View) -> pd.DataFrame:
        return own_values(part(self._generator, self._generator["view"] == view))


def _second(due: npt.NDArray[Any], delay_us: npt.NDArray[Any], served: bool) -> Integers:
    second: Integers = due.astype(np.int64)
    return second + delay_us.astype(np.int64) // 1_000_000 if served else second


@dataclass(frozen=True)
class Worst:
    """Per range of seconds: the share of delays above each one tried, and the largest; NaN without any."""

    above: Floats
    largest: Floats


class BySecond:
    """Per second the share of delays above each one tried, and in the last column the largest; NaN without any."""

    def __init__(self, table: Floats) -> None:
        self._levels = [table]  # level n: the worst of each 2**n seconds that begin there

    @classmethod
    def of(cls, rows: pd.DataFrame, tried: Floats, *, served: bool) -> BySecond:
        """Delays by the second they were due in, or `served` in."""
        delay, count, due = (rows[name].to_numpy() for name in ("value_us", "count", "second"))
        length = 1 + max([0, *(int(_second(due[at], delay[at], served).max()) for at in stretches(len(delay)))])
        columns, largest = len(tried) + 1, np.zeros(length)
        counted = np.zeros(length * columns)
        for at in stretches(len(delay)):
            value, second = delay[at].astype("float64"), _second(due[at], delay[at], served)
            cell = np.searchsorted(tried, value, side="left")  # how many of those tried a delay is above
            cell += second * columns
            counted += np.bincount(cell, weights=count[at], minlength=len(counted))
            np.maximum.at(largest, second, value)
        counts = counted.reshape(length, columns)
        above = counts[:, ::-1].cumsum(axis=1)[:, ::-1]
        total = above[:, 0]
        table = np.concatenate([above[:, 1:] / np.maximum(total, 1.0)[:, None], largest[:, None]], axis=1)
        table[total == 0] = np.nan
        return cls(table)

    def worst(self, first: Integers, last: Integers) -> Worst:
        """The worst over each range of seconds, a neighbour on both sides included; past the end, the last second."""
        end = len(self._levels[0]) - 1
        begins = np.clip(first - 1, 0, end)
        ends = np.minimum(last + 1, end) + 1
        length = np.maximum(ends - begins, 1)
        level = np.floor(np.log2(length)).astype(np.int64)
        found = np.empty((len(first), self._levels[0].shape[1]))
        for one in np.unique(level).tolist():
            rows, wide = level == one, self._level(one)
            found[rows] = np.fmax(wide[begins[rows]], wide[ends[rows] - (1 << one)])
        return Worst(found[:, :-1], found[:, -1])

    def _level(self, number: int) -> Floats:
        while len(self._levels) <= number:
            half, reach = self._levels[-1], 1 << (len(self._levels) - 1)
            self._levels.append(np.fmax(half[:-reach], half[reach:]))
        return self._levels[number]

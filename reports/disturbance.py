"""How far the generator's own delays could have moved a percentile. (pure)

A recorded latency is V = T + E: T is what a perfect generator would have seen, E >= 0 is how long our own loop kept a
finished reply (and, in the e2e view, a person's intent) waiting. E of a single sample is unknown, its distribution is
not: the lag view holds, 10 ms apart and with stalls filled in, how late something due at that instant was served. A
reply due at that instant would have been served as late. So of the samples completed in a second, the share that waited
longer than e is the share above e of the lag samples served in it: G(e).

Nothing is assumed about *which* samples waited; the slowest may have met the longest lag. Whoever has V > x + e has
T > x or waited longer than e. For n samples completed in a second, and every e,

    #{T > x}  >=  #{V > x + e} - n * G(e)                (Makarov 1981, in counts)

Seconds are put together by their largest lag, one stratum for every doubling of it; n * G(e) adds up over the seconds
of a stratum, the best e is taken for each stratum, and the strata are added up: B(x). (The best e of each single second
would be chosen by the luck of its few samples.) A percentile of rank r among N samples is above x when more than N - r
samples are. The lower bound of the undisturbed percentile is therefore the largest x with B(x) > N - r, and what the
generator could have added is at most the recorded percentile minus that x. A quiet second costs its own largest lag and
no more, one bad second among sixty costs its samples and no more.

How often a sample can wait: in the server view once, for its reply. An e2e operation also waits at its start, as long
as the lateness view says, and between its requests: its start and three lags are allowed for, each as in the worst
second of the operation's life, E <= L + 3 * E'. It exceeds 4 * e only where L or one of the E' exceeds e, which happens
with probability at most G_L(e) + 3 * G(e).

What waited for the target's limits is known by operation and second (the held view), but not which sample it is: so
many samples fewer are surely above anything.

A delivery starts within its sender's session and ends when a receiver's loop reads the frame: two lags, no start.

Bounds, not estimates. Seconds are known to one second: the worst of a second and its neighbours counts; one with no lag
on record could have held anything. A failure stays a failure: that a stall of the generator made a call time out is for
the vetoes of `reports.health`.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from harness.core.tables import View
from reports.delays import Delays
from reports.frames import Frames
from reports.ranks import rank_of

LAGS = {View.SERVER: 1, View.E2E: 3, View.DELIVERY: 2}
LONG_S = 5.0
"""Operations that last longer form groups of their own, so that their long lives do not count for the short ones."""
PRECISION_US = 20.0
MOST_SLOTS = 1 << 20
"""Seconds that are counted one by one, whether they have a sample or not."""

Floats = npt.NDArray[np.float64]


def moved_ms(frames: Frames, chosen: pd.DataFrame, view: View, percentile: float, value_us: float) -> float:
    """By how many milliseconds, at most, the generator could have raised the percentile of `chosen` to `value_us`.

    `chosen` are samples of one operation and view, with columns second, value_us, count. 0 for a percentile that falls
    on a failure, and for a run without any lag on record: there the health check vetoes the whole run.
    """
    if chosen.empty or not math.isfinite(value_us) or not frames.delays.known:
        return 0.0
    samples = int(chosen["count"].sum())
    needed = samples - rank_of(percentile, samples)
    bound = _Bound(chosen, frames.delays, view)
    needed += _held(chosen, frames.generator, view)
    low, high = 0.0, value_us
    if bound.surely_above(0.0) <= needed:
        return value_us / 1000.0
    while high - low > PRECISION_US:
        middle = (low + high) / 2
        low, high = (middle, high) if bound.surely_above(middle) > needed else (low, middle)
    return (value_us - low) / 1000.0


def _held(chosen: pd.DataFrame, generator: pd.DataFrame, view: View) -> int:
    """How many of the operations waited for the target's limits, in the seconds of `chosen`: any of them may have been
    as quick as all others but for that. In the server view no wait of that kind is contained."""
    if view is not View.E2E:
        return 0
    rows = generator[(generator["view"] == View.HELD) & generator["operation"].isin(chosen["operation"].unique())]
    return int(rows.loc[rows["second"].isin(chosen["second"].unique()), "count"].sum())


def _numbered(keys: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Each key once, ascending, and which of them each is; by counting where they lie close together."""
    low = int(keys.min())
    if int(keys.max()) - low > 4 * len(keys) + MOST_SLOTS:
        groups, group = np.unique(keys, return_inverse=True)
        return groups, group
    there = np.bincount(keys - low) > 0
    return np.flatnonzero(there) + low, (np.cumsum(there) - 1)[keys - low]


class _Bound:
    """B(x) of the module's text: how many samples would surely have taken longer than x without the generator."""

    def __init__(self, chosen: pd.DataFrame, delays: Delays, view: View) -> None:
        self._value = chosen["value_us"].to_numpy(dtype="float64")
        self._count = chosen["count"].to_numpy(dtype="float64")
        began = chosen["second"].to_numpy(dtype="int64")
        lasted = np.where(np.isfinite(self._value), self._value, 0.0) / 1e6
        ended = began + np.floor(lasted).astype("int64")
        groups, group = _numbered(2 * ended + (lasted >= LONG_S))
        last = groups // 2
        first = last.copy()
        if view is not View.SERVER:
            np.minimum.at(first, group, began)
        tried, lag, late = delays.tried, delays.lag.worst(first, last), delays.late.worst(first, last)
        lags, starts = LAGS[view], int(view is View.E2E)
        population = np.bincount(group, weights=self._count, minlength=len(groups))
        unknown = np.isnan(lag.largest)
        missed = np.where(unknown[:, None], 1.0, lags * lag.above + starts * np.nan_to_num(late.above))
        largest = np.where(unknown, math.inf, lags * lag.largest + starts * np.nan_to_num(late.largest))
        stratum = np.minimum(np.log2(np.maximum(largest, 1.0)), 63).astype("int64")
        self._lost = np.zeros((64, len(tried)))  # stratum x tried: the sum of n * G(e)
        beyond = population[:, None] * np.minimum(1.0, missed)
        for place in range(len(tried)):
            self._lost[:, place] = np.bincount(stratum, weights=beyond[:, place], minlength=len(self._lost))
        self._tried = (lags + starts) * tried
        self._largest = largest[group]
        self._stratum = stratum[group]

    def surely_above(self, x: float) -> float:
        """B(x), for x in microseconds."""
        above = self._value > x
        value, count, stratum = self._value[above], self._count[above], self._stratum[above]

        def beyond(delay: Floats | float) -> Floats:
            weights = np.where(value > x + delay, count, 0.0)
            return np.bincount(stratum, weights, minlength=len(self._lost)).astype(np.float64)

        best = beyond(self._largest[above])
        for number, delay in enumerate(self._tried.tolist()):
            best = np.maximum(best, beyond(delay) - self._lost[:, number])
        return float(best.sum())

"""An objective over sliding windows: the worst one, and for how long it was missed without a break. (pure)

A whole run hides a bad quarter of an hour. Every window of `window_s` that lies in the measure phase is looked at, one
second after the other. A window is over the limit when more than the allowed share of its samples is bad; bad is a
latency at or over the limit, or an outcome that is counted.

Windows over the limit that follow each other form a stretch, from the first one's start to the last one's end: told,
never judged. An incident is judged (`sustained_s`): all samples of that length are taken together, wherever in the
phase it lies, and more than the allowed share of them is bad, by the lower end of a one-sided 95 % interval. (Asking
that every minute of the five is over the limit finds a true 0.8 % of errors against 0.5 % at 20 requests/s in one case
of five: a minute there has 1,200 requests, and 0.8 % of them are six or fifteen.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from reports.intervals import LEAST_BAD, NORMAL_Z, Window

ONE_SIDED_95 = 1.645
POINTS = 60
"""Of the little chart."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Stretch:
    """Part of the measure phase, seconds since zero, with its samples and how many of them are bad."""

    start_s: float
    end_s: float
    samples: int
    bad: int

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s

    def inside(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows of `frame` whose second lies in it."""
        return frame[(frame["second"] >= self.start_s) & (frame["second"] < self.end_s)]


@dataclass(frozen=True)
class Sliding:
    """What the windows of one objective say."""

    worst: Stretch
    longest: Stretch | None  # the longest stretch over the limit
    trace: tuple[float | None, ...]  # bad share over allowed share, evenly spaced windows; None without samples


def slide(
    window: Window,
    chosen: pd.DataFrame,
    bad: pd.Series[bool],
    allowed: float,
    window_s: float,
    *,
    slow: pd.Series[bool] | None = None,
) -> Sliding | None:
    """Windows over `chosen` (columns second, count); None when the phase is no longer than one window, or empty.

    The worst window is the one with the most of `slow`, of bad where that is not given: where nothing is bad there is
    still a slowest moment.
    """
    start, end = math.ceil(window[0]), math.floor(window[1])
    length, width = end - start, max(1, round(window_s))
    if length <= width or chosen.empty:
        return None
    second = np.clip(chosen["second"].to_numpy() - start, 0, length - 1)
    count = chosen["count"].to_numpy(dtype="float64")
    total = _sums(np.bincount(second, count, minlength=length), width)
    wrong = _sums(np.bincount(second, np.where(bad.to_numpy(), count, 0.0), minlength=length), width)
    over = wrong > allowed * total + 1e-9

    def stretch(first: int, last: int) -> Stretch:
        part = (second >= first) & (second < last + width)
        counted = float(count[part].sum()), float(count[part & bad.to_numpy()].sum())
        return Stretch(float(start + first), float(start + last + width), int(counted[0]), int(counted[1]))

    edges = np.flatnonzero(np.diff(over.astype(np.int8), prepend=0, append=0))
    begins, ends = edges[::2], edges[1::2] - 1
    most = int(np.argmax(ends - begins)) if len(edges) else None
    longest = None if most is None else stretch(int(begins[most]), int(ends[most]))
    marked = (bad if slow is None else slow).to_numpy()
    heavy = _sums(np.bincount(second, np.where(marked, count, 0.0), minlength=length), width)
    worst = int(np.argmax(_lower(heavy, total, NORMAL_Z)))
    return Sliding(stretch(worst, worst), longest, _trace(wrong, total, allowed))


def incident(
    window: Window, chosen: pd.DataFrame, bad: pd.Series[bool], allowed: float, sustained_s: float | None
) -> Stretch | None:
    """The `sustained_s` of the phase that show most surely that more than the allowed share is bad; None without any.

    A phase shorter than that has none.
    """
    start, end = math.ceil(window[0]), math.floor(window[1])
    if sustained_s is None or chosen.empty or end - start < round(sustained_s):
        return None
    length, width = end - start, max(1, round(sustained_s))
    second = np.clip(chosen["second"].to_numpy() - start, 0, length - 1)
    count = chosen["count"].to_numpy(dtype="float64")
    total = _sums(np.bincount(second, count, minlength=length), width)
    wrong = _sums(np.bincount(second, np.where(bad.to_numpy(), count, 0.0), minlength=length), width)
    low = _lower(wrong, total, ONE_SIDED_95)
    worst = int(np.argmax(low))
    if low[worst] <= allowed or wrong[worst] < LEAST_BAD:
        return None
    return Stretch(float(start + worst), float(start + worst + width), int(total[worst]), int(wrong[worst]))


def _sums(per_second: npt.NDArray[Any], width: int) -> Floats:
    running = np.concatenate(([0.0], np.cumsum(per_second)))
    sums: Floats = running[width:] - running[:-width]
    return sums


def _lower(bad: Floats, samples: Floats, z: float) -> Floats:
    """Wilson's lower end, so that three samples are not the worst window of an hour; the raw share where it is 0."""
    n = np.maximum(samples, 1.0)
    share = bad / n
    spread = np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low: Floats = (share + z**2 / (2 * n) - z * spread) / (1 + z**2 / n)
    return np.where(bad > 0, np.maximum(low, 1e-12 * share), 0.0)


def _trace(bad: Floats, samples: Floats, allowed: float) -> tuple[float | None, ...]:
    at = np.unique(np.linspace(0, len(samples) - 1, min(POINTS, len(samples))).round().astype(int))
    scale = max(allowed, 1e-9)
    return tuple(float(bad[i] / samples[i] / scale) if samples[i] else None for i in at)

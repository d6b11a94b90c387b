"""What spreading a herd would make of it. (pure)

A herd is a count of requests for each second after its cause. Give each phone a delay of its own, uniform from 0 to J
seconds, and what all phones send is the same series smoothed by a window of J seconds: the expected requests a second
are the mean of the last J seconds of it. Where the series ends it goes on as it was before the herd (`mean`, a second).
The peak is the largest such mean. People who are no part of the herd are not moved by the jitter, and need not be: what
they send is in a steady state, the same whenever one looks.

That is what is to be expected, which many people show and few do not: the busiest second of a run stands above it by
chance. How far is taken from the run itself, from how much its calm seconds vary (`busiest`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

STEP_S = 0.5
LONGEST_S = 600.0


def expected_peak(counts: Sequence[float] | npt.NDArray[np.float64], mean: float, jitter_s: float) -> float:
    """Requests a second to be expected in the busiest instant, were the phones spread over `jitter_s` seconds.

    :param counts: requests in each second from the herd's cause on. :param mean: a second before it.
    :raises ValueError: a negative or endless jitter.
    """
    if not (math.isfinite(jitter_s) and jitter_s >= 0):
        raise ValueError(f"a jitter of {jitter_s:g} s cannot be; give seconds from 0 on")
    sent = np.asarray(counts, np.float64)
    if not len(sent) or jitter_s == 0:
        return max(mean, float(sent.max(initial=mean)))
    total = np.concatenate([[0.0], np.cumsum(sent)])
    seconds = np.arange(len(total), dtype=np.float64)

    def until(at: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        sums: npt.NDArray[np.float64] = np.interp(at, seconds, total) + mean * np.maximum(at - seconds[-1], 0.0)
        return sums

    # The sum over a moving window is linear between whole seconds of either end: its greatest value is at one of them.
    ends = np.concatenate([seconds, seconds + jitter_s])
    return max(mean, float((until(ends) - until(ends - jitter_s)).max()) / jitter_s)


def jitter_for(
    counts: Sequence[float] | npt.NDArray[np.float64], mean: float, ratio: float, longest_s: float = LONGEST_S
) -> float | None:
    """The shortest spread, in half seconds, from which on every longer one keeps the expected peak at `ratio` times the
    mean or less; 0 when it is that already, None when none up to `longest_s` does.

    :raises ValueError: ratio is not over 1, or mean not over 0: no spread brings a herd below what was there before.
    """
    if not (ratio > 1 and mean > 0):
        raise ValueError(f"a peak of {ratio:g} times {mean:g} a second is nothing to aim at; give a ratio over 1")
    allowed = ratio * mean * (1 + 1e-12)
    needed: float | None = None
    # From the longest on: a herd with two waves may be lower over a spread than over a somewhat longer one.
    for step in range(math.floor(longest_s / STEP_S), -1, -1):
        if expected_peak(counts, mean, step * STEP_S) > allowed:
            break
        needed = step * STEP_S
    return needed


def busiest(expected: float, seconds: float, dispersion: float) -> float:
    """The busiest of so many seconds, about: so many requests a second expected, and counts of a second whose variance
    is `dispersion` times their mean (1: nobody knows of anybody; more: each person sends several at once)."""
    if expected <= 0 or seconds < 1:
        return max(expected, 0.0)
    return expected + math.sqrt(2 * math.log(seconds + 1) * max(dispersion, 0.0) * expected)


def dispersion_of(counts: Sequence[float] | npt.NDArray[np.float64]) -> float:
    """Variance over mean of a calm stretch's seconds, at least 1."""
    values = np.asarray(counts, np.float64)
    mean = float(values.mean()) if len(values) else 0.0
    return max(1.0, float(values.var(ddof=1)) / mean) if len(values) > 1 and mean > 0 else 1.0

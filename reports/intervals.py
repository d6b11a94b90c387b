"""How precisely a run knows its figures: 95 % intervals that respect correlation. (pure)

Requests of a moment share its conditions. The measure phase is cut into k = 10 contiguous slices of equal length;
slice i holds n_i samples, u_i of them in the class that is counted. With F = sum u / sum n,

    se = sqrt( k / (k - 1) * sum (u_i - F * n_i)^2 ) / sum n,    h = t(0.975, k - 1) * se = 2.262 * se

For a share the interval is F - h .. F + h, never narrower than Wilson's score interval (Wilson 1927), which still says
something when no sample failed. For a percentile q with value v, F is the share at or below v and the interval is
Q(q - h) .. Q(q + h), Q being the empirical quantile (Woodruff 1952): an upper end past the last answer is open.
Simulated with noise that lasts (per-second AR(1), rho 0.95, log-normal latencies, 200 to 6,000 samples) the nominal
95 % interval covers the truth in 91 to 96 % of runs; one from order statistics alone falls to 42 %.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict

from reports.ranks import share_of, value_at_share

SLICES = 10
STUDENT_T = 2.262  # two-sided 95 %, 9 degrees of freedom
NORMAL_Z = 1.960  # two-sided 95 %

Window = tuple[float, float]


class Interval(BaseModel):
    """A 95 % interval in the unit of its figure. `high` is null when no upper end can be shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    low: float
    high: float | None


def of_percentile(window: Window, chosen: pd.DataFrame, percentile: float, value_us: float) -> Interval | None:
    """The interval of `percentile`, whose value in `chosen` is `value_us`, in milliseconds.

    None where the value is a failure, the window under ten seconds long, or a tenth of it without a sample.
    """
    if not math.isfinite(value_us):
        return None
    slices = _slices(window, chosen, chosen["value_us"] <= value_us)
    if slices is None:
        return None
    share, half = float(share_of(percentile)), _half_width(*slices)
    low = value_at_share(chosen, share - half)
    high = value_at_share(chosen, share + half) if share + half < 1.0 else math.inf
    return Interval(low=low / 1000.0, high=high / 1000.0 if math.isfinite(high) else None)


def undecided(window: Window, chosen: pd.DataFrame, percentile: float, limit_us: float) -> bool:
    """Does the interval of the share under the limit contain the share asked for?"""
    slices = _slices(window, chosen, chosen["value_us"] < limit_us)
    if slices is None:
        return False
    return abs(float(slices[1].sum() / slices[0].sum()) - float(share_of(percentile))) < _half_width(*slices)


def of_share(window: Window, chosen: pd.DataFrame, counted: pd.Series[bool]) -> Interval | None:
    """The interval of the share of samples that are `counted`; None as for a percentile."""
    slices = _slices(window, chosen, counted)
    if slices is None:
        return None
    samples, bad = float(slices[0].sum()), float(slices[1].sum())
    half, share = _half_width(*slices), bad / samples
    low, high = wilson(bad, samples)
    low, high = min(share - half, low), max(share + half, high)
    return Interval(low=max(0.0, low) if bad else 0.0, high=min(1.0, high))


def wilson(bad: float, samples: float, z: float = NORMAL_Z) -> tuple[float, float]:
    """Wilson's score interval of the share bad / samples, for samples that know nothing of each other."""
    share = bad / samples
    centre = (share + z**2 / (2 * samples)) / (1 + z**2 / samples)
    spread = z * math.sqrt(share * (1 - share) / samples + z**2 / (4 * samples**2)) / (1 + z**2 / samples)
    return max(0.0, centre - spread), min(1.0, centre + spread)


def _slices(window: Window, chosen: pd.DataFrame, counted: pd.Series[bool]) -> tuple[np.ndarray, np.ndarray] | None:
    """(n_i, u_i) of the ten slices, or None when a slice has no sample or the window is under ten seconds."""
    start, end = window
    if end - start < SLICES or chosen.empty:
        return None
    index = np.clip(((chosen["second"] - start) * SLICES / (end - start)).astype("int64"), 0, SLICES - 1)
    total = np.bincount(index, weights=chosen["count"], minlength=SLICES)
    under = np.bincount(index, weights=chosen["count"].where(counted, 0), minlength=SLICES)
    return (total, under) if bool((total > 0).all()) else None


def _half_width(total: np.ndarray, counted: np.ndarray) -> float:
    share = counted.sum() / total.sum()
    spread = SLICES / (SLICES - 1) * float(((counted - share * total) ** 2).sum())
    return STUDENT_T * math.sqrt(spread) / float(total.sum())

"""How precisely a run knows its figures: 95 % intervals that respect correlation. (pure)

A percentile lies between two of the samples with a probability that only their ranks decide: order statistics with
exact binomial ranks. A share lies between Clopper and Pearson's bounds. Both are widened by what the samples are worth
when those of one moment share its conditions (`reports.statistics.correlation`). An interval has no upper end where
even the largest sample may be below the percentile: of a p95 with fewer than 72 samples, of a p99 with fewer than 368.
It is never narrower than the buckets that the samples lie in.

`benchmarks/gate.py` counts how often the intervals cover the truth, for independent samples and for correlated ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict

from reports.ranks import share_of
from reports.statistics import binomial
from reports.statistics.correlation import SLICES, Timed, effective, from_slices

NORMAL_Z = 1.960  # two-sided 95 %
BUCKET = 0.005
"""A recorded value lies within this share of the true one."""
FRACTIONS = 8
"""Effective numbers of samples are rounded to an eighth, so that bounds are computed once."""

Window = tuple[float, float]
Floats = npt.NDArray[np.float64]


class Interval(BaseModel):
    """A 95 % interval in the unit of its figure. `high` is null when no upper end can be shown."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    low: float
    high: float | None


def of_percentile(window: Window, chosen: pd.DataFrame, percentile: float, value_us: float) -> Interval | None:
    """The interval of `percentile`, whose value in `chosen` is `value_us`, in milliseconds.

    None where the value is a failure, where neither end can be shown, or where all samples are of so few seconds that
    nothing tells whether they depend on each other.
    """
    if not math.isfinite(value_us) or not measurable(window, chosen):
        return None
    timed = _timed(window, chosen)
    share = float(share_of(percentile))
    low, high = order_statistics(timed, share, effective(timed, share, timed.value <= value_us))
    if low is None:
        return None
    return Interval(low=low * (1.0 - BUCKET) / 1000.0, high=None if high is None else high * (1.0 + BUCKET) / 1000.0)


def bounds_us(window: Window, chosen: pd.DataFrame, percentile: float) -> tuple[float | None, float | None]:
    """The ends of `of_percentile` in microseconds, without the buckets' width; None: open."""
    if chosen.empty:
        return None, None
    timed = _timed(window, chosen)
    share = float(share_of(percentile))
    return order_statistics(timed, share, effective(timed, share))


def order_statistics(timed: Timed, share: float, worth: float) -> tuple[float | None, float | None]:
    """The two samples between which the quantile at `share` lies with 95 %, `timed` being worth `worth` of them.

    None: there is no sample small, or large, enough; a failure is no large one.
    """
    samples = timed.samples
    worth = min(_eighth(worth), samples)
    order = np.argsort(timed.value, kind="stable")
    ranks = np.cumsum(timed.count[order])
    low, high = binomial.rank_bounds(worth, share)

    def value_at(rank: float) -> float:
        return float(timed.value[order][min(int(np.searchsorted(ranks, rank - 1e-6)), len(order) - 1)])

    first = None if low is None else math.floor(low * samples / worth + 1e-6)
    last = None if high is None else math.ceil(high * samples / worth - 1e-6)
    lower = None if first is None or first < 1 else value_at(first)
    upper = None if last is None or last > samples else value_at(last)
    return (
        None if lower is None or not math.isfinite(lower) else lower,
        None if upper is None or not math.isfinite(upper) else upper,
    )


@dataclass(frozen=True)
class Evidence:
    """What samples say about a share that is allowed: how many are bad, and what they are worth."""

    samples: int
    bad: int
    worth: float
    allowed: float
    confidence: float = 0.95
    apart: bool = False  # the bad ones are of moments that have nothing in common

    @property
    def share(self) -> float:
        return self.bad / self.samples if self.samples else 0.0

    @property
    def upper(self) -> float:
        """The share of bad ones is smaller than that, shown with the confidence."""
        return binomial.upper(self.share * self.worth, self.worth, self.confidence) if self.samples else 1.0

    @property
    def met(self) -> bool:
        """Shown: no more than the allowed share is bad."""
        return self.samples > 0 and self.upper <= self.allowed

    @property
    def missed(self) -> bool:
        """Shown, with more confidence: more than the allowed share is bad, and not by one mishap or two."""
        least = LEAST_APART if self.apart else LEAST_BAD
        return self.bad >= least and binomial.lower(self.share * self.worth, self.worth, SURE) > self.allowed

    @property
    def close(self) -> bool:
        """The allowed share lies inside the 95 % interval of what was seen, and something bad was."""
        bad = self.share * self.worth
        return self.bad > 0 and (
            binomial.lower(bad, self.worth, 0.975) <= self.allowed < binomial.upper(bad, self.worth, 0.975)
        )

    @property
    def fewest(self) -> int:
        """How many independent samples, all of them good, show the claim."""
        return binomial.clean_samples(self.allowed, self.confidence)

    @property
    def enough(self) -> bool:
        """Whether so many samples could have shown the claim at all."""
        return self.worth >= self.fewest

    @property
    def needed(self) -> int | None:
        """How many samples like these would show the claim; None: however many, this share of bad ones is too large."""
        independent = binomial.needed_samples(self.share, self.allowed, self.confidence)
        return None if independent is None else math.ceil(independent * self.samples / max(self.worth, 1e-9))

    @property
    def telling(self) -> int | None:
        """How many samples like these, bad ones from moments apart, would be a definite miss; None: nothing is bad, or
        so little more than is allowed that it takes very many."""
        if self.share <= self.allowed:
            return None
        for bad in range(LEAST_APART, MOST_TELLING):
            samples = math.ceil(bad / self.share - 1e-9)
            if binomial.lower(bad, samples, SURE) > self.allowed:
                return max(math.ceil(samples * self.samples / max(self.worth, 1e-9)), self.samples)
        return None


LEAST_BAD = 3
"""A definite miss has at least so many bad samples."""
LEAST_APART = 2
"""Two of moments apart are no chance where one in a hundred may be bad: one mishap explains one of them."""
APART_S = 3.0
"""Seconds between the first and the last bad one, from which on they are of moments apart."""
MOST_TELLING = 100
SURE = 0.99
"""Confidence of a definite miss: it outranks every doubt."""


def evidence(
    window: Window,
    chosen: pd.DataFrame,
    bad: pd.Series[bool],
    allowed: float,
    *,
    ranked: bool,
    confidence: float = 0.95,
) -> Evidence:
    """What `chosen` says about the claim that at most `allowed` of it is bad.

    :param ranked: bad means slow, so the correlation of the values tells something about that of being bad
    """
    samples = int(chosen["count"].sum())
    wrong = bad.to_numpy(dtype="bool")
    counted = int(chosen["count"].to_numpy()[wrong].sum())
    worth = float(samples)
    if samples and measurable(window, chosen):
        timed = _timed(window, chosen)
        worth = (
            effective(timed, 1.0 - allowed, ~wrong)
            if ranked and 0.0 < allowed < 1.0
            else samples / from_slices(timed, wrong)
        )
    return Evidence(samples, counted, min(_eighth(worth), float(samples)), allowed, confidence)


def apart(chosen: pd.DataFrame, bad: pd.Series[bool]) -> bool:
    """Whether the bad ones began at least APART_S seconds apart, so that not one mishap made them all."""
    seconds = chosen.loc[bad & (chosen["count"] > 0), "second"]
    return len(seconds) > 0 and int(seconds.max()) - int(seconds.min()) >= APART_S


def of_share(window: Window, chosen: pd.DataFrame, counted: pd.Series[bool]) -> Interval | None:
    """The interval of the share of samples that are `counted`; None as for a percentile."""
    if not measurable(window, chosen):
        return None
    marked = counted.to_numpy(dtype="bool")
    timed = _timed(window, chosen)
    samples = timed.samples
    share = float(timed.count[marked].sum()) / samples
    worth = min(_eighth(samples / from_slices(timed, marked)), samples)
    low, high = binomial.lower(share * worth, worth, 0.975), binomial.upper(share * worth, worth, 0.975)
    return Interval(low=low, high=high)


def wilson(bad: float, samples: float, z: float = NORMAL_Z) -> tuple[float, float]:
    """Wilson's score interval of the share bad / samples, for samples that know nothing of each other."""
    share = bad / samples
    centre = (share + z**2 / (2 * samples)) / (1 + z**2 / samples)
    spread = z * math.sqrt(share * (1 - share) / samples + z**2 / (4 * samples**2)) / (1 + z**2 / samples)
    return max(0.0, centre - spread), min(1.0, centre + spread)


def measurable(window: Window, chosen: pd.DataFrame) -> bool:
    """Whether there are samples, of at least ten different seconds; fewer than ten samples: of one second each."""
    if chosen.empty:
        return False
    samples = int(chosen["count"].sum())
    return samples > 0 and int(chosen.loc[chosen["count"] > 0, "second"].nunique()) >= min(SLICES, samples)


def _timed(window: Window, chosen: pd.DataFrame) -> Timed:
    start, end = math.floor(window[0]), math.ceil(window[1])
    second = np.clip(chosen["second"].to_numpy(dtype="int64") - start, 0, max(end - start - 1, 0))
    return Timed(
        second=second,
        value=chosen["value_us"].to_numpy(dtype="float64"),
        count=chosen["count"].to_numpy(dtype="float64"),
        length=max(end - start, 1),
    )


def _eighth(worth: float) -> float:
    """Rounded down to an eighth, or to a whole number where that makes no difference."""
    return float(math.floor(worth)) if worth >= 200 else max(math.floor(worth * FRACTIONS) / FRACTIONS, 1.0)

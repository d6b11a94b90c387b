"""How precisely a run knows its figures: 95 % intervals that respect correlation. (pure)

A percentile lies between two places among the samples with a probability that only their ranks decide: order
statistics with binomial ranks. These are hardly ever whole; rounded outwards they cover 97 or 98 %, so a rank between
two samples is a place between them (fractional order statistics: Stigler 1977, Hutson 1999), and samples of one bucket
lie spread over it. A share lies between Clopper and Pearson's bounds. Both are widened by what the samples are worth
when those of one moment share its conditions (`reports.statistics.correlation`).

An interval has no upper end where even the largest sample may be below the percentile: of a p95 with fewer than 72
samples, of a p99 with fewer than 368. Then the lower end alone has the 95 %. An interval is never narrower than the
bucket that its figure lies in.

`benchmarks/gate.py` counts how often the intervals cover the truth, for independent samples and for correlated ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd
from pydantic import BaseModel, ConfigDict

from harness.record import buckets
from reports.ranks import share_of
from reports.statistics import binomial, growing
from reports.statistics.correlation import (
    BOTH_ENDS,
    LOWER_END,
    SLICES,
    Dependence,
    Timed,
    dependence,
    effective,
    from_slices,
)

NORMAL_Z = 1.960  # two-sided 95 %
BUCKET = 0.005
"""A recorded value lies within this share of the true one."""
LEAST_HALF_US = 0.5
"""Microseconds are whole."""
FRACTIONS = 8
"""Effective numbers of samples are rounded to an eighth, so that bounds are computed once."""

Window = tuple[float, float]
Floats = npt.NDArray[np.float64]


class Interval(BaseModel):
    """A 95 % interval in the unit of its figure. `high` is null when no upper end can be shown: "at least `low`"."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    low: float
    high: float | None


def of_percentile(timed: Timed | None, percentile: float, value_us: float) -> Interval | None:
    """The interval of `percentile`, whose value among the samples is `value_us`, in milliseconds.

    None where the value is a failure, where neither end can be shown, or where all samples are of so few seconds that
    nothing tells whether they depend on each other.

    :param timed: as `timed_in` gives them
    """
    if timed is None or not math.isfinite(value_us):
        return None
    share = float(share_of(percentile))
    low, high = _ends(timed, share, dependence(timed, share, timed.value <= value_us))
    if low is None:
        return None
    half = max(BUCKET * value_us, LEAST_HALF_US)
    low, high = min(low, value_us - half), None if high is None else max(high, value_us + half)
    return Interval(low=max(low, 0.0) / 1000.0, high=None if high is None else high / 1000.0)


def bounds_us(window: Window, chosen: pd.DataFrame, percentile: float) -> tuple[float | None, float | None]:
    """Two samples between which the percentile lies with at least 95 %, in microseconds; None: open.

    For a measure of noise, which must rather be too large: ranks rounded outwards, 2.5 % beyond each end. Without the
    slices and the bucket's width.
    """
    if chosen.empty:
        return None, None
    timed = _timed(window, chosen)
    share = float(share_of(percentile))
    return order_statistics(timed, share, effective(timed, share), outwards=True)


def _ends(timed: Timed, share: float, found: Dependence) -> tuple[float | None, float | None]:
    """The two ends; with an open upper one, the lower has all of the 95 %."""
    worth = found.worth(BOTH_ENDS)
    if binomial.rank_bounds(min(_eighth(worth), timed.samples), share)[1] is not None:
        return order_statistics(timed, share, worth)
    worth = min(_eighth(found.worth(LOWER_END)), timed.samples)
    rank, samples = binomial.lower_rank(worth, share, 0.05), _Sorted.of(timed)
    return samples.low(None if rank is None else samples.rank(rank, worth)), None


def order_statistics(
    timed: Timed, share: float, worth: float, *, outwards: bool = False
) -> tuple[float | None, float | None]:
    """The two places between which the quantile at `share` lies with 95 %, `timed` being worth `worth` samples.

    None: there is no sample small, or large, enough; a failure is no large one.

    :param outwards: the next samples instead of places between two, with at least 95 %
    """
    worth = min(_eighth(worth), timed.samples)
    ranks, samples = binomial.rank_bounds(worth, share), _Sorted.of(timed)
    low, high = (None if rank is None else samples.rank(rank, worth) for rank in ranks)
    if outwards:
        return (
            None if low is None else samples.recorded(math.floor(low)),
            None if high is None else samples.recorded(math.ceil(high)),
        )
    return samples.low(low), samples.high(high)


@dataclass(frozen=True)
class _Sorted:
    """Each value once, ascending, how many samples it has, and how many lie at or below it."""

    value: Floats
    count: Floats
    below: Floats

    @classmethod
    def of(cls, timed: Timed) -> _Sorted:
        value, count = timed.values[0], timed.number
        return cls(value[count > 0], count[count > 0], np.cumsum(count[count > 0]))

    def rank(self, rank: float, worth: float) -> float:
        """A rank among `worth` samples as one of all: each of those is a block of these, and its middle is meant."""
        samples = float(self.below[-1])
        found = min(max((rank - 0.5) * samples / worth + 0.5, 1.0), samples)
        return float(round(found)) if abs(found - round(found)) < 1e-6 else found

    def low(self, rank: float | None) -> float | None:
        """The place of a rank; next to a failure, the sample before it. None: there is none."""
        if rank is None:
            return None
        here, after = self._sample(math.floor(rank)), self._sample(math.floor(rank) + 1)
        if not math.isfinite(here):
            return None
        return here + (rank - math.floor(rank)) * (after - here) if math.isfinite(after) else here

    def high(self, rank: float | None) -> float | None:
        """The place of a rank; None: there is none, or it lies beyond what is no failure."""
        if rank is None:
            return None
        here, after = self._sample(math.floor(rank)), self._sample(math.ceil(rank))
        return here + (rank - math.floor(rank)) * (after - here) if math.isfinite(after) else None

    def recorded(self, number: int) -> float | None:
        """The value of one sample, counted from 1; None: a failure."""
        value = float(self.value[self._at(number)])
        return value if math.isfinite(value) else None

    def _at(self, number: int) -> int:
        return min(int(np.searchsorted(self.below, number - 1e-6)), len(self.below) - 1)

    def _sample(self, number: int) -> float:
        """Where one sample is taken to lie: those of one bucket are spread over it."""
        at = self._at(number)
        value, count = float(self.value[at]), float(self.count[at])
        if count <= 1.0 or not math.isfinite(value):
            return value
        inside = (min(number, self.below[-1]) - (self.below[at] - count) - 0.5) / count - 0.5
        return value + float(inside) * float(buckets.width(value))


@dataclass(frozen=True)
class Evidence:
    """What samples say about a share that is allowed: how many are bad, and what they are worth."""

    samples: int
    bad: int
    worth: float
    allowed: float
    confidence: float = 0.95
    apart: bool = False  # the bad ones are of moments that have nothing in common
    moments: int = 0  # so many tell, however correlated, that no accident made it (`_told`); 0: they do not
    told: str = ""  # by what

    @property
    def share(self) -> float:
        return self.bad / self.samples if self.samples else 0.0

    @property
    def weight(self) -> float:
        """What the samples are worth against the claim."""
        return max(self.worth, float(self.moments))

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
        return self.bad >= least and binomial.lower(self.share * self.weight, self.weight, SURE) > self.allowed

    @property
    def close(self) -> bool:
        """The allowed share lies inside the 95 % interval of what was seen, and something bad was."""
        bad = self.share * self.weight
        return self.bad > 0 and (
            binomial.lower(bad, self.weight, 0.975) <= self.allowed < binomial.upper(bad, self.weight, 0.975)
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
NEARLY_ALL = 0.9
FAR = 2.0
"""Nine of ten samples over twice their limit: nothing that wanders around it comes so far."""
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
    timed: Timed | None = None,
    limit_us: float = 0.0,
) -> Evidence:
    """What `chosen` says about the claim that at most `allowed` of it is bad.

    :param ranked: bad means slow, so the correlation of the values tells something about that of being bad
    :param timed: `timed_in` of the same, where it is at hand
    :param limit_us: from there on values are bad, where they are
    """
    samples = int(chosen["count"].sum())
    wrong = bad.to_numpy(dtype="bool")
    counted = int(chosen["count"].to_numpy()[wrong].sum())
    worth = float(samples)
    timed = timed_in(window, chosen) if timed is None and samples else timed
    if timed is not None:
        worth = (
            effective(timed, 1.0 - allowed, ~wrong)
            if ranked and 0.0 < allowed < 1.0
            else samples / from_slices(timed, wrong)
        )
    known = Evidence(samples, counted, min(_eighth(worth), float(samples)), allowed, confidence)
    if ranked and timed is not None and known.share > allowed and not known.missed:
        return _told(known, timed, limit_us)
    return known


def _told(known: Evidence, timed: Timed, limit_us: float) -> Evidence:
    """With the moments of a series that grows all along, or is far over its limit nearly throughout: such are no
    accident of one run, however much its samples depend on each other."""
    values = growing.moments(timed)
    if len(values) < growing.FEWEST:
        return known
    far = float(timed.count[timed.value >= FAR * limit_us].sum()) if limit_us else 0.0
    if far >= NEARLY_ALL * timed.samples:
        return replace(known, moments=len(values), told=f"nearly all were over {FAR:g} times the limit")
    if growing.grows(values):
        return replace(known, moments=len(values), told="it grew nearly all along")
    return known


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
    second, count = chosen["second"].to_numpy(), chosen["count"].to_numpy()
    samples = int(count.sum())
    if samples <= 0:
        return False
    return any(len(np.unique(second[:few][count[:few] > 0])) >= min(SLICES, samples) for few in (1024, len(second)))


def timed_in(window: Window, chosen: pd.DataFrame) -> Timed | None:
    """Samples by time, of which several figures can be asked; None where they are not `measurable`."""
    return _timed(window, chosen) if measurable(window, chosen) else None


def _timed(window: Window, chosen: pd.DataFrame) -> Timed:
    start, end = math.floor(window[0]), math.ceil(window[1])
    second = np.clip(chosen["second"].to_numpy(dtype="int64") - start, 0, max(end - start - 1, 0))
    valued = "value_us" in chosen  # a share needs none
    return Timed(
        second=second,
        value=chosen["value_us"].to_numpy(dtype="float64") if valued else np.zeros(len(second)),
        count=chosen["count"].to_numpy(dtype="float64"),
        length=max(end - start, 1),
    )


def _eighth(worth: float) -> float:
    """Rounded down to an eighth, or to a whole number where that makes no difference."""
    return float(math.floor(worth)) if worth >= 200 else max(math.floor(worth * FRACTIONS) / FRACTIONS, 1.0)

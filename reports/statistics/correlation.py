"""How many independent samples correlated ones are worth. (pure)

Requests of one moment share its conditions. The *design effect* (Kish 1965) is the variance of a count of samples over
what it would be if they knew nothing of each other; n samples are worth n / design effect. Two measurements of it, of
which the larger counts:

*From the values.* Ranks of all samples are turned into normal scores z. Over cells of time (a second, or longer where
a cell would hold less than two samples) the mean product of scores of pairs gives the correlation r(0) within a cell
and r(t) between cells t apart, summed over t as long as neighbouring r stay positive (Geyer 1992). What demeaning
takes from each r is put back. The correlation of "over the percentile" follows from r as for normal scores
(Sheppard 1898), and is much weaker than r itself.

*From the slices.* The spread of the counts in ten contiguous slices of the window over what chance gives, with
Student's t for nine degrees of freedom. It sees what has no counterpart in the ranks, a stall that hits the tail alone.

Both are noise in independent data, so each counts only where chance gives as much once in twenty times.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from reports.ranks import distinct

SLICES = 10
STUDENT_OVER_NORMAL = (2.262 / 1.960) ** 2
"""Squared ratio of the two-sided 95 % factors with 9 degrees of freedom and with a known variance."""
SPREAD_BY_CHANCE = 16.919 / 9
"""95 % quantile of chi square over its 9 degrees of freedom."""
PAIRS_BY_CHANCE = 1.645
"""95 % quantile of the normal distribution."""
SHORT_RECORD = 0.45
"""A record of few moments lets correlation end too early: of so many moments as it shows, this share is believed."""
NEAR = (2, 6)
"""Lags that are looked at for any correlation at all."""
LEAST_EFFECTIVE = 2.0

Floats = npt.NDArray[np.float64]
NORMAL = NormalDist()


@dataclass(frozen=True)
class Timed:
    """Samples with their seconds: `second` counted from the start of a window of `length` seconds."""

    second: npt.NDArray[np.int64]
    value: Floats
    count: Floats
    length: int

    @cached_property
    def samples(self) -> float:
        return float(self.count.sum())

    @cached_property
    def values(self) -> tuple[Floats, npt.NDArray[np.int64]]:
        """Each value once, ascending, and which of them each sample has."""
        return distinct(self.value)

    @cached_property
    def correlation(self) -> Correlation | None:
        """How the ranks of samples at different times go together; None where chance explains it, or they are few."""
        return _correlation(self)


def effective(timed: Timed, share: float, counted: npt.NDArray[np.bool_] | None = None) -> float:
    """How many independent samples `timed` is worth, for the share at or below its quantile at `share`.

    :param counted: which samples are counted, where that is known; else those at or below the quantile
    """
    effect = from_values(timed, share)
    if counted is not None:
        effect = max(effect, from_slices(timed, counted, correlated=effect > 1.0))
    return max(min(timed.samples, LEAST_EFFECTIVE), timed.samples / effect)


def from_slices(timed: Timed, counted: npt.NDArray[np.bool_], *, correlated: bool = False) -> float:
    """The design effect by ten slices; 1 where chance explains their spread, unless they are known to be correlated.

    Slices without a sample add nothing.
    """
    place = np.clip(timed.second * SLICES // max(timed.length, 1), 0, SLICES - 1)
    total = np.bincount(place, weights=timed.count, minlength=SLICES)
    marked = np.bincount(place, weights=np.where(counted, timed.count, 0.0), minlength=SLICES)
    samples, share = total.sum(), marked.sum() / max(total.sum(), 1.0)
    chance = samples * share * (1.0 - share)
    if timed.length < SLICES or chance <= 0.0:
        return 1.0
    spread = SLICES / (SLICES - 1) * float(((marked - share * total) ** 2).sum()) / chance
    if spread < (1.0 if correlated else SPREAD_BY_CHANCE):
        return 1.0
    return float(max(1.0, spread * STUDENT_OVER_NORMAL))


def from_values(timed: Timed, share: float) -> float:
    """The design effect for the quantile at `share`, by the correlation of the ranks; 1 where chance explains it."""
    found = timed.correlation
    if found is None:
        return 1.0
    indicator = share_correlation(found.r, share)
    return max(1.0, (1.0 + float((found.pairs * indicator).sum()) / timed.samples) * few_states(found.states))


@dataclass(frozen=True)
class Correlation:
    """r: of normal scores, by how many cells of time they are apart; pairs: of samples, so far apart in either
    direction; states: how many moments it is known from."""

    r: Floats
    pairs: Floats
    states: float


def _correlation(timed: Timed) -> Correlation | None:
    samples = timed.samples
    if samples < 3 or timed.length < 2:
        return None
    width = max(1, math.ceil(2 * timed.length / samples))
    cells = -(-timed.length // width)
    score = normal_scores(*timed.values, timed.count)
    place = np.clip(timed.second // width, 0, cells - 1)
    number = np.bincount(place, weights=timed.count, minlength=cells)
    total = np.bincount(place, weights=timed.count * score, minlength=cells)
    square = float((timed.count * score**2).sum())
    if square <= 0.0:
        return None
    variance = square / samples
    pairs = _lagged(number)
    products = _lagged(total)
    pairs[0] -= samples
    products[0] -= square
    if not any(_beyond_chance(products[:near] / variance, pairs[:near]) for near in NEAR):
        return None
    r = np.divide(products, pairs * variance, out=np.zeros_like(products), where=pairs > 0.5)
    last = _still_positive(r)
    pairs, r = pairs[:last], r[:last]
    both = np.where(np.arange(last) > 0, 2.0, 1.0) * pairs
    lost = 0.0
    for _ in range(3):
        lost = min(0.5, (1.0 + float((both * np.clip(r + lost, 0.0, 1.0)).sum()) / samples) / samples)
    r = np.clip(r + lost, 0.0, 0.999)
    states = cells * r[0] / max(r[0] + 2.0 * float(r[1:].sum()), 1e-9)
    return Correlation(r, both, states)


def few_states(states: float) -> float:
    """By how much the variance is to be taken larger because it is known from so many moments only: Student's t."""
    df, z = max(SHORT_RECORD * states - 1.0, 1.0), 1.960
    t = z + (z**3 + z) / (4 * df) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * df**2)
    return float((t / z) ** 2)


def _beyond_chance(products: Floats, pairs: Floats) -> bool:
    """Whether the mean product of so many pairs is larger than independent scores give once in twenty times."""
    weight = np.where(np.arange(len(pairs)) > 0, 1.0, 0.5)
    possible = float((weight * pairs).sum())
    return possible >= 1.0 and float((weight * products).sum()) >= PAIRS_BY_CHANCE * math.sqrt(possible)


def normal_scores(values: Floats, place: npt.NDArray[np.int64], count: Floats) -> Floats:
    """Of each sample the normal quantile of its mean rank, all weighted by `count`; infinity is the largest.

    values, place: as `Timed.values` has them.
    """
    number = np.bincount(place, weights=count, minlength=len(values))
    middle = (np.cumsum(number) - number / 2) / max(float(number.sum()), 1.0)
    scores = np.array([NORMAL.inv_cdf(min(max(one, 1e-9), 1 - 1e-9)) for one in middle.tolist()])
    mean = float((scores * number).sum() / max(float(number.sum()), 1.0))
    centred: Floats = (scores - mean)[place]
    return centred


def share_correlation(r: Floats, share: float) -> Floats:
    """The correlation of "at or below the quantile at `share`" of two normal variables that correlate by `r` >= 0."""
    z = NORMAL.inv_cdf(share)
    angle = np.linspace(0.0, math.pi / 2, 513)
    density = np.exp(-(z**2) / (1.0 + np.sin(angle))) / (2 * math.pi)
    step = np.diff(angle)
    integral = np.concatenate(([0.0], np.cumsum((density[1:] + density[:-1]) / 2 * step)))
    found: Floats = np.interp(np.arcsin(r), angle, integral) / (share * (1.0 - share))
    return np.minimum(found, 1.0)


def _lagged(series: npt.NDArray[Any]) -> Floats:
    """Sum over i of series[i] * series[i + t], t from 0 to a third of the length."""
    size = 1 << (2 * len(series) - 1).bit_length()
    spectrum = np.fft.rfft(series, size)
    products: Floats = np.fft.irfft(spectrum * np.conj(spectrum), size)[: max(2, len(series) // 3 + 1)]
    return products


def _still_positive(r: Floats) -> int:
    """How many of `r` come before two neighbours that are no longer positive together."""
    sums = r[:-1] + r[1:]
    ended = np.nonzero(sums <= 0.0)[0]
    return max(1, int(ended[0])) if len(ended) else len(r)

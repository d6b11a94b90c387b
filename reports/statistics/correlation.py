"""How many independent samples correlated ones are worth. (pure)

Requests of one moment share its conditions. The *design effect* (Kish 1965) is the variance of a count of samples over
what it would be if they knew nothing of each other; n samples are worth n / design effect. Two measurements of it:

*From the values.* Ranks of all samples are turned into normal scores z. Over cells of time (a second, or longer where
a cell would hold less than two samples) the mean product of scores of pairs gives the correlation r(0) within a cell
and r(t) between cells t apart, summed over t as long as neighbouring r stay positive (Geyer 1992). What demeaning
takes from each r is put back. The correlation of "over the percentile" follows from r as for normal scores
(Sheppard 1898), and is much weaker than r itself. Inside a cell that is too little where near neighbours correlate
more than far ones (the relation is convex, and r(0) is a mean over all pairs): there the counts themselves are asked
as well, and the larger answer is taken.

*From the slices.* The spread of the counts in ten contiguous slices of the window over what chance gives, with
Student's t for nine degrees of freedom. It sees what has no counterpart in the ranks, a stall that hits the tail alone.

Both are noise in independent data, so each counts only where chance gives as much once in twenty times (the values in
an interval: in ten). Where the values are correlated, an interval has the slices only beyond what the values explain:
ten slices know a spread badly, and to take the larger of two measurements every time made the intervals of AR(0.9)
cover 98 %, not 95. A claim takes the larger all the same.
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
SLICES_FREEDOM = SLICES - 1
SPREAD_BY_CHANCE = 16.919 / SLICES_FREEDOM
"""95 % quantile of chi square over its 9 degrees of freedom."""
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
    def number(self) -> Floats:
        """How many samples each of the `values` has."""
        values, place = self.values
        return np.bincount(place, weights=self.count, minlength=len(values)).astype(np.float64)

    @cached_property
    def correlation(self) -> Correlation | None:
        """How the ranks of samples at different times go together; None where they do not, or are few."""
        return _correlation(self)

    def cell(self, width: int) -> npt.NDArray[np.int64]:
        """Each sample's place among the cells of `width` seconds that the window has."""
        return np.clip(self.second // width, 0, -(-self.length // width) - 1)


@dataclass(frozen=True)
class Caution:
    """How far a design effect that is itself measured has to be doubted.

    `z` is the normal distribution's factor, `student` Student's for nine degrees of freedom. A record of few moments
    lets correlation end too early: of so many moments as it shows, `believed` times as many are believed. Correlation
    counts from so many standard deviations of chance on: `surprise`. With `larger`, the slices of correlated samples
    count wherever they tell more than the values, explained by them or not: a larger answer too often.
    """

    z: float
    student: float
    believed: float
    surprise: float
    larger: bool = False

    def of_slices(self) -> float:
        """By how much the variance is to be taken larger because ten slices tell it."""
        return (self.student / self.z) ** 2

    def of_moments(self, moments: float) -> float:
        """By how much the variance is to be taken larger because so many moments tell it: Student's t."""
        df, z = max(self.believed * moments - 1.0, 1.0), self.z
        t = z + (z**3 + z) / (4 * df) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * df**2)
        return float((t / z) ** 2)


CLAIM = Caution(1.960, 2.262, 0.45, 1.645, larger=True)
"""For a claim about a share: a pass that is none is worse than a run that has to be longer."""
BOTH_ENDS = Caution(1.960, 2.262, 0.30, 1.282)
"""For an interval with two ends: an effect that was measured too small also lets an upper end be shown that should be
open, so moments are believed least."""
LOWER_END = Caution(1.645, 1.833, 1.50, 1.282)
"""For a lower end alone, which an effect that was measured too small moves less. `benchmarks/gate.py` measures what
comes of these figures."""


@dataclass(frozen=True)
class Dependence:
    """How samples depend on each other, as measured.

    `effect` is the design effect by the values, known from so many independent `moments`, and `surprise` how far their
    correlation lies beyond what chance gives, in standard deviations. `spread` is that of the slices, 0 where nothing
    tells.
    """

    samples: float
    effect: float = 1.0
    moments: float = math.inf
    surprise: float = 0.0
    spread: float = 0.0

    def worth(self, caution: Caution) -> float:
        """How many independent samples they are worth."""
        plain = self.effect if self.surprise >= caution.surprise else 1.0
        effect = plain * caution.of_moments(self.moments) if plain > 1.0 else 1.0
        explained = 1.0 if caution.larger and plain > 1.0 else SPREAD_BY_CHANCE * plain
        if self.spread >= explained:
            effect = max(effect, self.spread * caution.of_slices())
        return max(min(self.samples, LEAST_EFFECTIVE), self.samples / effect)


def dependence(timed: Timed, share: float, counted: npt.NDArray[np.bool_] | None = None) -> Dependence:
    """How the samples "at or below the quantile at `share`" depend on each other.

    :param counted: which samples are counted, where that is known; without it the slices are not asked
    """
    effect, moments, surprise = from_values(timed, share, counted)
    spread = 0.0 if counted is None else spread_of_slices(timed, counted)
    return Dependence(timed.samples, effect, moments, surprise, spread)


def effective(timed: Timed, share: float, counted: npt.NDArray[np.bool_] | None = None) -> float:
    """How many independent samples `timed` is worth, for a claim about the share that `counted` has."""
    return dependence(timed, share, counted).worth(CLAIM)


def from_slices(timed: Timed, counted: npt.NDArray[np.bool_]) -> float:
    """The design effect by ten slices alone; 1 where chance explains their spread."""
    spread = spread_of_slices(timed, counted)
    return max(1.0, spread * CLAIM.of_slices()) if spread >= SPREAD_BY_CHANCE else 1.0


def spread_of_slices(timed: Timed, counted: npt.NDArray[np.bool_]) -> float:
    """The variance of ten slices' counts over what chance gives; 0 where nothing tells. Slices without a sample add
    nothing."""
    place = np.clip(timed.second * SLICES // max(timed.length, 1), 0, SLICES - 1)
    total = np.bincount(place, weights=timed.count, minlength=SLICES)
    marked = np.bincount(place, weights=np.where(counted, timed.count, 0.0), minlength=SLICES)
    samples, share = total.sum(), marked.sum() / max(total.sum(), 1.0)
    chance = samples * share * (1.0 - share)
    if timed.length < SLICES or chance <= 0.0:
        return 0.0
    return float(SLICES / SLICES_FREEDOM * ((marked - share * total) ** 2).sum() / chance)


def from_values(timed: Timed, share: float, counted: npt.NDArray[np.bool_] | None = None) -> tuple[float, float, float]:
    """The design effect for the quantile at `share`, by the correlation of the ranks; from how many independent
    moments it is known; and how many standard deviations of chance that correlation is worth."""
    found = timed.correlation
    if found is None:
        return 1.0, math.inf, 0.0
    added = found.pairs * share_correlation(found.r, share) / timed.samples
    if counted is not None:
        place, marked = timed.cell(found.width), np.where(counted, timed.count, 0.0)
        added[0] = max(added[0], within_cells(place, found.number, marked))
    return max(1.0, 1.0 + float(added.sum())), found.moments, found.surprise


@dataclass(frozen=True)
class Correlation:
    """Of the ranks of samples in cells of `width` seconds, each of which holds some `number` of them.

    r: of normal scores, by how many cells they are apart; pairs: of samples, so far apart in either direction; moments:
    independent ones that it is known from; surprise: how far it lies beyond what chance gives, in standard deviations.
    """

    r: Floats
    pairs: Floats
    moments: float
    surprise: float
    width: int
    number: npt.NDArray[Any]


def _correlation(timed: Timed) -> Correlation | None:
    samples = timed.samples
    if samples < 3 or timed.length < 2:
        return None
    width = max(1, math.ceil(2 * timed.length / samples))
    cells = -(-timed.length // width)
    score = normal_scores(timed.number)[timed.values[1]]
    place = timed.cell(width)
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
    surprise = max(_surprise(products[:near] / variance, pairs[:near]) for near in NEAR)
    if surprise <= 0.0:
        return None
    r = np.divide(products, pairs * variance, out=np.zeros_like(products), where=pairs > 0.5)
    last = _still_positive(r)
    pairs, r = pairs[:last], r[:last]
    both = np.where(np.arange(last) > 0, 2.0, 1.0) * pairs
    lost = 0.0
    for _ in range(3):
        lost = min(0.5, (1.0 + float((both * np.clip(r + lost, 0.0, 1.0)).sum()) / samples) / samples)
    r = np.clip(r + lost, 0.0, 0.999)
    moments = cells * r[0] / max(r[0] + 2.0 * float(r[1:].sum()), 1e-9)
    return Correlation(r, both, float(moments), surprise, width, number)


def within_cells(place: npt.NDArray[np.int64], number: npt.NDArray[Any], marked: Floats) -> float:
    """What pairs of the same cell add to the design effect, by the counts themselves; 0 where nothing tells.

    :param place: each sample's cell
    :param number: of the samples of each cell
    :param marked: each sample's number if it is counted, else 0
    """
    samples, of_cell = float(number.sum()), np.bincount(place, weights=marked, minlength=len(number))
    share = float(of_cell.sum()) / max(samples, 1.0)
    chance = samples * share * (1.0 - share)
    return float(((of_cell - share * number) ** 2).sum()) / chance - 1.0 if chance > 0.0 else 0.0


def _surprise(products: Floats, pairs: Floats) -> float:
    """How many standard deviations the sum of products of so many pairs lies above that of independent scores."""
    weight = np.where(np.arange(len(pairs)) > 0, 1.0, 0.5)
    possible = float((weight * pairs).sum())
    return float((weight * products).sum()) / math.sqrt(possible) if possible >= 1.0 else 0.0


def normal_scores(number: Floats) -> Floats:
    """Of each value, ascending, the normal quantile of the mean rank of the `number` of samples that have it."""
    middle = (np.cumsum(number) - number / 2) / max(float(number.sum()), 1.0)
    scores = np.array([NORMAL.inv_cdf(min(max(one, 1e-9), 1 - 1e-9)) for one in middle.tolist()])
    mean = float((scores * number).sum() / max(float(number.sum()), 1.0))
    centred: Floats = scores - mean
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

"""Many questions asked of one night, a few runs each: what is no chance? (pure)

The unit is the run. One operation has few runs, so its own spread is a poor guide to its noise; but there are many
operations. Each one's variance is drawn towards that of all, the more so the less they differ from each other
(empirical Bayes: Smyth 2004). The tests' chances are then taken together (Benjamini and Hochberg 1995): where nothing
has changed at all, a night raises any alarm with no more than the level, however many operations it has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from reports.statistics.binomial import incomplete_beta

ASSUMED, ASSUMED_WEIGHT = 0.10, 4.0
"""Standard deviation of a figure's logarithm between runs of one build, where no runs tell, and what that counts for
against what they tell, in degrees of freedom."""
FLOOR = 0.03
"""Two runs of one target differ by at least so much."""
FEW = 8.0
"""Weight of the common variance where there are too few operations to see how much they differ."""
ENDLESS = 1e6


@dataclass(frozen=True)
class Groups:
    """Logarithms of one figure in later and in earlier runs, `sampling`: how far each is off by chance."""

    later: tuple[float, ...]
    earlier: tuple[float, ...]
    sampling: float

    @property
    def freedom(self) -> int:
        return len(self.later) + len(self.earlier) - 2

    @property
    def squares(self) -> float:
        """Sum of squares around the groups' own means."""
        means = ((one, fmean(one)) for one in (self.later, self.earlier))
        return sum((value - mean) ** 2 for one, mean in means for value in one)

    @property
    def shift(self) -> float:
        return fmean(self.later) - fmean(self.earlier)


@dataclass(frozen=True)
class Noise:
    """The standard error of a shift, and its degrees of freedom."""

    error: float
    freedom: float

    def chance(self, shift: float) -> float:
        """Of a shift at least so far up, where nothing has changed."""
        return student_tail(shift / self.error, self.freedom)

    def half(self, confidence: float = 0.95) -> float:
        """Half the length of the shift's interval."""
        low, high, tail = 0.0, 1000.0, (1.0 - confidence) / 2
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if student_tail(middle, self.freedom) > tail else (low, middle)
        return low * self.error


def noises(groups: Sequence[Groups]) -> list[Noise]:
    """The noise of each operation's shift, by all of them together."""
    common, weight = _common(groups)
    found = []
    for one in groups:
        runs = 1 / len(one.later) + 1 / len(one.earlier)
        own = one.sampling**2 + FLOOR**2
        if one.freedom:
            square = (weight * common + one.squares) / (weight + one.freedom)
        else:
            square = common if any(other.freedom for other in groups) else common + one.sampling**2
        found.append(Noise(math.sqrt(max(square, own) * runs), min(weight + one.freedom, ENDLESS)))
    return found


def _common(groups: Sequence[Groups]) -> tuple[float, float]:
    """The variance that all operations share, and its weight in degrees of freedom."""
    told = [one for one in groups if one.freedom > 0]
    freedom = sum(one.freedom for one in told)
    common = (ASSUMED_WEIGHT * ASSUMED**2 + sum(one.squares for one in told)) / (ASSUMED_WEIGHT + freedom)
    if not told:
        return common, ENDLESS
    if len(told) < 5:
        return common, FEW
    logs = [math.log(max(one.squares / one.freedom, FLOOR**2 / 10)) for one in told]
    expected = fmean([_trigamma(one.freedom / 2) for one in told])
    extra = variance(logs) - expected
    return common, ENDLESS if extra <= 0.0 else 2.0 * _trigamma_inverse(extra)


def alarms(chances: Sequence[float], level: float) -> list[bool]:
    """Which of the tests are no chance, by Benjamini and Hochberg."""
    order = sorted(range(len(chances)), key=lambda place: chances[place])
    last = 0
    for rank, place in enumerate(order, start=1):
        if chances[place] <= level * rank / len(chances):
            last = rank
    kept = set(order[:last])
    return [place in kept for place in range(len(chances))]


def student_tail(t: float, freedom: float) -> float:
    """P(T >= t) of Student's distribution; the normal one from a thousand degrees of freedom on."""
    if freedom >= 1000.0:
        return 0.5 * math.erfc(t / math.sqrt(2.0))
    tail = 0.5 * incomplete_beta(freedom / (freedom + t * t), freedom / 2, 0.5)
    return tail if t >= 0 else 1.0 - tail


def more_often(bad: int, samples: int, bad_before: int, samples_before: int) -> float:
    """Fisher's exact test: the chance of as many bad samples now, if they fell where they may."""
    total, wrong = samples + samples_before, bad + bad_before
    return min(1.0, sum(_hypergeometric(k, total, wrong, samples) for k in range(bad, min(wrong, samples) + 1)))


def _hypergeometric(k: int, total: int, wrong: int, drawn: int) -> float:
    if k < max(0, drawn + wrong - total):
        return 0.0
    return math.exp(_choose(wrong, k) + _choose(total - wrong, drawn - k) - _choose(total, drawn))


def _choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _trigamma(x: float) -> float:
    """The second derivative of the logarithm of the gamma function."""
    total = 0.0
    while x < 8.0:
        total += 1.0 / x**2
        x += 1.0
    return total + 1 / x + 1 / (2 * x**2) + 1 / (6 * x**3) - 1 / (30 * x**5) + 1 / (42 * x**7)


def _trigamma_inverse(value: float) -> float:
    low, high = 1e-3, ENDLESS
    for _ in range(50):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if _trigamma(middle) > value else (low, middle)
    return low

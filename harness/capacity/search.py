"""Which rate to try next, and what the steps so far say of the capacity. (pure)

Doubling until a step fails, then halving the distance (in ratio) between the highest rate that passed and the lowest
that failed, until they are as near as asked; then each of the two is asked again, so that no end of the answer hangs on
one run. Everything follows from the list of steps: a search is resumed by giving it the steps that were made.

- A rate passes when more of its steps passed than failed. One asked again that says otherwise is asked a third time.
- A step without an answer is repeated, so many times in all; then its rate bounds the search from above, without
  counting as failed, and the answer says why nothing is known beyond.
- A pass above a failed rate contradicts it: the failed rate is asked again, three times in all. What is left of a
  contradiction is decided against the target: the capacity is below the lowest rate that failed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.capacity.step import Step
from harness.core.errors import UsageError

ASKED_AT_MOST = 3
"""Steps with an answer at one rate."""

Kind = Literal["interval", "at least", "below", "unknown"]


@dataclass(frozen=True, slots=True)
class SearchLimits:
    """start, lowest, highest: sessions/s, the first rate and the range; within: how near the ends of the answer are to
    be, as a share of the lower one; steps: at most so many in all; tries: of a rate whose steps have no answer."""

    start: float
    highest: float
    lowest: float = 0.05
    within: float = 0.08
    steps: int = 20
    tries: int = 2
    confirm: int = 2

    def __post_init__(self) -> None:
        if not 0 < self.lowest <= self.start <= self.highest:
            raise UsageError(
                f"a search from {self.start:g} within {self.lowest:g} to {self.highest:g} sessions/s cannot be made",
                where="--start, --max-rate",
                remedy="give a start above 0 and no higher than --max-rate",
            )
        if not 0.01 <= self.within <= 1 or self.steps < 1 or self.tries < 1 or not 1 <= self.confirm <= ASKED_AT_MOST:
            raise UsageError("the search's own limits cannot be", where="--within, --steps, --confirm")

    @property
    def usual_steps(self) -> int:
        """Of a target that carries up to four times the first rate, where no two steps contradict each other."""
        doublings, halvings = 3, math.ceil(math.log2(math.log(2) / math.log(1 + self.within)))
        return min(self.steps, doublings + halvings + 2 * (self.confirm - 1))


@dataclass(frozen=True, slots=True)
class Capacity:
    """What is known. low: the highest rate that passed below every one that failed; high: the lowest that failed."""

    kind: Kind
    low: float | None = None
    high: float | None = None
    note: str = ""  # why it is not known better

    @property
    def text(self) -> str:
        """The answer, as the middle of a sentence."""
        said = {
            "interval": f"between {self.low or 0:.3g} and {self.high or 0:.3g} sessions/s",
            "at least": f"at least {self.low or 0:.3g} sessions/s",
            "below": f"below {self.high or 0:.3g} sessions/s",
            "unknown": "not known",
        }[self.kind]
        return f"{said}{f'; {self.note}' if self.note else ''}"


@dataclass(frozen=True, slots=True)
class Next:
    """A rate to try, and why."""

    rate: float
    why: str


def decide(steps: Sequence[Step], limits: SearchLimits) -> Next | Capacity:
    """The next rate, or the answer."""
    tally = _Tally.of(steps)
    asked = _asked(tally, limits)
    if isinstance(asked, Next) and len(steps) >= limits.steps:
        return _answer(tally, limits, f"the {limits.steps} steps that were allowed are used up")
    return asked


def answer(steps: Sequence[Step], limits: SearchLimits, note: str = "") -> Capacity:
    """What is known now, whatever could still be asked."""
    return _answer(_Tally.of(steps), limits, note)


def _asked(tally: _Tally, limits: SearchLimits) -> Next | Capacity:
    again = _again(tally, limits)
    if again is not None:
        return again
    low, high = tally.low, tally.high
    ceiling = tally.ceiling(limits.tries)
    if high is None and ceiling is None:
        if low is None:
            return Next(limits.start, "the first rate")
        if low >= limits.highest:
            return _confirmed(tally, limits) or _answer(
                tally, limits, f"{limits.highest:.3g}/s was the highest that might be tried"
            )
        return Next(min(limits.highest, low * 2), "twice what passed")
    top = min(one for one in (high, ceiling) if one is not None)
    if low is None:
        if top <= limits.lowest:
            return _confirmed(tally, limits) or _answer(tally, limits, "no lower rate may be tried")
        return Next(max(limits.lowest, top / 2), f"half of what {'failed' if top == high else 'had no answer'}")
    if top / low > 1 + limits.within:
        return Next(math.sqrt(low * top), "between what passed and what did not")
    return _confirmed(tally, limits) or _answer(tally, limits, _beyond(tally, limits))


def _again(tally: _Tally, limits: SearchLimits) -> Next | None:
    """A rate that has to be asked again before anything else."""
    last = tally.last
    if last is not None and last.word == "inconclusive":
        rate = tally.at(last.rate)
        if not rate.known and rate.unanswered < limits.tries:
            return Next(last.rate, f"again: {last.reason or 'the step had no answer'}")
    for rate in tally.rates:
        if rate.passed == rate.failed and rate.passed > 0 and rate.answered < ASKED_AT_MOST:
            return Next(rate.rate, "a third time: one step passed and one failed")
    high = tally.high
    if high is not None:
        failed = tally.at(high)
        above = max((rate.rate for rate in tally.rates if rate.known == "pass"), default=0.0)
        if above > high and failed.answered < ASKED_AT_MOST and failed.unanswered < limits.tries:
            return Next(high, f"again: {above:.3g}/s passed although this one failed")
    return None


def _confirmed(tally: _Tally, limits: SearchLimits) -> Next | None:
    """An end of the answer that hangs on fewer steps than asked; the upper one first, after which the target rests."""
    for rate in (tally.high, tally.low):
        if rate is None:
            continue
        found = tally.at(rate)
        agreed = max(found.passed, found.failed)
        if agreed < limits.confirm and found.answered < ASKED_AT_MOST and found.unanswered < limits.tries:
            return Next(rate, "again, to be sure of it")
    return None


def _answer(tally: _Tally, limits: SearchLimits, note: str) -> Capacity:
    low, high = tally.low, tally.high
    if low is not None and high is not None:
        wide = f" (asked for {limits.within:.0%}, got {high / low - 1:.0%})" if high / low > 1 + limits.within else ""
        return Capacity("interval", low, high, note + wide if wide else "")
    if low is not None:
        return Capacity("at least", low, None, note)
    if high is not None:
        return Capacity("below", None, high, note)
    return Capacity("unknown", None, None, note or "no step had an answer")


def _beyond(tally: _Tally, limits: SearchLimits) -> str:
    ceiling = tally.ceiling(limits.tries)
    if ceiling is None or (tally.high is not None and tally.high <= ceiling):
        return ""
    reason = next((step.reason for step in reversed(tally.at(ceiling).steps) if step.word == "inconclusive"), "")
    return f"at {ceiling:.3g}/s no step had an answer: {reason or 'it is not known why'}"


@dataclass(frozen=True, slots=True)
class _Rate:
    rate: float
    steps: tuple[Step, ...]

    def _count(self, word: str) -> int:
        return sum(step.word == word for step in self.steps)

    @property
    def passed(self) -> int:
        return self._count("pass")

    @property
    def failed(self) -> int:
        return self._count("fail")

    @property
    def unanswered(self) -> int:
        return self._count("inconclusive")

    @property
    def answered(self) -> int:
        return self.passed + self.failed

    @property
    def known(self) -> Literal["pass", "fail", ""]:
        """What most of its steps say; of a tie the worse."""
        if not self.answered:
            return ""
        return "pass" if self.passed > self.failed else "fail"


@dataclass(frozen=True, slots=True)
class _Tally:
    rates: tuple[_Rate, ...]  # rising
    last: Step | None

    @classmethod
    def of(cls, steps: Sequence[Step]) -> _Tally:
        rates = sorted({step.rate for step in steps})
        return cls(
            tuple(_Rate(rate, tuple(step for step in steps if step.rate == rate)) for rate in rates),
            steps[-1] if steps else None,
        )

    def at(self, rate: float) -> _Rate:
        return next((one for one in self.rates if one.rate == rate), _Rate(rate, ()))

    @property
    def high(self) -> float | None:
        return min((one.rate for one in self.rates if one.known == "fail"), default=None)

    @property
    def low(self) -> float | None:
        high = self.high
        passed = [one.rate for one in self.rates if one.known == "pass" and (high is None or one.rate < high)]
        return max(passed, default=None)

    def ceiling(self, tries: int) -> float | None:
        """The lowest rate, above what passed, that had no answer as often as it may be asked."""
        low = self.low or 0.0
        return min(
            (one.rate for one in self.rates if not one.known and one.unanswered >= tries and one.rate > low),
            default=None,
        )

"""Every operation over nights, and since when one is another. (pure)

A night is dated for what it says of a build, so what the machine does is kept out of it:

- Nights are asked that were made on a machine about as fast as that of the newest ones (`harness.history.machine`).
- What all operations of a night have in common is the night, and none of them: each figure is divided by the middle
  factor by which the other operations were off in that night. Where that factor itself changed, it is told once, of
  all of them together (`Together`): a machine, a network, or a build that slows whatever passes through it.
- Where the canary changed with an operation, and can have made it, where the harness is another one, or the build the
  same, the change is told as doubtful.
- Less than 10 % or 5 ms is no change (`harness.history.change_points`).

Many operations are asked at once. So that nights in which nothing changed are accused as rarely as one operation alone
would be, each gets its share of the 1 % (Bonferroni).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from harness.history.change_points import CHANCE, LEAST_NIGHTS, ChangePoint, change_points
from harness.history.machine import NEAR, NOW, doubts, of_one_speed
from harness.history.model import Night

MOST = 180
"""Nights that are asked: half a year. Permuting takes time with their square."""
LEAST_SAMPLES = 60
"""Of a run, for its p95 to be a figure of the series."""
FEWEST_OTHERS = 5
"""Operations beside one, for their middle to be what a night did to all of them."""
MOST_OF, FEWEST = 0.5, 3
"""Of the operations more than that share, and so many, have to have moved for a change to be one of all."""


@dataclass(frozen=True, slots=True)
class Series:
    """One operation in one view. nights: those that have its p95; values: milliseconds. medians: likewise, None where a
    night has none."""

    operation: str
    view: str
    nights: tuple[Night, ...]
    values: tuple[float, ...]
    medians: tuple[float, ...] | None = None

    def only(self, places: Sequence[int]) -> Series:
        """Those nights of it."""
        medians = None if self.medians is None else tuple(self.medians[place] for place in places)
        nights = tuple(self.nights[place] for place in places)
        return Series(self.operation, self.view, nights, tuple(self.values[place] for place in places), medians)

    @staticmethod
    def of(nights: Sequence[Night]) -> list[Series]:
        """Every operation of these runs that has enough samples, in the order of its name. The runs have to be of one
        kind, the oldest first."""
        found: dict[tuple[str, str], list[tuple[Night, float, float | None]]] = {}
        for night in of_one_speed([one for one in nights if one.complete]):
            for row in night.operations:
                if row.p95 and row.samples >= LEAST_SAMPLES:
                    found.setdefault((row.operation, row.view), []).append((night, row.p95, row.p50))
        return [_series(*key, rows) for key, rows in sorted(found.items()) if len(rows) >= 2 * LEAST_NIGHTS]


def _series(operation: str, view: str, rows: Sequence[tuple[Night, float, float | None]]) -> Series:
    nights, values, _ = zip(*rows, strict=True)
    medians = tuple(one for *_, one in rows if one)
    return Series(operation, view, nights, values, medians if len(medians) == len(rows) else None)


@dataclass(frozen=True, slots=True)
class Changed:
    """One change of one operation. doubt: what else than a build may have made it; empty where nothing is known."""

    series: Series
    change: ChangePoint
    doubt: str = ""

    @property
    def last(self) -> Night:
        """The last night of the level before."""
        return self.series.nights[self.change.at - 1]

    @property
    def first(self) -> Night:
        """The first night of the level since."""
        return self.series.nights[self.change.at]


@dataclass(frozen=True, slots=True)
class Together:
    """A change that most operations have in common. ratio: of their middle. operations: that went with it, of `asked`.
    doubt: as `Changed.doubt`."""

    last: Night
    first: Night
    ratio: float
    operations: tuple[str, ...]
    asked: int
    doubt: str = ""


@dataclass(frozen=True, slots=True)
class Changes:
    """What changed over nights, the earliest first in each."""

    alone: tuple[Changed, ...] = ()
    together: tuple[Together, ...] = ()

    def of(self, operation: str, view: str) -> tuple[Changed, ...]:
        return tuple(one for one in self.alone if (one.series.operation, one.series.view) == (operation, view))


def changes(nights: Sequence[Night]) -> Changes:
    """Every change of every operation over runs of one kind, the oldest first; of many the newest are asked."""
    nights = nights[-MOST:]
    every = Series.of(nights)
    off = _off(every)
    share = CHANCE / max(1, len(every) + 1)
    alone = []
    for series in every:
        one, beside = _beside(series, off)
        for change in change_points(one.values, chance=share, medians=one.medians, beside=beside):
            before, after = _sides(one.nights, change.at)
            alone.append(Changed(one, change, doubts(before, after, change.ratio)))
    return _gathered(alone, _together(every, off, share), nights, len(off))


def _beside(one: Series, off: Mapping[str, Mapping[str, float]]) -> tuple[Series, list[float] | None]:
    """A series in those nights whose others tell what the night did, and what that was; all of it, and None, where too
    few do."""
    common = [_common(off, night.run_id, without=one.operation) for night in one.nights]
    told = [place for place, value in enumerate(common) if value is not None]
    if len(told) < max(2 * LEAST_NIGHTS, len(common) // 2):
        return one, None
    return one.only(told), [value for value in common if value is not None]


def _gathered(alone: Sequence[Changed], together: Sequence[Together], nights: Sequence[Night], asked: int) -> Changes:
    """Most operations by like factors from about the same night on are told together also where they are too few to
    have a middle, or the machine is felt by some more than by others."""
    place = {night.run_id: number for number, night in enumerate(nights)}

    def of_one_date(one: Changed, other: Changed | Together) -> bool:
        return abs(place[one.first.run_id] - place[other.first.run_id]) <= NEAR

    found = list(together)
    left = [
        one
        for one in alone
        if not any(of_one_date(one, other) and _like(one.change.ratio, other.ratio) for other in together)
    ]
    for seed in tuple(left):
        like = [one for one in left if of_one_date(one, seed) and _like(one.change.ratio, seed.change.ratio)]
        operations = {one.series.operation for one in like}
        if seed in like and len(operations) >= FEWEST and len(operations) > MOST_OF * asked:
            left = [one for one in left if one not in like]
            middle = math.exp(median(math.log(one.change.ratio) for one in like))
            before, after = _sides(seed.series.nights, seed.change.at)
            why = doubts(before, after, middle)
            found.append(Together(seed.last, seed.first, middle, tuple(sorted(operations)), asked, why))
    return Changes(tuple(left), tuple(sorted(found, key=lambda one: place[one.first.run_id])))


def _like(ratio: float, other: float) -> bool:
    """Up to twice as far the same way, in logarithms."""
    return 0.5 <= math.log(ratio) / math.log(other) <= 2.0


def _together(every: Sequence[Series], off: Mapping[str, Mapping[str, float]], chance: float) -> list[Together]:
    """Where what all operations have in common changed."""
    known = {night.run_id: night for one in every for night in one.nights}
    pairs = [(night, common) for night in known.values() if (common := _common(off, night.run_id)) is not None]
    pairs.sort(key=lambda pair: (pair[0].started_at, pair[0].run_id))
    nights, factors = [night for night, _ in pairs], [factor for _, factor in pairs]
    found = []
    for change in change_points(factors, chance=chance, least_ms=0.0):
        before, after = _sides(nights, change.at)
        ratios = _ratios(off, before, after)
        part = math.sqrt(change.ratio)  # half of the way, in logarithms
        moved = tuple(name for name, one in ratios.items() if (one >= part if change.ratio > 1 else one <= part))
        if len(moved) > MOST_OF * len(ratios):
            doubt = doubts(before, after, change.ratio)
            found.append(Together(before[-1], after[0], change.ratio, moved, len(ratios), doubt))
    return found


def _off(every: Sequence[Series]) -> dict[str, dict[str, float]]:
    """By operation and run: by how much the logarithms of its p95 and median were off their own middles, the mean of
    both and of its views."""
    found: dict[str, dict[str, list[float]]] = {}
    for one in every:
        for values in (one.values, one.medians or ()):
            logs = [math.log(value) for value in values]
            middle = median(logs) if logs else 0.0
            for night, value in zip(one.nights, logs, strict=False):
                found.setdefault(one.operation, {}).setdefault(night.run_id, []).append(value - middle)
    return {operation: {run_id: fmean(views) for run_id, views in of.items()} for operation, of in found.items()}


def _common(off: Mapping[str, Mapping[str, float]], run_id: str, *, without: str = "") -> float | None:
    """The factor by which a night's operations were off, the middle of those but one; None of too few."""
    others = [of[run_id] for operation, of in off.items() if operation != without and run_id in of]
    return math.exp(median(others)) if len(others) >= FEWEST_OTHERS else None


def _ratios(
    off: Mapping[str, Mapping[str, float]], before: Sequence[Night], after: Sequence[Night]
) -> dict[str, float]:
    """By how much each operation moved that has figures on both sides."""
    found = {}
    for operation, of in off.items():
        then, now = ([of[night.run_id] for night in nights if night.run_id in of] for nights in (before, after))
        if then and now:
            found[operation] = math.exp(median(now) - median(then))
    return found


def _sides(nights: Sequence[Night], at: int) -> tuple[Sequence[Night], Sequence[Night]]:
    """Those next to a change: further ones may be of other levels."""
    return nights[max(0, at - NOW) : at], nights[at : at + NOW]


def every_series(nights: Sequence[Night]) -> dict[tuple[str, str, str, str], list[Night]]:
    """Nights by what can be compared (profile, target, environment, plan), the oldest first in each."""
    found: dict[tuple[str, str, str, str], list[Night]] = {}
    for night in nights:
        found.setdefault((*night.series, night.plan_digest), []).append(night)
    return found

"""Earlier runs beside this one, from a history: how an operation did, and since when it is another. (pure)"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.history.model import Night
from harness.history.series import Changed, Changes, Together, changes
from reports.text import ms, percent, plural

SHOWN = 30
"""Runs of a little chart, this one included."""
ENOUGH = 3
"""Runs from which on a series is drawn."""


@dataclass(frozen=True)
class Series:
    """p95 of one operation over the runs, oldest first, in milliseconds; the last is this run's. `days`: of each."""

    values: tuple[float, ...]
    days: tuple[str, ...]

    @property
    def text(self) -> str:
        """For who cannot see the chart."""
        return f"p95 over {plural(len(self.values), 'run')}, from {ms(self.values[0])} to {ms(self.values[-1])}"


@dataclass(frozen=True)
class Past:
    """Runs of this one's kind, the oldest first, this one last."""

    nights: tuple[Night, ...]

    @property
    def text(self) -> str:
        """How the runs before this one ended."""
        before = self.nights[:-1]
        if not before:
            return ""
        good = sum(night.exit_code == 0 for night in before)
        return f"{good} of the last {plural(len(before), 'run')} of this kind passed"

    def series(self, operation: str, view: str) -> Series | None:
        """What is drawn; None with too few runs that have a p95 of it."""
        found = self._found(operation, view)[-SHOWN:]
        if len(found) < ENOUGH:
            return None
        return Series(tuple(value for _, value in found), tuple(night.started_at[:10] for night, _ in found))

    def since(self, operation: str, view: str) -> str:
        """Since which run it is slower, and between which commits that came; empty where nothing changed upwards."""
        slower = [one for one in self._changes.of(operation, view) if one.change.ratio > 1]
        if slower:
            return _told(slower[-1])
        every = [one for one in self._changes.together if one.ratio > 1 and operation in one.operations]
        return _told_of_all(every[-1]) if every and self._found(operation, view) else ""

    @cached_property
    def _changes(self) -> Changes:
        return changes(self.nights)

    def _found(self, operation: str, view: str) -> list[tuple[Night, float]]:
        return [
            (night, row.p95)
            for night in self.nights
            for row in night.operations
            if (row.operation, row.view) == (operation, view) and row.p95 is not None and 0 < row.p95 < math.inf
        ]


def _told(one: Changed) -> str:
    change = one.change
    rise = f"{ms(change.before)} to {ms(change.after)}, +{percent(change.ratio - 1, 0)}{_commits(one.last, one.first)}"
    return f"slower since the run of {one.first.started_at[:10]} ({rise}){_doubtful(one.doubt)}"


def _told_of_all(one: Together) -> str:
    rise = f"+{percent(one.ratio - 1, 0)} in their middle{_commits(one.last, one.first)}"
    most = f"{len(one.operations)} of {plural(one.asked, 'operation')}"
    return f"slower since the run of {one.first.started_at[:10]}, as {most} are ({rise}){_doubtful(one.doubt)}"


def _commits(last: Night, first: Night) -> str:
    if not (first.commit and last.commit and first.commit != last.commit):
        return ""
    return f", between commits {last.commit[:10]} and {first.commit[:10]}"


def _doubtful(doubt: str) -> str:
    return f"; doubtful: {doubt}" if doubt else ""


def past_of(nights: Sequence[Night], this: Night) -> Past | None:
    """The runs that can be compared with `this` and came before it; None where there is none."""
    before = [
        night
        for night in nights
        if night.series == this.series
        and night.plan_digest == this.plan_digest
        and night.complete
        and night.started_at < this.started_at
        and night.run_id != this.run_id
    ]
    return Past((*sorted(before, key=lambda night: night.started_at), this)) if before else None

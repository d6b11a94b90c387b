"""Earlier runs beside this one, from a history: how an operation did, and since when it is another. (pure)"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.history.model import Night
from harness.history.series import Changed, Changes, changes
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
        return _told(slower[-1]) if slower else ""

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
    first, last_before, change = one.first, one.last, one.change
    commits = ""
    if first.commit and last_before.commit and first.commit != last_before.commit:
        commits = f", between commits {last_before.commit[:10]} and {first.commit[:10]}"
    rise = f"{ms(change.before)} to {ms(change.after)}, +{percent(change.ratio - 1, 0)}"
    doubt = f"; doubtful: {one.doubt}" if one.doubt else ""
    return f"slower since the run of {first.started_at[:10]} ({rise}{commits}){doubt}"


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

"""One operation over nights, and every change in it. (pure)

Many operations are asked at once. So that nights in which nothing changed are accused as rarely as one operation alone
would be, each operation gets its share of the 1 % (Bonferroni).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.history.change_points import CHANCE, LEAST_NIGHTS, ChangePoint, change_points
from harness.history.model import Night

LEAST_SAMPLES = 60
"""Of a run, for its p95 to be a figure of the series."""


@dataclass(frozen=True, slots=True)
class Series:
    """One operation in one view. nights: those that have its p95; values: milliseconds."""

    operation: str
    view: str
    nights: tuple[Night, ...]
    values: tuple[float, ...]

    def changes(self, among: int) -> list[ChangePoint]:
        """Where it changed, the earliest first. among: how many series are asked at once."""
        return change_points(self.values, chance=CHANCE / max(among, 1))

    @staticmethod
    def of(nights: Sequence[Night]) -> list[Series]:
        """Every operation of these runs that has enough samples, in the order of its name."""
        found: dict[tuple[str, str], list[tuple[Night, float]]] = {}
        for night in nights:
            if not night.complete:
                continue
            for row in night.operations:
                if row.p95 and row.samples >= LEAST_SAMPLES:
                    found.setdefault((row.operation, row.view), []).append((night, row.p95))
        return [
            Series(*key, tuple(night for night, _ in rows), tuple(value for _, value in rows))
            for key, rows in sorted(found.items())
            if len(rows) >= 2 * LEAST_NIGHTS
        ]


def every_series(nights: Sequence[Night]) -> dict[tuple[str, str, str], list[Night]]:
    """Nights by what can be compared, the oldest first in each."""
    found: dict[tuple[str, str, str], list[Night]] = {}
    for night in nights:
        found.setdefault(night.series, []).append(night)
    return found

"""Ranges, and how a figure is refused. (pure)"""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.errors import UsageError


def refuse(figure: str, value: object, problem: str, remedy: str) -> UsageError:
    """The error for a figure no day can have."""
    return UsageError(f"{figure} = {value} {problem}", where=f"plan input {figure}", remedy=remedy)


@dataclass(frozen=True, slots=True)
class Range:
    """Evenly spread between `low` and `high`."""

    low: float
    high: float

    @property
    def mean(self) -> float:
        return (self.low + self.high) / 2

    def times(self, factor: float) -> Range:
        """Both ends multiplied."""
        return Range(self.low * factor, self.high * factor)

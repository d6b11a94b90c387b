"""Is a ratio worse than the one that was kept? Asked up to three times: a busy machine spoils a single look. (pure)

A turn is ours and the reference, one right after the other. A look is some turns, and its figure the median of their
ratios: whatever disturbs one turn does not count. Worse is what is more than 20 % worse in three looks running.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

WORSE = 0.20
LOOKS = 3
"""Running, all of them worse, until it is believed."""
STEADY = 0.10
"""Looks at the same code on a busy machine lie within this of their median, or the ratio is not fit to be judged."""


@dataclass(frozen=True)
class Turn:
    """What each of the two cost, in the same unit (CPU seconds, or bytes)."""

    ours: float
    reference: float


def figure(turns: Sequence[Turn]) -> float:
    """The ratio that a look found. :raises ValueError: no turns, or a reference that cost nothing."""
    if not turns or any(turn.reference <= 0 for turn in turns):
        raise ValueError("a look needs turns, and each reference a cost")
    return statistics.median(turn.ours / turn.reference for turn in turns)


def change(ratio: float, kept: float) -> float:
    """By which share it is more (worse) or less (better) than what was kept."""
    return ratio / kept - 1.0


def spread(ratios: Sequence[float]) -> float:
    """How far the farthest of some looks lies from their median, as a share of it."""
    middle = statistics.median(ratios)
    return max(abs(change(one, middle)) for one in ratios)


Look = Callable[[Sequence[str]], Mapping[str, float]]
"""Measures the ratios of these names, and may bring others along."""


@dataclass(frozen=True)
class Judged:
    """One ratio: what each look found, in order, and what was kept."""

    name: str
    kept: float
    looks: tuple[float, ...]

    @property
    def worse(self) -> bool:
        """In all looks that there may be."""
        return len(self.looks) >= LOOKS and all(change(one, self.kept) > WORSE for one in self.looks)

    @property
    def best(self) -> float:
        """Of its looks, the lowest."""
        return min(self.looks)

    @property
    def change(self) -> float:
        """Of the best look: what is certain at least."""
        return change(self.best, self.kept)


def judged(kept: Mapping[str, float], look: Look) -> list[Judged]:
    """Look at all; again, and once more, at those that were worse."""
    found: dict[str, list[float]] = {name: [] for name in kept}
    open_: list[str] = list(kept)
    for _ in range(LOOKS):
        if not open_:
            break
        told = look(open_)
        for name in open_:
            found[name].append(told[name])
        open_ = [name for name in open_ if change(found[name][-1], kept[name]) > WORSE]
    return [Judged(name, kept[name], tuple(ratios)) for name, ratios in found.items()]


def not_the_same(kept: Iterable[str], measured: Iterable[str]) -> list[str]:
    """What is wrong where names are measured and not kept, or kept and no longer measured."""
    here, there = set(kept), set(measured)
    return [f"{name!r} has no kept figure" for name in sorted(there - here)] + [
        f"{name!r} is kept, and nothing measures it" for name in sorted(here - there)
    ]

"""What nights were made with: the machine, by its canary; the harness; the build. Did any of it change? (pure)

The canary is a fixed piece of work before and after each run (`harness.run.canary`). A night without one is taken for a
night on the usual machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from harness.history.model import Night

CANARY_RATIO = 1.4
"""Canaries of one idle machine differ by 5 %; one busy core of two makes 1.4 to 2.3."""
MOVED = 1.10
"""Between two stretches of nights: less is no other machine."""
GROWS = 4
"""A machine that is slower by x is taken to make an operation slower by up to x to this: queues grow faster."""
NEAR = 2
"""Nights by which dates of one change differ."""
NOW = 8
"""The newest nights whose middle is the machine as it is now."""

Canary = tuple[float | None, float | None]
"""Milliseconds of fixed work on all cores, microseconds of a loopback round trip; None: not measured."""


def canary(night: Night) -> Canary:
    return night.canary_cpu_ms, night.canary_loopback_us


def same(one: Canary, other: Canary) -> bool:
    """Whether both are of one machine, and as busy; what was not measured is."""
    return all(not a or not b or 1 / CANARY_RATIO <= a / b <= CANARY_RATIO for a, b in zip(one, other, strict=True))


def of_one_speed(nights: Sequence[Night]) -> list[Night]:
    """Those that were made on a machine about as fast as that of the newest ones, in their order."""
    cpu, loopback = _middle(nights[-NOW:])
    return [night for night in nights if same(canary(night), (cpu, loopback))]


def doubts(before: Sequence[Night], after: Sequence[Night], ratio: float) -> str:
    """What else than a build may have made that figures went by `ratio` from some nights to those after them, as a
    clause; empty where nothing is known."""
    near = (*before[-NEAR:], *after[:NEAR])  # a date is a night or two off
    return "; ".join(filter(None, (_machine(before, after, ratio), _harness(near), _same_build(near))))


def _machine(before: Sequence[Night], after: Sequence[Night], ratio: float) -> str:
    pairs = zip(_middle(before), _middle(after), strict=True)
    moves = [now / then for then, now in pairs if now and then]
    towards = [one for one in moves if (one > 1) == (ratio > 1)]
    most = max(towards, key=lambda one: abs(math.log(one)), default=1.0)
    size = abs(math.log(most))
    if size < math.log(MOVED) or abs(math.log(ratio)) > GROWS * size:
        return ""
    percent = abs(most - 1) * 100
    return (
        f"the machine is slower since (its canary takes {percent:.0f} % longer)"
        if most > 1
        else f"the machine is faster since (its canary takes {percent:.0f} % less)"
    )


def _harness(near: Sequence[Night]) -> str:
    """Who measures otherwise finds something else."""
    versions = dict.fromkeys(night.harness for night in near if night.harness)
    return f"the harness is another since ({', then '.join(versions)})" if len(versions) > 1 else ""


def _same_build(near: Sequence[Night]) -> str:
    commits = {night.commit for night in near}
    return (
        f"all nights around it are of one commit ({commits.pop()[:12]})"
        if len(commits) == 1 and "" not in commits
        else ""
    )


def _middle(nights: Sequence[Night]) -> Canary:
    cpu = [night.canary_cpu_ms for night in nights if night.canary_cpu_ms]
    loopback = [night.canary_loopback_us for night in nights if night.canary_loopback_us]
    return (median(cpu) if cpu else None), (median(loopback) if loopback else None)

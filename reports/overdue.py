"""Replies of the server that take so long that they are as good as none. (pure)

A percentile says nothing about what lies beyond it: with p95 < 2 s one reply in twenty may take a minute, and of eleven
calls three that take 15 s are no certain miss (chance gives so many slow ones in 1.5 % of such runs). But nobody waits
for them. So a reply that takes `overdue_times` its latency limit, or that a phone gave up after so long, counts as one
that failed: as few may as of those, for certain and in moments apart (one stall of the target is the percentile's).

Server view alone: what people's own network, a queue in the phone or its retries add to e2e times is not the server's.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from harness.core.tables import View
from reports import disturbance, intervals, neighbours
from reports.frames import Frames
from reports.intervals import Evidence
from reports.ranks import value_at_rank
from reports.text import ms

DOUBT_OF = 3
"""Of so many samples one bad one is a doubt; of more it is told."""


@dataclass(frozen=True)
class Overdue:
    """How many are, and what that means. held: it accuses nobody."""

    count: int = 0
    status: Literal["held", "doubt", "missed"] = "held"
    note: str = ""


def judge(frames: Frames, timed: pd.DataFrame, bound_ms: float, allowed: float) -> Overdue:
    """
    :param timed: attempts of one call with column value_us, without those that failed sooner.
    :param bound_ms: from there on they are overdue. :param allowed: the share that may be, as of failures.
    """
    late = timed["value_us"] >= bound_ms * 1000.0
    count = int(timed.loc[late, "count"].sum())
    if not count:
        return Overdue()
    known = intervals.evidence(frames.window, timed, late, allowed, ranked=False)
    known = replace(known, apart=intervals.apart(timed, late))
    if known.apart and known.missed:
        note = excuse(frames, timed, bound_ms, known)
        return Overdue(count, "doubt" if note else "missed", note)
    if few(known):
        return Overdue(count, "doubt", told(known))
    return Overdue(count)


def few(known: Evidence) -> bool:
    """Whether bad ones are so large a part of so few that nobody can call the rest good."""
    return known.bad > 0 and known.bad * DOUBT_OF >= known.samples


def told(known: Evidence) -> str:
    """That there are too few, and how many would do."""
    telling = known.telling
    return "too few to be sure" + (f"; {telling} like these would be a miss" if telling is not None else "")


def excuse(frames: Frames, timed: pd.DataFrame, bound_ms: float, known: Evidence) -> str:
    """Whose doing it may be, if not the target's: of the slowest, as many as make it a miss."""
    decisive = next(bad for bad in range(1, known.bad + 1) if replace(known, bad=bad).missed)
    rank = known.samples - decisive + 1
    least_us = value_at_rank(timed, rank)
    percentile = 100.0 * rank / known.samples - 1e-9
    moved = disturbance.moved_ms(frames, timed, View.SERVER, percentile, least_us)
    if least_us / 1000.0 - moved < bound_ms:
        return f"the generator's own delays could have added {ms(round(moved, 1))}"
    over_s = (least_us / 1000.0 - bound_ms) / 1000.0
    return neighbours.excuse(frames.manifest, least_us / 1000.0 / bound_ms, known.allowed, over_s)

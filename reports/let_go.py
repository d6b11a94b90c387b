"""Requests that a phone let go of after waiting far longer than anybody waits for an answer. (pure)

A page that is left lets go of its requests, and most such requests would have been answered a moment later: they say
nothing of the target. One that had been under way for many times what its call takes would not: whoever sent it sat in
front of a spinner until they left. A target that never answers a third of a call would otherwise be seen only where
people wait for its timeout.

A wait counts from USUAL_TIMES the median reply of its call on, LEAST_MS at least. Nothing is said where replies came as
late as often as people left (the target is slow, and its percentile says so), of moments less than three seconds apart,
of fewer than are sure (99 %) where `allowed` may fail, of calls with hardly a reply, of as many as people who go
through tunnels made, and of waits into which a planned fault fell.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import pandas as pd

from harness.core.fault_record import excused
from harness.core.outcome import OUTCOMES, Outcome
from reports import intervals, overdue
from reports.frames import Frames
from reports.ranks import value_at_share
from reports.samples import among, part

USUAL_TIMES = 8
"""Of 500 requests that phones let go of in seventy half minutes on a crowded machine single ones had waited so long,
and never two of one call in two moments while fewer replies took as long."""
LEAST_MS = 1_000.0
"""People notice a second; a machine loses one now and then."""
FEWEST = 5
"""Replies that say what is usual."""
NOBODY_KNOWS = 10**9
"""Of what happens on sockets no person's share is noted."""
GOOD = [one for one in OUTCOMES if one.good]


@dataclass(frozen=True)
class LetGo:
    """How many waited so long in vain; the bound and the usual reply in milliseconds. held: accuses nobody."""

    status: Literal["held", "doubt", "missed"] = "held"
    count: int = 0
    late: int = 0  # of those: beyond the call's latency limit as well
    bound_ms: float = 0.0
    usual_ms: float = 0.0
    note: str = ""


def judge(frames: Frames, attempts: pd.DataFrame, limit_ms: float, allowed: float) -> LetGo:
    """
    :param attempts: all of one call in the measure phase, those that phones let go of as well.
    :param limit_ms: of the call's latency. :param allowed: the share that may go without an answer, as of failures.
    """
    left = attempts["outcome"] == Outcome.GAVE_UP
    if not left.any():
        return LetGo()
    good = among(attempts, "outcome", GOOD)
    replies = part(attempts, pd.Series(good, index=attempts.index))
    if int(replies["count"].sum()) < FEWEST:
        return LetGo()
    timed = attempts.assign(value_us=attempts["bucket_us"].astype("float64"))
    usual_us = value_at_share(replies.assign(value_us=replies["bucket_us"].astype("float64")), 0.5)
    bound_us = max(USUAL_TIMES * usual_us, LEAST_MS * 1000.0)
    vain = left & (timed["value_us"] >= bound_us) & ~_faulty(frames, timed)
    count = int(timed.loc[vain, "count"].sum())
    as_late = int(timed.loc[good & (timed["value_us"] >= bound_us), "count"].sum())
    if count <= as_late:
        return LetGo()
    theirs = _in_tunnels(frames, str(attempts["operation"].iloc[0]))
    timed = timed[good | vain]
    vain = vain[timed.index]
    known = intervals.evidence(frames.window, timed, vain, allowed, ranked=False)
    apart = intervals.apart(timed, vain)
    known = replace(known, bad=max(0, known.bad - theirs), apart=apart and not theirs)
    if not (apart and known.missed):
        return LetGo()
    note = overdue.excuse(frames, timed, bound_us / 1000.0, known)
    late = int(timed.loc[vain & (timed["value_us"] >= limit_ms * 1000.0), "count"].sum())
    return LetGo("doubt" if note else "missed", count, late, bound_us / 1000.0, usual_us / 1000.0, note)


def _in_tunnels(frames: Frames, call: str) -> int:
    """How many requests of a call came from people who go through tunnels."""
    personas = {name for name, of in frames.manifest.profile.behaviour.items() if "tunnels" in of}
    if not personas:
        return 0
    tickets = frames.arrivals.loc[frames.arrivals["persona"].isin(personas), "ticket"]
    calls = frames.traffic[frames.traffic["call"] == call]
    return int(calls.loc[calls["ticket"].isin(tickets), "requests"].sum()) if len(calls) else NOBODY_KNOWS


def _faulty(frames: Frames, timed: pd.DataFrame) -> pd.Series[bool]:
    """Of each attempt whether one of the profile's own faults was on while it waited."""
    ended = timed["second"] + timed["value_us"] / 1e6
    found = pd.Series(False, index=timed.index)
    for start, end in excused([window.model_copy(update={"judged": False}) for window in frames.manifest.chaos]):
        found |= (timed["second"] < end) & (ended + 1 > start)
    return found

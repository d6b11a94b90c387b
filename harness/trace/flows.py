"""The flows of a recording that marks none: a new one begins with each step that changes the screen. (pure)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from harness.trace.model import TraceEvent, TraceFlow
from harness.trace.steps import PersonStep, StepFinder, StepKind

WITHIN = {StepKind.QUERY: "search", StepKind.GESTURE: "swipe"}
"""Steps that belong to a flow which another step began, and that flow; without it they begin one of that name."""
BEFORE_S = 0.02


def found_flows(events: Sequence[TraceEvent]) -> tuple[TraceFlow, ...]:
    """Instants of `events` count from the recording's beginning, which is then every flow's clock."""
    ordered = sorted(events, key=lambda event: event.t)
    if not ordered:
        return ()
    begins = _begins(StepFinder().steps(ordered))
    if not begins or begins[0][1] > ordered[0].t + BEFORE_S:
        begins.insert(0, ("before", ordered[0].t))
    begins[0] = (begins[0][0], min(begins[0][1], ordered[0].t))
    ends = [at for _, at in begins[1:]] + [ordered[-1].t + BEFORE_S]
    flows = []
    for number, ((name, at), end) in enumerate(zip(begins, ends, strict=True)):
        last = number == len(begins) - 1
        within = tuple(replace(one, t=one.t - at) for one in ordered if at <= one.t and (one.t < end or last))
        flows.append(TraceFlow(_numbered(name, begins[:number]), within, start=at, seconds=end - at))
    return tuple(flows)


def _begins(steps: Sequence[PersonStep]) -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    inside = loaded = ""
    for step in steps:
        loaded = step.word if step.kind is StepKind.LOAD else loaded
        name = step.kind.value
        if (home := WITHIN.get(step.kind)) is not None:
            if inside == home or (step.kind is StepKind.GESTURE and inside == "offline"):
                continue
            name = home
        elif step.kind is StepKind.SWIPE_OPEN and inside == "load" and loaded == "elsewhere":
            continue  # the page was loaded there
        elif step.kind is StepKind.SEND and inside == "send":
            continue
        inside = name
        typed = step.seconds or 0.0
        found.append((name, max(0.0, step.at - typed - BEFORE_S)))
    found.sort(key=lambda one: one[1])  # typing began before what the step before it caused
    return [one for one, after in pairwise([*found, ("", float("inf"))]) if after[1] > one[1]]


def _numbered(name: str, before: Sequence[tuple[str, float]]) -> str:
    times = sum(other == name for other, _ in before)
    return f"{name}-{times + 1}" if times else name

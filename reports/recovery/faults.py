"""When each fault was really on, and what it hit: from the planned windows and the chaos log. (pure)"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydantic import ValidationError

from harness.core.fault_record import ChaosEvent, ChaosLine, ChaosWindow


@dataclass(frozen=True, slots=True)
class FaultWindow:
    """One entry of the timeline, as it happened. Seconds since the run's zero; hits None: nothing counted them."""

    name: str
    fault: str
    start_s: float
    end_s: float
    hits: int | None = None


def parsed(log: Iterable[bytes]) -> list[ChaosLine]:
    """The lines of a `chaos.jsonl`; what a dying writer left half-written is ignored."""
    found = []
    for line in log:
        try:
            found.append(ChaosLine.model_validate_json(line))
        except ValidationError:
            continue
    return found


def happened(planned: Sequence[ChaosWindow], log: Sequence[ChaosLine], reached_s: float) -> tuple[FaultWindow, ...]:
    """The faults of a run, in the order in which they began.

    The log's instants win over the plan's. An entry that the log does not name had not begun when the run broke off;
    without any log the plan is believed. `reached_s`: how far the run came.
    """
    found = []
    for window in planned:
        lines = [line for line in log if line.entry == window.entry]
        if window.kind != "chaos" or (log and not lines):
            continue
        starts = [line.at_s for line in lines if line.event is ChaosEvent.START]
        ends = [line.at_s for line in lines if line.event is ChaosEvent.END]
        start = min(starts, default=window.start_s)
        end = min(max(ends, default=window.end_s), max(reached_s, start))
        if start < reached_s:
            found.append(FaultWindow(window.entry, window.fault, start, end, _hits(lines)))
    return tuple(sorted(found, key=lambda fault: (fault.start_s, fault.end_s)))


def _hits(lines: Sequence[ChaosLine]) -> int | None:
    """The last count of all workers together; without one, the sum of what each worker said last."""
    if counts := [line.hits for line in lines if line.event is ChaosEvent.COUNT]:
        return counts[-1]
    last = {line.worker: line.hits for line in lines if line.event is ChaosEvent.END}
    return sum(last.values()) if last else None

"""When each fault was really on, and what it hit: from the planned windows and the chaos log. (pure)"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.core.fault_record import FaultEvent, FaultLine, FaultWindow
from reports.chaos_log import begun, hits, missing


@dataclass(frozen=True, slots=True)
class ObservedFault:
    """One entry of the timeline, as it happened. Seconds since the run's zero; hits None: nothing counted them.

    missing: why it was not on, although it was planned; '' when it was.
    """

    name: str
    fault: str
    start_s: float
    end_s: float
    hits: int | None = None
    missing: str = ""


def happened(planned: Sequence[FaultWindow], log: Sequence[FaultLine], reached_s: float) -> tuple[ObservedFault, ...]:
    """The faults of a run, in the order in which they began.

    The log's instants win over the plan's. An entry that the log does not name had not begun when the run broke off;
    without any log the plan is believed. One that the proxy refused, or that hit nothing, is there with the reason.
    `reached_s`: how far the run came.
    """
    found = []
    for window in planned:
        lines = [line for line in log if line.entry == window.entry]
        if window.kind != "chaos" or (log and not lines):
            continue
        starts = [line.at_s for line in begun(lines)]
        ends = [line.at_s for line in lines if line.event is FaultEvent.END]
        start = min(starts, default=window.start_s)
        end = min(max(ends, default=window.end_s), max(reached_s, start))
        if start < reached_s:
            found.append(ObservedFault(window.entry, window.fault, start, end, hits(lines), missing(lines)))
    return tuple(sorted(found, key=lambda fault: (fault.start_s, fault.end_s)))

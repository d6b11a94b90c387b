"""A day of so many people from what one session of theirs does: hours, Realtime, and the busiest hour. (pure)"""

from __future__ import annotations

from dataclasses import dataclass

from harness.plan import presence, realtime, traffic
from harness.plan.inputs import PlanInputs
from harness.plan.model import Hour, Peak, RealtimeLoad
from harness.plan.prices import PlanPrices
from harness.plan.session_totals import SessionTotals

MB = 1e6


@dataclass(frozen=True, slots=True)
class Day:
    hours: tuple[Hour, ...]
    peak: Peak
    live: RealtimeLoad


def make(session: SessionTotals, inputs: PlanInputs, plan: PlanPrices) -> Day:
    """The day of `inputs.dau` people."""
    hours = traffic.hours(inputs, session.requests, presence.sockets_per_phone(inputs))
    top = traffic.busiest(hours)
    return Day(hours, peak(session, inputs, top), realtime.load(session.stirred, inputs, hours, plan))


def peak(session: SessionTotals, inputs: PlanInputs, top: Hour) -> Peak:
    """The figures of one hour, per second."""
    per_s = top.arrivals
    calls, rows = per_s * session.database_calls, per_s * session.rows
    return Peak(
        hour=top.hour,
        arrivals=per_s,
        phones=top.phones,
        sockets=top.sockets,
        requests=top.requests,
        preflights=per_s * session.preflights,
        invocations=per_s * session.invocations,
        rows=rows,
        inner_calls=per_s * session.inner_calls,
        database_calls=calls,
        tmdb_calls=per_s * session.tmdb_calls,
        connections=calls * inputs.call_ms / 1000,
        cores=calls * inputs.call_cpu_ms / 1000,
        disk_operations=rows * inputs.ios_per_row,
        disk_mb=rows * inputs.disk_bytes_per_row / MB,
    )

"""What each limit needs, and at how many people a day it is reached. (pure)

Nearly everything grows as people do; presence and the changes poller grow with the square of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from harness.plan import presence
from harness.plan.day import Day
from harness.plan.inputs import PlanInputs
from harness.plan.model import DiskPlan, Headroom
from harness.plan.prices import Prices
from harness.plan.realtime import CHANNELS_IN_CONVERSATION, COLD_S, change_cost_ms

PUBLISHED = "published, Realtime limits by plan"
MEASURED = "contract, realtime 4.1: measured on a small machine"
CALLS = "published, Compute and Disk; ms a call assumed"
ROWS = "published, Compute and Disk; disk work a row assumed"
ADVISED = "published, advised for the largest compute"
CONNECTIONS = "database connections"
STEPS = 60


def headroom(day: Day, disk: DiskPlan, inputs: PlanInputs, prices: Prices) -> tuple[Headroom, ...]:
    """Every figure that has a limit; what is reached first, first."""
    plan, peak, live, ceilings = prices.chosen, day.peak, day.live, prices.ceilings
    tracks, changes, told = live.streams
    channels = CHANNELS_IN_CONVERSATION + (1 if tracks.per_day else 0)
    connections = max(size.connections for size in prices.computes.values())
    cores = max(size.cores for size in prices.computes.values())

    def row(name: str, need: float, limit: float, unit: str, source: str, *, breaks: bool = True) -> Headroom:
        return Headroom(name, need, limit, unit, source, inputs.dau * limit / need if need else math.inf, breaks)

    rows = [
        Headroom(
            "presence messages",
            tracks.peak,
            plan.presence_per_second,
            "/s",
            PUBLISHED,
            inputs.dau * _reached(lambda times: _presence(day, inputs, times), plan.presence_per_second),
        ),
        Headroom(
            "changes poller, busy",
            live.poller_share,
            1.0,
            "",
            MEASURED,
            inputs.dau * _reached(lambda times: _poller(day, times), 1.0),
        ),
        row("TMDb calls", peak.tmdb_calls, ceilings["tmdb_per_second"].value, "/s", ceilings["tmdb_per_second"].source),
        row(CONNECTIONS, peak.connections, connections, "", CALLS),
        row("database cores", peak.cores, cores, "", CALLS),
        row("disk operations", peak.disk_operations, ceilings["disk_operations"].value, "/s", ROWS),
        row("disk throughput", peak.disk_mb, ceilings["disk_mb"].value, "MB/s", ROWS),
        row(
            "disk operations included", peak.disk_operations, plan.included["disk_operations"], "/s", ROWS, breaks=False
        ),
        row("disk throughput included", peak.disk_mb, plan.included["disk_mb"], "MB/s", ROWS, breaks=False),
        row("sockets at once", peak.sockets, plan.connections, "", PUBLISHED),
        row("database size", disk.month_gb, disk.advised_gb, "GB", ADVISED),
        row("disk size", disk.month_gb, disk.largest_gb, "GB", ceilings["disk_gb"].source),
        row("database change messages", changes.peak, plan.messages_per_second, "/s", PUBLISHED),
        row("broadcast messages", told.peak, plan.messages_per_second, "/s", PUBLISHED),
        row("channel joins", live.joins, plan.joins_per_second, "/s", PUBLISHED),
        row("joins, all back at once", live.channels, plan.joins_per_second * COLD_S, "", PUBLISHED),
        Headroom("channels of a socket", channels, plan.channels_per_connection, "", PUBLISHED, math.inf),
    ]
    return tuple(sorted(rows, key=lambda one: (one.people, one.share, one.name)))


def _presence(day: Day, inputs: PlanInputs, times: float) -> float:
    return presence.of_hour(day.peak.phones * times, day.peak.arrivals * times, inputs)[0]


def _poller(day: Day, times: float) -> float:
    live = day.live
    return live.changes * times * change_cost_ms(live.open_conversations * times, live.hearing) / 1000


def _reached(need: Callable[[float], float], limit: float) -> float:
    """How many times as many people need just the limit, where more people need more."""
    if need(1.0) <= 0:
        return math.inf
    high = 1.0
    while need(high) < limit:
        high *= 2
        if high > 1e12:
            return math.inf
    low = 0.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if need(middle) < limit else (low, middle)
    return high

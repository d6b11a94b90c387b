"""What a day asks for: hours, requests, rows, disk, Realtime. (pure)"""

from __future__ import annotations

import math

from rich.console import RenderableType

from harness.plan.layout import OVER, heading, paragraph, table
from harness.plan.limits import CONNECTIONS
from harness.plan.model import CapacityPlan
from harness.plan.text import number

ENDPOINTS_SHOWN = 20
TABLES_SHOWN = 12
BAR = 24
GB_PER_TB = 1_000


def other_hours(plan: CapacityPlan) -> list[RenderableType]:
    """Hours that are not the mean busiest one, and everybody back at once."""
    rows = [
        (
            row.name,
            number(row.arrivals),
            number(row.sockets),
            number(row.requests),
            f"{OVER}: {', '.join(row.over)}" if row.over else "",
        )
        for row in plan.peaks
    ]
    herd = plan.herd
    return [
        heading("OTHER HOURS", "and what breaks that the mean busiest hour bears"),
        table(("", "sessions/s", "sockets", "requests/s"), rows),
        paragraph(
            f"After an outage of a minute {number(herd.phones)} phones come back at once: "
            f"{number(herd.joins)} channel joins (a counter that just began bears {number(herd.burst_joins)}, a warm "
            f"one {number(herd.minute_joins)} in a minute) and {number(herd.resumed_requests)} reads that had waited. "
            f"If all load the app again: {number(herd.reloaded_requests)} requests, {number(herd.seconds)} s at twice "
            f"the busiest hour's rate."
        ),
    ]


def day(plan: CapacityPlan) -> list[RenderableType]:
    """Hour by hour."""
    top = max(hour.arrivals for hour in plan.figures.hours)
    rows = [
        (
            f"{hour.hour:2d} h",
            number(hour.arrivals),
            number(hour.phones),
            number(hour.requests),
            "#" * round(BAR * hour.arrivals / top),
        )
        for hour in plan.figures.hours
    ]
    return [heading("DAY"), table(("", "sessions/s", "phones open", "requests/s"), rows)]


def requests(plan: CapacityPlan) -> list[RenderableType]:
    """By endpoint."""
    figures = plan.figures
    rows = [
        (load.name, number(load.per_session), number(load.per_day), number(load.peak)) for load in figures.endpoints
    ]
    shown, rest = rows[:ENDPOINTS_SHOWN], figures.endpoints[ENDPOINTS_SHOWN:]
    if rest:
        total = [sum(getattr(load, name) for load in rest) for name in ("per_session", "per_day", "peak")]
        each, daily, peak = map(number, total)
        shown.append((f"{len(rest)} others", each, daily, peak))
    edge = [("edge invocations", "", number(figures.invocations_per_day), number(figures.peak.invocations))]
    sessions = ", ".join(f"{name} {number(count)}" for name, count in figures.persona_requests.items())
    most, calls = next(row.limit for row in figures.limits if row.name == CONNECTIONS), figures.peak.database_calls
    return [
        heading("REQUESTS", f"{number(figures.requests_per_day)} a day"),
        table(("", "a session", "a day", "/s at peak"), shown + edge),
        paragraph(f"Requests in one session: {sessions}."),
        paragraph(
            f"Behind the functions stand at least {number(figures.peak.inner_calls)} database and auth calls per "
            f"second; the database has {number(figures.peak.database_calls)} in all, "
            f"{number(figures.peak.connections)} connections and {number(figures.peak.cores)} cores busy. With "
            f"{number(most)} connections a call must hold one for no more than {number(most / calls * 1000)} ms."
        ),
    ]


def rows(plan: CapacityPlan) -> list[RenderableType]:
    """By table."""
    figures, swipe = plan.figures, plan.figures.swipe_session
    made = [
        (load.name, number(load.rows_per_day), number(load.peak), number(load.index_entries_per_day))
        for load in figures.tables
    ]
    rest = figures.tables[TABLES_SHOWN:]
    shown = made[:TABLES_SHOWN]
    if rest:
        names = ("rows_per_day", "peak", "index_entries_per_day")
        daily, peak, entries = (number(sum(getattr(load, name) for load in rest)) for name in names)
        shown.append((f"{len(rest)} others", daily, peak, entries))
    total = ("all", number(figures.rows_per_day), number(figures.peak.rows), number(figures.index_entries_per_day))
    return [
        heading("ROWS WRITTEN"),
        table(("", "a day", "/s at peak", "index entries"), [*shown, total]),
        paragraph(
            f"One swipe session: {number(swipe.swipes)} swipes, {number(swipe.requests)} requests, "
            f"{number(swipe.rows)} rows ({number(swipe.rows_per_swipe)} a swipe), "
            f"{number(swipe.index_entries)} index entries; {number(swipe.rows_of_decks)} of the rows are decks served."
        ),
    ]


def disk(plan: CapacityPlan) -> list[RenderableType]:
    """The database's growth."""
    made = plan.figures.disk
    return [
        heading("DISK", "nothing is ever dropped: the maintenance as shipped fails"),
        paragraph(
            f"{number(made.gb_per_day)} GB a day. {number(made.advised_gb / GB_PER_TB)} TB, the most that is advised, "
            f"{_on(made.advised_days)}; {number(made.largest_gb / GB_PER_TB)} TB, the largest general purpose disk, "
            f"{_on(made.largest_days)}; {number(made.year_gb / GB_PER_TB)} TB after a year, and "
            f"{number(made.year_kept_gb / GB_PER_TB)} TB if the maintenance did what it is configured to do."
        ),
    ]


def _on(days: float) -> str:
    return f"on day {math.ceil(days):,}" if math.isfinite(days) else "never"


def realtime(plan: CapacityPlan) -> list[RenderableType]:
    """By stream."""
    live, days = plan.figures.realtime, plan.inputs.days_per_month
    made = [
        (
            stream.name,
            number(stream.per_day),
            number(stream.per_day * days),
            number(stream.peak),
            number(stream.delivered_per_day * days),
        )
        for stream in live.streams
    ]
    return [
        heading("REALTIME MESSAGES"),
        table(("", "a day", "a month", "/s at peak", "can come, a month"), made),
        paragraph(
            f"Joins: {number(live.joins)} /s at peak. After an outage {number(live.channels)} channels join at "
            f"once: {number(live.reconnect_seconds)} s, if evenly, at the plan's limit."
        ),
        paragraph(
            f"With {number(live.open_conversations)} conversations open, {number(live.changes)} changes/s meet one "
            f"poller that needs {number(live.change_ms)} ms for each: {number(live.poller_share)} times what it can do."
        ),
    ]

"""The plan as text of 80 columns, what matters most first. (pure)"""

from __future__ import annotations

from dataclasses import fields

from rich.console import RenderableType

from harness.plan.inputs import Range
from harness.plan.layout import OVER, drawn, heading, paragraph, table
from harness.plan.model import CapacityPlan, CostItem, Headroom
from harness.plan.text import money, number, percent

ENDPOINTS_SHOWN = 20
TABLES_SHOWN = 12
MOVERS_SHOWN = 8
BAR = 24
SMALL = 0.005
"""An elasticity below this moves nothing one could see."""


def render_table(plan: CapacityPlan, *, colour: bool = False) -> str:
    """The whole plan, one line end at its end; `colour` is for a terminal."""
    parts = (_head, _inputs, _limits, _day, _requests, _rows, _realtime, _cost, _movers, _closing)
    return drawn((part(plan) for part in parts), colour=colour)


def _head(plan: CapacityPlan) -> list[RenderableType]:
    inputs, figures = plan.inputs, plan.figures
    peak, cost = figures.peak, figures.cost
    sockets = next(row for row in figures.limits if row.name == "sockets at once")
    facts = [
        ("Monthly cost", money(cost.total, cost.currency), _cost_remark(plan)),
        ("Requests at peak", f"{number(peak.requests)} /s", f"{peak.hour}-{peak.hour + 1} h, {_arrivals(plan)}"),
        ("Sockets at peak", number(peak.sockets), _room(sockets)),
    ]
    over = [row for row in figures.limits if row.over]
    verdict = f"{len(over)} of {len(figures.limits)} limits exceeded" if over else "Every limit holds"
    if over:
        verdict += f": {', '.join(f'{row.name} ({_times(row)})' for row in over)}"
    return [
        heading(
            "CAPACITY PLAN",
            f"{number(inputs.dau)} people a day, {inputs.sessions_per_day:g} sessions each, "
            f"{inputs.session_minutes:g} minutes",
        ),
        paragraph(f"{cost.title}, prices of {cost.as_of}", indent=0),
        "",
        table(("", ""), facts),
        "",
        paragraph(verdict + ".", indent=0, style="bold red" if over else "bold green"),
    ]


def _inputs(plan: CapacityPlan) -> list[RenderableType]:
    named = ("dau", "sessions_per_day", "session_minutes", "curve", "mix")
    values = [(item.name, getattr(plan.inputs, item.name)) for item in fields(plan.inputs) if item.name not in named]
    mix = ", ".join(f"{persona} {share:.3g}" for persona, share in plan.inputs.mix.items())
    habits = ", ".join(f"{name} {_value(value)}" for name, value in values if value is not None)
    return [heading("INPUTS"), paragraph(f"mix: {mix}"), paragraph(habits)]


def _value(value: object) -> str:
    if isinstance(value, Range):
        return f"{value.low:g}-{value.high:g}"
    return ("yes" if value else "no") if isinstance(value, bool) else f"{value:g}"


def _arrivals(plan: CapacityPlan) -> str:
    return f"{number(plan.figures.peak.arrivals)} sessions/s begin"


def _cost_remark(plan: CapacityPlan) -> str:
    cost = plan.figures.cost
    if cost.asked <= cost.total * 1.01:
        return ""
    return f"{money(cost.asked, cost.currency)} if Realtime had no limits"


def _room(row: Headroom) -> str:
    if row.over:
        return f"OVER the plan's {number(row.limit)} ({_times(row)})"
    return f"{percent(row.share)} head-room to {number(row.limit)}"


def _times(row: Headroom) -> str:
    ratio = row.need / row.limit
    return percent(ratio - 1) if ratio < 2 else f"{number(ratio)} x"


def _limits(plan: CapacityPlan) -> list[RenderableType]:
    rows = [
        (
            row.name,
            f"{number(row.need)} {row.unit}".rstrip(),
            f"{number(row.limit)} {row.unit}".rstrip(),
            OVER if row.over else "",
            _times(row) if row.over else percent(row.share),
        )
        for row in plan.figures.limits
    ]
    measured = "Poller and database size are no caps of the platform: docs/plan.md."
    return [heading("LIMITS", "at peak"), table(("", "needs", "limit", "", "room"), rows), paragraph(measured)]


def _day(plan: CapacityPlan) -> list[RenderableType]:
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


def _requests(plan: CapacityPlan) -> list[RenderableType]:
    figures = plan.figures
    rows = [
        (load.name, number(load.per_session), number(load.per_day), number(load.peak)) for load in figures.endpoints
    ]
    shown, rest = rows[:ENDPOINTS_SHOWN], figures.endpoints[ENDPOINTS_SHOWN:]
    if rest:
        total = [sum(getattr(load, name) for load in rest) for name in ("per_session", "per_day", "peak")]
        shown.append((f"{len(rest)} others", *map(number, total)))  # type: ignore[arg-type]
    edge = [("edge invocations", "", number(figures.invocations_per_day), number(figures.peak.invocations))]
    sessions = ", ".join(f"{name} {number(count)}" for name, count in figures.persona_requests.items())
    return [
        heading("REQUESTS", f"{number(figures.requests_per_day)} a day"),
        table(("", "a session", "a day", "/s at peak"), shown + edge),
        paragraph(f"Requests in one session: {sessions}."),
        paragraph(
            f"Behind the swipe functions stand {number(figures.peak.inner_calls)} database and auth calls per second."
        ),
    ]


def _rows(plan: CapacityPlan) -> list[RenderableType]:
    figures, swipe = plan.figures, plan.figures.swipe_session
    rows = [
        (load.name, number(load.rows_per_day), number(load.peak), number(load.index_entries_per_day))
        for load in figures.tables
    ]
    rest = figures.tables[TABLES_SHOWN:]
    shown = rows[:TABLES_SHOWN]
    if rest:
        names = ("rows_per_day", "peak", "index_entries_per_day")
        shown.append((f"{len(rest)} others", *(number(sum(getattr(load, n) for load in rest)) for n in names)))  # type: ignore[arg-type]
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


def _realtime(plan: CapacityPlan) -> list[RenderableType]:
    live, days = plan.figures.realtime, plan.inputs.days_per_month
    rows = [
        (
            stream.name,
            number(stream.per_day),
            number(stream.per_day * days),
            number(stream.peak),
            number(stream.delivered_per_day * days),
        )
        for stream in live.streams
    ]
    behind = f"{number(live.poller_share)} times what it can do"
    return [
        heading("REALTIME MESSAGES"),
        table(("", "a day", "a month", "/s at peak", "delivered a month"), rows),
        paragraph(
            f"Joins: {number(live.joins)} /s at peak. After an outage {number(live.reconnect_joins)} channels join at "
            f"once: {number(live.reconnect_seconds)} s at the plan's limit."
        ),
        paragraph(
            f"With {number(live.open_conversations)} conversations open, {number(live.changes)} changes/s meet one "
            f"poller that needs {number(live.change_ms)} ms for each: {behind}."
        ),
    ]


def _cost(plan: CapacityPlan) -> list[RenderableType]:
    cost = plan.figures.cost
    rows = [_item(item, cost.currency) for item in cost.items]
    total = ("a month", "", "", money(cost.total, cost.currency))
    parts = [
        heading("COST", f"a month, {cost.currency}"),
        table(("", "quantity", "included", ""), [*rows, total]),
    ]
    said = _models_share(plan) if cost.turns_priced else _unpriced(plan)
    return [*parts, paragraph(said)] if said else parts


def _item(item: CostItem, currency: str) -> tuple[str, ...]:
    quantity = "" if item.quantity == 1 and not item.unit else f"{number(item.quantity)} {item.unit}".rstrip()
    asked = f"unlimited {money(item.asked, currency)}" if item.asked > item.amount * 1.01 > 0 else ""
    included = number(item.included) if item.included else ""
    return item.name, quantity, included, money(item.amount, currency), asked or item.note


def _models_share(plan: CapacityPlan) -> str:
    """What the assistant's language models are of the bill."""
    cost = plan.figures.cost
    paid = sum(item.amount for item in cost.items if item.turns)
    share = paid / cost.total if cost.total else 0.0
    return f"The assistant's language models: {money(paid, cost.currency)} a month, {share:.0%} of all."


def _unpriced(plan: CapacityPlan) -> str:
    turns = next((load for load in plan.figures.endpoints if load.name.endswith("assistant-chat-reply")), None)
    if turns is None:
        return ""
    count = number(turns.per_day * plan.inputs.days_per_month)
    return f"Not priced: {count} answers of the assistant's language model ([[extras]] in the price file)."


def _movers(plan: CapacityPlan) -> list[RenderableType]:
    rows = [row for row in plan.sensitivity if max(abs(row.cost), abs(row.requests), abs(row.sockets)) >= SMALL]
    cells = [(row.name, f"{row.cost:+.2f}", f"{row.requests:+.2f}", f"{row.sockets:+.2f}") for row in rows]
    return [
        heading("WHAT MOVES IT", "percent that a figure moves per percent of the input, alone"),
        table(("", "cost", "requests", "sockets"), cells[:MOVERS_SHOWN]),
    ]


def _closing(plan: CapacityPlan) -> list[RenderableType]:
    text = (
        "The manual gives people, sessions, minutes, swipes and messages; the contract gives calls and rows; curve, "
        "mix and habits are assumptions. Replace them from analytics; docs/plan.md lists each with its source."
    )
    return [paragraph(text, indent=0)]

"""The plan's first screen, its limits, and what it was made from. (pure)"""

from __future__ import annotations

import math
from dataclasses import fields

from rich.console import RenderableType

from harness.plan.app import SHIPPED
from harness.plan.layout import OVER, heading, paragraph, table
from harness.plan.model import CapacityPlan, Headroom
from harness.plan.ranges import Range
from harness.plan.text import between, money, number, percent

SHOWN = 8
"""Of what breaks, in the head."""
FAR = 100.0
"""Times as many people as planned: what breaks there is not in the head."""


def head(plan: CapacityPlan) -> list[RenderableType]:
    """What breaks first, the two drivers, the cost."""
    inputs, figures = plan.inputs, plan.figures
    cost, peak = figures.cost, figures.peak
    levers = ", ".join(f"{name}={value}" for name, value in plan.pulled.items())
    return [
        heading(
            "CAPACITY PLAN",
            f"{number(inputs.dau)} people a day, {inputs.sessions_per_day:g} sessions each, "
            f"{inputs.session_minutes:g} minutes",
        ),
        paragraph(f"{cost.title}, prices of {cost.as_of}{f'; levers: {levers}' if levers else ''}", indent=0),
        "",
        *_first(plan),
        "",
        table(
            ("", "likely", "low - high"),
            [
                _total(plan, "rows written a day", "Writes a day"),
                _total(plan, "edge invocations a day", "Edge invocations a day"),
                _cost(plan, "cost a month, published prices", "Cost a month, as published"),
                _cost(plan, "cost a month, whole", "with models, logs, licence"),
                ("if nothing broke, no offer", money(cost.asked, cost.currency), ""),
                _total(plan, "requests at peak", "Requests at peak", " /s", f"{peak.hour}-{peak.hour + 1} h"),
                _total(plan, "sockets at peak", "Sockets at peak"),
            ],
        ),
    ]


def _first(plan: CapacityPlan) -> list[RenderableType]:
    """What breaks, soonest first."""
    spread = {one.name: one for one in plan.breaks}
    near = [row for row in plan.figures.breaks if row.people <= FAR * plan.inputs.dau][:SHOWN]
    rows = [(row.name, number(row.people), between(spread[row.name], number), OVER if row.over else "") for row in near]
    over = [row for row in plan.figures.breaks if row.over]
    if not over:
        verdict = "Every limit holds."
    else:
        first = over[0]
        verdict = f"Breaks first: {first.name}, at {number(first.people)} people a day"
        rest = ", ".join(f"{row.name} at {number(row.people)}" for row in over[1:])
        verdict += f"; then {rest}." if rest else "."
    shown = [table(("breaks at people a day", "likely", "low - high"), rows)] if rows else []
    return [paragraph(verdict, indent=0, style="bold red" if over else "bold green"), "", *shown]


def _total(plan: CapacityPlan, name: str, title: str, unit: str = "", remark: str = "") -> tuple[str, ...]:
    one = plan.spread(name)
    return title, f"{number(one.likely)}{unit}", between(one, number), remark


def _cost(plan: CapacityPlan, name: str, title: str) -> tuple[str, ...]:
    one, currency = plan.spread(name), plan.figures.cost.currency
    return title, money(one.likely, currency), between(one, lambda value: money(value, currency))


def limits(plan: CapacityPlan) -> list[RenderableType]:
    """Every figure that has a limit."""
    rows = [
        (
            row.name,
            f"{number(row.need)} {row.unit}".rstrip(),
            number(row.limit),
            number(row.people) if math.isfinite(row.people) else "never",
            (OVER if row.breaks else "over") if row.over else "",
            times(row) if row.over else percent(row.share),
        )
        for row in plan.figures.limits
    ]
    told = (
        "Presence over its limit closes the channel for good: from there on none is delivered or billed. Joins are "
        "limited as a mean over a minute: a counter that just began bears 10 s of them at once. Poller, cores, "
        "connections and disk work rest on measured or assumed times and sizes, database size on advice: docs/plan.md."
    )
    return [heading("LIMITS", "at peak"), table(("", "needs", "limit", "at people", "", "room"), rows), paragraph(told)]


def times(row: Headroom) -> str:
    """How far over."""
    ratio = row.need / row.limit
    return percent(ratio - 1) if ratio < 2 else f"{number(ratio)} x"


def inputs(plan: CapacityPlan) -> list[RenderableType]:
    """What the plan was made from."""
    named = ("dau", "sessions_per_day", "session_minutes", "curve", "mix", "app")
    values = [(item.name, getattr(plan.inputs, item.name)) for item in fields(plan.inputs) if item.name not in named]
    mix = ", ".join(f"{persona} {share:.3g}" for persona, share in plan.inputs.mix.items())
    habits = ", ".join(f"{name} {_value(value)}" for name, value in values if value is not None)
    app = ", ".join(
        f"{item.name} {_value(getattr(plan.inputs.app, item.name))}"
        for item in fields(SHIPPED)
        if getattr(plan.inputs.app, item.name) != getattr(SHIPPED, item.name)
    )
    parts = [heading("INPUTS"), paragraph(f"mix: {mix}"), paragraph(habits)]
    return [*parts, paragraph(f"app, other than shipped: {app}" if app else "app: as shipped")]


def _value(value: object) -> str:
    if isinstance(value, Range):
        return f"{value.low:g}-{value.high:g}"
    if isinstance(value, str):
        return value
    return ("yes" if value else "no") if isinstance(value, bool) else f"{value:g}"


def closing(plan: CapacityPlan) -> list[RenderableType]:
    """Where all this comes from."""
    text = (
        "The manual gives people, sessions, minutes, swipes and messages; the contract gives calls and rows, the real "
        "client's recordings sizes; curve, mix and habits are assumptions. Replace them from analytics; docs/plan.md "
        "lists each with its source. Intervals hold 80 of 100, if what is assumed is independent."
    )
    return [paragraph(text, indent=0)]

"""Each lever alone, in money: what the month loses or gains. (pure)"""

from __future__ import annotations

from harness.plan.capacity import Core, core
from harness.plan.inputs import PlanInputs
from harness.plan.levers import LEVERS, Setting, pulled
from harness.plan.outlook import LeverRow
from harness.plan.prices import Prices


def table(made: Core, inputs: PlanInputs, prices: Prices) -> tuple[LeverRow, ...]:
    """What saves most first. Levers that the plan was made with already stay as they are."""
    rows = [
        row(lever.name, lever.tried, made, inputs, prices)
        for lever in LEVERS.values()
        if lever.modelled and lever.tried is not None and getattr(inputs.app, lever.name) != lever.tried
    ]
    return tuple(sorted(rows, key=lambda one: (one.cost, one.name)))


def row(name: str, value: Setting, made: Core, inputs: PlanInputs, prices: Prices) -> LeverRow:
    """One lever at one value."""
    other = inputs.changed(app=pulled({name: value}, inputs.app))
    moved = core(other, prices)
    sessions = inputs.sessions
    first = next(one for one in moved.limits if one.breaks)
    return LeverRow(
        name=name,
        value=value,
        what=LEVERS[name].what,
        cost=moved.cost.whole - made.cost.whole,
        requests=sessions * (moved.session.requests - made.session.requests),
        invocations=sessions * (moved.session.invocations - made.session.invocations),
        rows=sessions * (moved.session.rows - made.session.rows),
        disk_gb=moved.disk.gb_per_day - made.disk.gb_per_day,
        first=first.name,
        first_people=first.people,
        egress_gb=moved.month.delivered["egress_gb"] - made.month.delivered["egress_gb"],
    )

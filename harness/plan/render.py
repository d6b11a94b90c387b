"""The plan as text of 80 columns, what matters most first: what breaks, what drives the cost, the cost. (pure)"""

from __future__ import annotations

from collections.abc import Sequence

from harness.plan import render_head, render_load, render_money
from harness.plan.layout import Section, drawn
from harness.plan.model import CapacityPlan


def render_table(plan: CapacityPlan, *, colour: bool = False, more: Sequence[Section] = ()) -> str:
    """The whole plan, one line end at its end; `colour` is for a terminal. more: what stands behind the limits."""
    before = (render_head.head, render_head.limits)
    behind = (
        render_head.inputs,
        render_load.other_hours,
        render_load.day,
        render_load.requests,
        render_load.rows,
        render_load.disk,
        render_load.realtime,
        render_money.cost,
        render_money.options,
        render_money.sizes,
        render_money.year,
        render_money.levers,
        render_money.assumed,
        render_money.movers,
        render_head.closing,
    )
    sections = [*(part(plan) for part in before), *more, *(part(plan) for part in behind)]
    return drawn((section for section in sections if section), colour=colour)

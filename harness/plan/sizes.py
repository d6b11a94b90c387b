"""The month at other sizes, and month by month as people become more. (pure)"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from harness.plan import disk
from harness.plan.capacity import Core, core
from harness.plan.input_checks import MOST
from harness.plan.inputs import PlanInputs
from harness.plan.outlook import SizeRow, YearRow
from harness.plan.prices import Prices
from harness.plan.spread import Swing, spread

SIZES = (1_000.0, 5_000.0, 50_000.0, 100_000.0, 500_000.0)
MONTHS = 12
STEP = 0.01
"""Of people, over which one more is priced: a cent's packages would show otherwise."""
GROWTH = (0.0, 3.0)
"""Low and high end of the growth per month, for each of the likely one."""


def table(made: Core, inputs: PlanInputs, prices: Prices, moved: Sequence[Swing]) -> tuple[SizeRow, ...]:
    """One row a size."""
    return tuple(_row(people, made, inputs, prices, moved) for people in SIZES)


def _row(people: float, made: Core, inputs: PlanInputs, prices: Prices, moved: Sequence[Swing]) -> SizeRow:
    here, more = (core(inputs.changed(dau=number), prices, made.session) for number in (people, people * (1 + STEP)))
    name = f"cost at {people:g}"
    broken = [row.name for row in here.limits if row.over and row.breaks]
    return SizeRow(
        people=people,
        compute=here.compute.name,
        cost=spread((name, "total"), here.cost.total, moved),
        whole=spread((name, "whole"), here.cost.whole, moved),
        marginal=(more.cost.whole - here.cost.whole) / (people * STEP),
        broken=", ".join(broken),
    )


def year(made: Core, inputs: PlanInputs, prices: Prices, moved: Sequence[Swing]) -> tuple[YearRow, ...]:
    """Twelve months, each with more people than the one before. The database is never trimmed, as shipped.

    The interval is that of the month's whole cost, widened by the ends of the growth.
    """
    days, rows = inputs.days_per_month, []
    each = [inputs.sessions * (1 + inputs.growth_per_month) ** month for month in range(MONTHS)]
    daily = disk.gb_per_day(made.session, inputs) / inputs.sessions
    month_cost = spread(("cost a month, whole", prices.currency), made.cost.whole, moved)
    down, up = month_cost.low / month_cost.likely, month_cost.high / month_cost.likely
    for month in range(MONTHS):
        people = min(inputs.dau * (1 + inputs.growth_per_month) ** month, MOST)
        stored = math.fsum(each[: month + 1]) * daily * days
        kept = daily * people * inputs.sessions_per_day
        # What is billed is the database at the month's end: as many days of this month's rows as fill it.
        there = inputs.changed(dau=people, retained_days=min(stored / kept, MOST) if kept else 0.0)
        here = core(there, prices, made.session)
        slow, fast = ((1 + inputs.growth_per_month * end) ** month for end in GROWTH)
        now = (1 + inputs.growth_per_month) ** month
        cost = replace(
            month_cost,
            name=f"month {month + 1}",
            low=here.cost.whole * _joined(down, slow / now, lowest=True),
            likely=here.cost.whole,
            high=here.cost.whole * _joined(up, fast / now, lowest=False),
        )
        rows.append(
            YearRow(
                month=month + 1,
                people=people,
                disk_gb=stored,
                kept_gb=disk.kept_gb(made.session, inputs, each[: month + 1], days),
                compute=here.compute.name,
                cost=cost,
                broken=tuple(row.name for row in here.limits if row.over and row.breaks),
            )
        )
    return tuple(rows)


def _joined(one: float, other: float, *, lowest: bool) -> float:
    """Two independent factors, as squares of logarithms."""
    size = math.hypot(math.log(one), math.log(other))
    return math.exp(-size if lowest else size)

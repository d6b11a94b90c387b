"""The whole plan: figures, intervals, other sizes and hours, a year, levers. (pure)"""

from __future__ import annotations

from collections.abc import Mapping

from harness.plan import cost, lever_table, other_hours, sizes, spread
from harness.plan.capacity import core, tables
from harness.plan.inputs import PlanInputs
from harness.plan.levers import Setting, pulled
from harness.plan.model import CapacityPlan
from harness.plan.outlook import Spread
from harness.plan.prices import Prices
from harness.plan.sensitivity import sensitivities


def make(inputs: PlanInputs, prices: Prices, levers: Mapping[str, Setting] | None = None) -> CapacityPlan:
    """The plan of these inputs, with these levers pulled."""
    given = levers or {}
    inputs = inputs.changed(app=pulled(given, inputs.app)) if given else inputs
    made = core(inputs, prices)
    moved = spread.swings(inputs, prices, sizes.SIZES)
    base = spread.measures(made, inputs, prices, ())
    spreads = [spread.spread(name, likely, moved) for name, likely in base.items()]
    people = {one.unit: one for one in spreads if one.name == "breaks"}
    return CapacityPlan(
        inputs=inputs,
        figures=tables(made, inputs),
        sensitivity=sensitivities(inputs, lambda other: core(other, prices)),
        totals=tuple(one for one in spreads if one.name != "breaks"),
        breaks=tuple(_named(people[row.name]) for row in made.limits),
        assumed=spread.rows(moved, prices.currency),
        peaks=other_hours.table(made, inputs, prices),
        herd=other_hours.herd(made, inputs, prices),
        sizes=sizes.table(made, inputs, prices, moved),
        year=sizes.year(made, inputs, prices, moved),
        levers=lever_table.table(made, inputs, prices),
        options=cost.options(made.month, made.compute, prices),
        pulled=dict(given),
    )


def _named(one: Spread) -> Spread:
    """A limit's people: its own name, counted in people a day."""
    return Spread(one.unit, "people a day", one.low, one.likely, one.high)

"""Puts the plan's figures together. (pure)"""

from __future__ import annotations

from dataclasses import dataclass

from harness.plan import compute, cost, disk, limits, session_totals, traffic
from harness.plan import day as days
from harness.plan.cost import Month
from harness.plan.day import Day
from harness.plan.inputs import PlanInputs
from harness.plan.model import ComputeChoice, CostPlan, DiskPlan, Headroom, Peak, PlanFigures
from harness.plan.prices import Prices
from harness.plan.session_totals import SessionTotals


@dataclass(frozen=True, slots=True)
class Core:
    """A plan without its tables: what other sizes, ends and levers are compared by."""

    session: SessionTotals
    day: Day
    disk: DiskPlan
    compute: ComputeChoice
    month: Month
    cost: CostPlan
    limits: tuple[Headroom, ...]

    @property
    def peak(self) -> Peak:
        return self.day.peak


def core(inputs: PlanInputs, prices: Prices, session: SessionTotals | None = None) -> Core:
    """Of these inputs. session: what one session does, where it is known; it does not depend on `dau`."""
    one = session or session_totals.totals(inputs)
    made = days.make(one, inputs, prices.chosen)
    size = disk.plan(one, inputs, prices)
    chosen = compute.choose(made.peak, size.month_gb, prices)
    month = cost.volumes(one, made, size, inputs, prices)
    return Core(
        session=one,
        day=made,
        disk=size,
        compute=chosen,
        month=month,
        cost=cost.monthly(month, chosen, prices),
        limits=limits.headroom(made, size, inputs, prices),
    )


def figures(inputs: PlanInputs, prices: Prices) -> PlanFigures:
    """The plan's figures with their tables, without what it is compared with."""
    return tables(core(inputs, prices), inputs)


def tables(made: Core, inputs: PlanInputs) -> PlanFigures:
    """Of a core, with its tables."""
    arrivals = made.day.peak.arrivals
    return PlanFigures(
        hours=made.day.hours,
        peak=made.day.peak,
        endpoints=traffic.endpoint_loads(made.session.sent, inputs, arrivals),
        tables=traffic.table_loads(made.session.written, inputs.sessions, arrivals),
        persona_requests=traffic.persona_requests(inputs),
        swipe_session=traffic.swipe_session(inputs),
        realtime=made.day.live,
        disk=made.disk,
        compute=made.compute,
        cost=made.cost,
        limits=made.limits,
    )


def month(inputs: PlanInputs, prices: Prices) -> Month:
    """The volumes of a month."""
    return core(inputs, prices).month

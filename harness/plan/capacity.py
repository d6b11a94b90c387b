"""Puts the plan together. (pure)"""

from __future__ import annotations

from dataclasses import dataclass

from harness.plan import cost, limits, realtime, traffic
from harness.plan.calls import CallKind, Driver
from harness.plan.cost import GB, Month
from harness.plan.inputs import PlanInputs
from harness.plan.model import CapacityPlan, EndpointLoad, Hour, Peak, PlanFigures, RealtimeLoad, TableLoad
from harness.plan.prices import Prices, Usage
from harness.plan.sensitivity import sensitivities
from harness.plan.sessions import Amounts


def make(inputs: PlanInputs, prices: Prices) -> CapacityPlan:
    """The whole plan."""
    return CapacityPlan(inputs, figures(inputs, prices), sensitivities(inputs, lambda other: figures(other, prices)))


def figures(inputs: PlanInputs, prices: Prices) -> PlanFigures:
    """The plan without its sensitivities."""
    loads = _loads(inputs, prices)
    month = _month(loads, inputs, prices)
    return PlanFigures(
        hours=loads.day,
        peak=loads.peak,
        endpoints=loads.endpoints,
        tables=loads.tables,
        persona_requests=traffic.persona_requests(inputs),
        swipe_session=traffic.swipe_session(inputs),
        realtime=loads.live,
        cost=cost.monthly(month, prices),
        limits=limits.headroom(loads.peak, loads.live, month.delivered["disk_gb"], prices),
    )


def month(inputs: PlanInputs, prices: Prices) -> Month:
    """The volumes of a month."""
    return _month(_loads(inputs, prices), inputs, prices)


@dataclass(frozen=True, slots=True)
class _Loads:
    """What a plan's figures are read from."""

    units: Amounts
    day: tuple[Hour, ...]
    endpoints: tuple[EndpointLoad, ...]
    tables: tuple[TableLoad, ...]
    live: RealtimeLoad
    peak: Peak


def _loads(inputs: PlanInputs, prices: Prices) -> _Loads:
    units, sent, rows = traffic.mean_session(inputs)
    per_session = sum(of.requests for of in sent.values())
    day = traffic.hours(inputs, per_session, realtime.sockets_per_phone(inputs))
    top = traffic.busiest(day)
    tables = traffic.table_loads(rows, inputs.sessions, top.arrivals)
    peak = Peak(
        hour=top.hour,
        arrivals=top.arrivals,
        phones=top.phones,
        sockets=top.sockets,
        requests=top.requests,
        invocations=top.arrivals * traffic.invocations(sent),
        rows=sum(table.peak for table in tables),
        inner_calls=top.arrivals * traffic.inner_calls(sent),
    )
    return _Loads(
        units=units,
        day=day,
        endpoints=traffic.endpoint_loads(sent, inputs.sessions, top.arrivals),
        tables=tables,
        live=realtime.load(units, inputs, day, prices.chosen),
        peak=peak,
    )


def _month(loads: _Loads, inputs: PlanInputs, prices: Prices) -> Month:
    endpoints, tables, live, peak = loads.endpoints, loads.tables, loads.live, loads.peak
    days = inputs.days_per_month
    http = sum(load.bytes_per_day for load in endpoints)
    asked: dict[Usage, float] = {
        "edge_invocations": days * sum(load.per_day for load in endpoints if load.kind is CallKind.EDGE),
        "realtime_messages": days * live.per_day,
        "realtime_connections": peak.sockets,
        "egress_gb": days * (http + live.asked_bytes_per_day) / GB,
        "mau": inputs.dau * inputs.mau_per_dau,
        "disk_gb": inputs.retained_days * sum(table.kept_bytes_per_day for table in tables) / GB,
    }
    delivered: dict[Usage, float] = {
        **asked,
        "realtime_messages": days * live.delivered_per_day,
        "realtime_connections": min(peak.sockets, prices.chosen.connections),
        "egress_gb": days * (http + live.bytes_per_day) / GB,
    }
    counted = {
        "assistant_turns": days * inputs.sessions * loads.units[Driver.TURN],
        "searches": days * inputs.sessions * loads.units[Driver.QUERY],
        "sessions": days * inputs.sessions,
        "requests": days * sum(load.per_day - load.nested_per_day for load in endpoints),
        "rows": days * sum(table.rows_per_day for table in tables),
    }
    return Month(delivered, asked, counted)

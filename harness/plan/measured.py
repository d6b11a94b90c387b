"""The plan beside what sessions really sent: one session of each persona, and the month either makes. (pure)

Requests, edge invocations, rows and egress follow the measured session; arrivals, mix, Realtime, people and prices
stay the plan's. Disk grows as rows do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from harness.plan import capacity as core
from harness.plan import cost, traffic
from harness.plan.calls import CHAT_REPLY, DELIVERY, EVENTS, SEARCH, SYNC, SYNC_BATCH, Driver, Endpoint
from harness.plan.cost import GB, Month
from harness.plan.inputs import PlanInputs
from harness.plan.prices import Prices
from harness.plan.rows import WRITES
from harness.plan.sessions import Amounts, amounts

CAUSED_BY: Mapping[Driver, Endpoint] = {
    Driver.EVENT_ROW: EVENTS,
    Driver.TITLE: EVENTS,
    Driver.SWIPE: EVENTS,
    Driver.LIVE_COPY: DELIVERY,
    Driver.FIRST_COPY: DELIVERY,
    Driver.SEEN_COPY: DELIVERY,
    Driver.TURN: CHAT_REPLY,
}
"""Whose requests cause the rows that the plan counts by what a person does."""


@dataclass(frozen=True, slots=True)
class Share:
    """One endpoint's part of one session. bytes_in: of replies' bodies in a plan, of whole replies when measured."""

    requests: float = 0.0
    rows: float = 0.0
    bytes_in: float = 0.0


@dataclass(frozen=True, slots=True)
class MonthFigure:
    """One figure of a month, planned and remade from the measured session."""

    name: str
    unit: str
    planned: float
    measured: float

    @property
    def ratio(self) -> float | None:
        """Measured over planned; None where nothing was planned."""
        return self.measured / self.planned if self.planned else None


def planned_session(persona: str, inputs: PlanInputs) -> dict[str, Share]:
    """What the plan has one session of a persona send, by endpoint. Endpoints called by functions are left out."""
    units = amounts(persona, inputs)
    return _shares(units, inputs)


def _shares(units: Amounts, inputs: PlanInputs) -> dict[str, Share]:
    sent = traffic.sent(units, inputs)
    rows: dict[Endpoint, float] = {}
    for write in WRITES:
        if isinstance(write.cause, Driver):
            endpoint, count = CAUSED_BY[write.cause], units.get(write.cause, 0.0)
        else:
            endpoint, of = write.cause, sent[write.cause]
            count = of.items if write.per_item else of.requests
        rows[endpoint] = rows.get(endpoint, 0.0) + count * write.rows
    found: dict[str, Share] = {}
    for endpoint, of in sent.items():
        if of.requests <= 0:
            continue
        name = " ".join(endpoint.name.split()[:2])  # two reads of one endpoint are one
        before = found.get(name, Share())
        found[name] = Share(
            before.requests + of.requests,
            before.rows + rows.get(endpoint, 0.0),
            before.bytes_in + of.requests * endpoint.size + of.items * endpoint.item_size,
        )
    return found


def month_figures(session: Mapping[str, Share], inputs: PlanInputs, prices: Prices) -> tuple[MonthFigure, ...]:
    """The month as planned, and with the measured mean `session` (by endpoint) in the place of the plan's."""
    planned = core.month(inputs, prices)
    measured = _remade(planned, session, inputs)
    before, after = cost.monthly(planned, prices), cost.monthly(measured, prices)
    rows = [
        MonthFigure("requests", "", planned.counted["requests"], measured.counted["requests"]),
        MonthFigure("edge invocations", "", planned.asked["edge_invocations"], measured.asked["edge_invocations"]),
        MonthFigure("rows written", "", planned.counted["rows"], measured.counted["rows"]),
        MonthFigure("egress", "GB", planned.delivered["egress_gb"], measured.delivered["egress_gb"]),
        MonthFigure("cost", before.currency, before.total, after.total),
    ]
    return tuple(rows)


def _remade(planned: Month, session: Mapping[str, Share], inputs: PlanInputs) -> Month:
    times = inputs.days_per_month * inputs.sessions
    _, sent, _ = traffic.mean_session(inputs)
    batch = sent[SYNC_BATCH]
    nested = sent[SYNC].nested / batch.requests if batch.requests else 0.0  # calls of one batch, as planned
    invoked = sum(of.requests for name, of in session.items() if name.startswith("POST functions/"))
    invoked += nested * _of(session, SYNC_BATCH).requests
    rows = sum(of.rows for of in session.values())
    egress = sum(of.bytes_in for of in session.values()) * times / GB
    http = sum(of.requests * endpoint.size + of.items * endpoint.item_size for endpoint, of in sent.items())
    more = egress - http * times / GB
    grown = rows * times / planned.counted["rows"] if planned.counted["rows"] else 1.0
    return replace(
        planned,
        delivered={
            **planned.delivered,
            "edge_invocations": times * invoked,
            "egress_gb": planned.delivered["egress_gb"] + more,
            "disk_gb": planned.delivered["disk_gb"] * grown,
        },
        asked={
            **planned.asked,
            "edge_invocations": times * invoked,
            "egress_gb": planned.asked["egress_gb"] + more,
            "disk_gb": planned.asked["disk_gb"] * grown,
        },
        counted={
            **planned.counted,
            "assistant_turns": times * _of(session, CHAT_REPLY).requests,
            "searches": times * _of(session, SEARCH).requests,
            "requests": times * sum(of.requests for of in session.values()),
            "rows": times * rows,
        },
    )


def _of(session: Mapping[str, Share], endpoint: Endpoint) -> Share:
    return session.get(endpoint.name, Share())

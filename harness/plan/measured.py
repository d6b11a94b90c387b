"""The plan beside what sessions really sent: one session of each persona, and the month either makes. (pure)

Requests, edge invocations, rows and egress follow the measured session; arrivals, mix, Realtime, people and prices
stay the plan's. Disk grows as rows do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from harness.plan import capacity, cost, traffic
from harness.plan.calls import CHAT_REPLY, DELIVERY, EVENTS, READ, SEARCH, SYNC, SYNC_BATCH, Driver, Endpoint
from harness.plan.cost import GB, Month
from harness.plan.inputs import PlanInputs
from harness.plan.prices import Prices, Usage
from harness.plan.rows import WRITES
from harness.plan.sessions import Amounts, amounts

CAUSED_BY: Mapping[Driver, Endpoint] = {
    Driver.EVENT_ROW: EVENTS,
    Driver.TITLE: EVENTS,
    Driver.SWIPE: EVENTS,
    Driver.LIVE_COPY: DELIVERY,
    Driver.FIRST_COPY: DELIVERY,
    Driver.SEEN_COPY: DELIVERY,
    Driver.READ: READ,
    Driver.TURN: CHAT_REPLY,
}
"""Whose requests cause the rows that the plan counts by what a person does."""


@dataclass(frozen=True, slots=True)
class Share:
    """One endpoint's part of one session. bytes_in: of whole replies, in a plan uncompressed."""

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
    return shares(units, inputs)


NOT_OF_PHONES = frozenset({"GET storage/avatars"})
"""What a browser loads by itself and phones do not."""


def mean_session(inputs: PlanInputs) -> dict[str, Share]:
    """The mean session of the mix, by endpoint."""
    found: dict[str, Share] = {}
    for persona, part in inputs.mix.items():
        for name, of in planned_session(persona, inputs).items():
            before = found.get(name, Share())
            found[name] = Share(
                before.requests + part * of.requests, before.rows + part * of.rows, before.bytes_in + part * of.bytes_in
            )
    return found


def shares(units: Amounts, inputs: PlanInputs) -> dict[str, Share]:
    """Of one session with these driver amounts, by endpoint."""
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
            before.bytes_in + traffic.whole_bytes(endpoint, of, inputs),
        )
    return found


def month_figures(session: Mapping[str, Share], inputs: PlanInputs, prices: Prices) -> tuple[MonthFigure, ...]:
    """The month as planned, and with the measured mean `session` (by endpoint) in the place of the plan's."""
    planned = capacity.core(inputs, prices)
    measured = _remade(planned, session, inputs)
    before, after = planned.cost, cost.monthly(measured, planned.compute, prices)
    month = planned.month
    rows = [
        MonthFigure("requests", "", month.counted["requests"], measured.counted["requests"]),
        MonthFigure("edge invocations", "", month.asked["edge_invocations"], measured.asked["edge_invocations"]),
        MonthFigure("rows written", "", month.counted["rows"], measured.counted["rows"]),
        MonthFigure("egress", "GB", month.delivered["egress_gb"], measured.delivered["egress_gb"]),
        MonthFigure("cost", before.currency, before.total, after.total),
    ]
    return tuple(rows)


def _remade(made: capacity.Core, session: Mapping[str, Share], inputs: PlanInputs) -> Month:
    """Bytes measured are taken as whole replies, packed as the plan packs them."""
    planned, one = made.month, made.session
    times = inputs.days_per_month * inputs.sessions
    batch = one.sent[SYNC_BATCH]
    nested = one.sent[SYNC].nested / batch.requests if batch.requests else 0.0  # calls of one batch, as planned
    invoked = sum(of.requests for name, of in session.items() if name.startswith("POST functions/"))
    invoked += nested * _of(session, SYNC_BATCH).requests
    requests, rows = (sum(getattr(of, name) for of in session.values()) for name in ("requests", "rows"))
    measured = sum(of.bytes_in for of in session.values())
    larger = measured / one.whole_bytes - 1 if one.whole_bytes else 0.0
    more = larger * one.egress_bytes * times / GB
    grown = rows / one.rows if one.rows else 1.0

    def moved(before: Mapping[Usage, float]) -> dict[Usage, float]:
        return {
            **before,
            "edge_invocations": times * invoked,
            "egress_gb": before["egress_gb"] + more,
            "disk_gb": before["disk_gb"] * grown,
            "disk_operations": before["disk_operations"] * grown,
            "disk_mb": before["disk_mb"] * grown,
        }

    return replace(
        planned,
        delivered=moved(planned.delivered),
        asked=moved(planned.asked),
        counted={
            **planned.counted,
            "assistant_turns": times * _of(session, CHAT_REPLY).requests,
            "searches": times * _of(session, SEARCH).requests,
            "requests": times * requests,
            "log_events": planned.counted["log_events"] * (requests / one.requests if one.requests else 1.0),
            "rows": times * rows,
        },
    )


def _of(session: Mapping[str, Share], endpoint: Endpoint) -> Share:
    return session.get(endpoint.name, Share())

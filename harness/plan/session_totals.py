"""What one session of the mix sends, writes and stirs, in totals: all that days and limits are made from. (pure)

None of it depends on how many people come, so that a plan of another size needs no session of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.plan import messages
from harness.plan.calls import CHAT_REPLY, PREFLIGHT, SYNC, TMDB, CallKind, Driver, Endpoint
from harness.plan.inputs import PlanInputs
from harness.plan.rows import WrittenTable
from harness.plan.sessions import Amounts
from harness.plan.traffic import EndpointRequests, mean_session, packed_bytes, whole_bytes


@dataclass(frozen=True, slots=True)
class SessionTotals:
    """Of the mix's mean session."""

    units: Amounts
    sent: Mapping[Endpoint, EndpointRequests]
    written: Mapping[WrittenTable, tuple[float, float]]  # rows written, rows kept

    requests: float  # of phones, their browsers' preflights among them
    preflights: float
    invocations: float  # of edge functions, nested ones too
    inner_calls: float  # database and auth calls behind them
    database_calls: float  # these, and what phones ask REST, auth and storage for
    log_events: float  # what passes the gateway: requests, and the functions' own calls
    tmdb_calls: float  # of the proxy, and of the catalogue's syncs
    egress_bytes: float  # replies as they leave: packed bodies, headers
    whole_bytes: float  # likewise, nothing packed
    rows: float
    index_entries: float
    kept_bytes: Mapping[WrittenTable, float]
    stirred: messages.Stirred


def totals(inputs: PlanInputs) -> SessionTotals:
    """Of these inputs. Independent of `inputs.dau`."""
    units, sent, written = mean_session(inputs)
    requests = sum(of.requests for of in sent.values())
    preflights = sent[PREFLIGHT].requests
    invocations = sum(of.total for endpoint, of in sent.items() if endpoint.kind is CallKind.EDGE)
    outer = sum(of.requests for endpoint, of in sent.items() if endpoint.kind is CallKind.EDGE)
    inner = sum(of.total * endpoint.inner for endpoint, of in sent.items())
    return SessionTotals(
        units=units,
        sent=sent,
        written=written,
        requests=requests,
        preflights=preflights,
        invocations=invocations,
        inner_calls=inner,
        database_calls=requests - preflights - outer + inner,
        log_events=requests + invocations - outer + inner,
        tmdb_calls=sent[TMDB].total + sent[SYNC].total,
        egress_bytes=sum(packed_bytes(endpoint, of, inputs) for endpoint, of in sent.items()),
        whole_bytes=sum(whole_bytes(endpoint, of, inputs) for endpoint, of in sent.items()),
        rows=sum(rows for rows, _ in written.values()),
        index_entries=sum(rows * table.indexes for table, (rows, _) in written.items()),
        kept_bytes={table: kept * table.row_bytes for table, (_, kept) in written.items() if kept * table.row_bytes},
        stirred=messages.stirred(units, inputs),
    )


def answers(totals: SessionTotals) -> float:
    """The assistant's answers in a session."""
    return totals.sent[CHAT_REPLY].total


def searches(totals: SessionTotals) -> float:
    return totals.units.get(Driver.QUERY, 0.0)


def sign_ups(totals: SessionTotals) -> float:
    return totals.units.get(Driver.SIGN_UP, 0.0)

"""Planned windows and what the chaos log makes of them."""

from __future__ import annotations

from harness.core.fault_record import FaultEvent, FaultLine, Why
from reports.recovery.faults import ObservedFault, happened, parsed
from tests.recovery.build import FAULT, window

LATER = window("later", "latency", 150, 160)


def line(event: FaultEvent, at_s: float, worker: int | None = None, hits: int = 0, why: Why = Why.PLAN) -> FaultLine:
    return FaultLine(
        event=event, entry="outage", fault="http_status", layer="http", at_s=at_s, worker=worker, hits=hits, why=why
    )


def test_without_a_log_the_plan_is_believed_as_far_as_the_run_came() -> None:
    assert happened((LATER, FAULT), (), 240) == (
        ObservedFault("outage", "http_status", 80, 110),
        ObservedFault("later", "latency", 150, 160),
    )
    assert happened((FAULT, LATER), (), 100) == (ObservedFault("outage", "http_status", 80, 100),)


def test_the_log_knows_better() -> None:
    recovery = FAULT.model_copy(update={"kind": "recovery", "name": "recovery:outage"})
    log = [
        line(FaultEvent.START, 80.2, 1),
        line(FaultEvent.START, 80.1, 0),
        line(FaultEvent.COUNT, 90.0, None, 40),
        line(FaultEvent.END, 95.0, 0, 30, Why.LEASE),
        line(FaultEvent.END, 110.3, 1, 33),
    ]
    assert happened((FAULT, recovery, LATER), log[:2], 240) == (ObservedFault("outage", "http_status", 80.1, 110),)
    assert happened((FAULT,), [*log[:2], *log[3:]], 240)[0].hits == 63
    assert happened((FAULT,), log, 240) == (ObservedFault("outage", "http_status", 80.1, 110.3, 40),)


def test_a_torn_log_is_read_up_to_the_tear() -> None:
    whole = line(FaultEvent.START, 80.0, 0)
    assert parsed((whole.written() + whole.written()[:25]).splitlines()) == [whole]

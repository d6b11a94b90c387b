"""Planned windows and what the chaos log makes of them."""

from __future__ import annotations

from harness.core.fault_record import FaultEvent, FaultLine, Why, excused
from reports.chaos_log import as_they_were, hits, parsed
from reports.recovery.faults import ObservedFault, happened
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


REFUSED = FaultLine(
    event=FaultEvent.START,
    entry="outage",
    fault="http_status",
    layer="http",
    at_s=80.1,
    why=Why.FAILED,
    text="no route",
)


def told(*lines: FaultLine) -> tuple[str, bool]:
    """Why the fault of these lines was not on, and whether its window excuses anything."""
    (fault,) = happened((FAULT,), lines, 240)
    return fault.missing, bool(excused(as_they_were((FAULT,), lines)))


def test_a_fault_that_the_proxy_refused_was_not_on_and_excuses_nothing() -> None:
    why, excuses = told(REFUSED)
    assert why == "the fault was not on: the proxy refused it: no route"
    assert not excuses
    assert told(REFUSED, line(FaultEvent.START, 81.0), line(FaultEvent.COUNT, 82.0, hits=3)) == ("", True)


def test_a_fault_that_hit_nothing_was_not_on_and_excuses_nothing() -> None:
    begun, counted, ended = line(FaultEvent.START, 80.1), line(FaultEvent.COUNT, 81.0), line(FaultEvent.END, 110.0)
    assert told(begun, counted, ended) == ("the fault was not on: it hit nothing", False)
    assert told(begun, counted, line(FaultEvent.COUNT, 90.0, hits=1), ended) == ("", True)
    phone = [one.model_copy(update={"layer": "phone", "worker": 0}) for one in (begun, ended)]
    assert told(*phone) == ("the fault was not on: it hit nothing", False)


def test_where_nobody_counts_the_plan_is_believed() -> None:
    """A real Toxiproxy has no counts, and a run that was killed has not its last ones."""
    begun, ended = line(FaultEvent.START, 80.1), line(FaultEvent.END, 110.0)
    assert told(begun, ended) == ("", True)
    assert told(begun, line(FaultEvent.COUNT, 81.0)) == ("", True)
    assert hits([begun, ended]) is None
    assert excused(as_they_were((FAULT,), ()))


def test_a_fault_of_which_the_log_says_nothing_excuses_nothing_but_others_do() -> None:
    other = line(FaultEvent.START, 150.0).model_copy(update={"entry": "later"})
    assert excused(as_they_were((FAULT, LATER), [other])) == [(150.0, 160.0)]

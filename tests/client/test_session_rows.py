"""Session logs: what is noted becomes rows, once, whenever it comes."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from harness.client.session_log import OPEN_EVERY_S, SessionLog, SessionLogs
from harness.core.actions import BY_RNG, UserAction
from harness.core.rows import made
from harness.core.tables import ACTIONS, TRAFFIC
from harness.record.store import tidy


def rows(batches: list[tuple[str, pa.RecordBatch]], table: str) -> list[dict[str, Any]]:
    return [row for name, batch in batches if name == table for row in batch.to_pylist()]


def test_an_ended_session_is_written_at_the_next_take_and_late_requests_at_the_one_after() -> None:
    logs, log = SessionLogs(worker=2), SessionLog(7, begun=100.0)
    logs.begin(log)
    log.sent("user", 0.5, 300, 900)
    log.sent("user", 0.25, 300, 800, failed=True)
    log.did(UserAction.LOOK, 101.5, "title", seconds=2.0)
    assert logs.take() == []  # still open
    logs.end(log)
    first = made(logs.take())
    counted = {"requests": 2, "failed": 1, "seconds": 0.75, "bytes_out": 600, "bytes_in": 1700, "rows": 0}
    assert rows(first, TRAFFIC) == [{"ticket": 7, "worker": 2, "call": "user"} | counted]
    assert rows(first, ACTIONS) == [
        {
            "ticket": 7,
            "worker": 2,
            "at_us": 1_500_000,
            "action": "look",
            "subject": "title",
            "number": 1,
            "seconds": 2.0,
        }
    ]
    log.sent("swipe_events", 0.1)  # cancelled with the page, reported after the session's end
    assert [row["call"] for row in rows(made(logs.take()), TRAFFIC)] == ["swipe_events"]
    assert logs.take() == []


def test_open_sessions_hand_over_now_and_then_and_at_the_end() -> None:
    logs, log = SessionLogs(0), SessionLog(1, 0.0)
    logs.begin(log)
    log.sent("user", 0.1)
    taken = [logs.take() for _ in range(OPEN_EVERY_S)]
    assert [len(one) for one in taken] == [0] * (OPEN_EVERY_S - 1) + [1]
    log.sent("user", 0.1)
    assert len(rows(made(logs.take(everything=True)), TRAFFIC)) == 1


def test_draws_are_added_up_by_quantity() -> None:
    log = SessionLog(1, 0.0)
    for value in (2.0, 3.0):
        log.drew("dwell_s", value)
    assert log.take().rows(ACTIONS, worker=3) == [(1, 3, 0, UserAction.DRAWN, "dwell_s", 2, 5.0)]


NOTES = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["user", "presence"]), st.integers(0, 9), st.booleans()), max_size=60
)


@given(NOTES)
def test_whenever_rows_are_taken_their_sums_are_what_was_noted(notes: list[tuple[int, str, int, bool]]) -> None:
    logs = SessionLogs(0)
    of = [SessionLog(ticket, 0.0) for ticket in range(3)]
    for log in of:
        logs.begin(log)
    batches: list[tuple[str, pa.RecordBatch]] = []
    expected: dict[tuple[int, str], list[int]] = {}
    for ticket, call, size, take in notes:
        of[ticket].sent(call, 0.0, size, 2 * size, 1)
        sums = expected.setdefault((ticket, call), [0, 0, 0, 0])
        expected[(ticket, call)] = [a + b for a, b in zip(sums, (1, size, 2 * size, 1), strict=True)]
        if take:
            batches += made(logs.take())
    for log in of:
        logs.end(log)
    batches += made(logs.take())
    found = [batch for name, batch in batches if name == TRAFFIC]
    table = tidy(TRAFFIC, pa.Table.from_batches(found)).to_pylist() if found else []
    assert {
        (row["ticket"], row["call"]): [row[name] for name in ("requests", "bytes_out", "bytes_in", "rows")]
        for row in table
    } == expected


def test_deeds_come_out_in_the_order_of_their_instants() -> None:
    logs, log = SessionLogs(0), SessionLog(1, 0.0)
    for at, action in ((1.0, UserAction.PAGE_LOAD), (1.0, UserAction.OPEN), (2.0, UserAction.LEAVE)):
        log.did(action, at)
    logs.end(log)
    table = pa.Table.from_batches([batch for name, batch in made(logs.take()) if name == ACTIONS])
    assert tidy(ACTIONS, table)["action"].to_pylist() == ["page_load", "open", "leave"]


def test_every_decision_is_a_deed() -> None:
    assert {UserAction.CLOSED, UserAction.FOREIGN}.isdisjoint(BY_RNG)

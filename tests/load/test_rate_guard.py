"""When a run that sends too much, all workers together, must stop."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.tables import LATENCY, SCHEMAS
from harness.load.rate_guard import RateGuard


def reason_of(counts: list[int], limit: float | None = 100) -> str:
    guard = RateGuard(limit)
    for second, count in enumerate(counts):
        guard.add(second, count // 2)  # of one worker
        guard.add(second, count - count // 2)  # of another
    return guard.reason


@pytest.mark.parametrize(
    ("counts", "stopped"),
    [
        ([100] * 50, False),
        ([120] * 50, False),  # exactly the tolerance
        ([121, 121, 121], True),
        ([121, 121, 120, 121, 121, 120], False),
        ([500, 500, 0, 500, 500], False),
        ([0, 0, 130, 140, 150, 0], True),
    ],
)
def test_three_seconds_in_a_row_above_the_tolerance_stop(counts: list[int], stopped: bool) -> None:
    assert bool(reason_of(counts)) is stopped


def test_what_is_left_of_many_workers_may_use_all_of_the_limit() -> None:
    """A limit of 100 over 8 workers is not 12.5 for the one that is left, which makes 90."""
    assert not reason_of([90] * 60)


def test_the_reason_names_the_sum_and_stays() -> None:
    guard = RateGuard(100)
    for second, count in enumerate([130, 140, 150]):
        guard.add(second, count)
    reason = guard.reason
    assert "130, 140, 150 requests" in reason
    assert "all workers together; the target allows 100 a second" in reason
    guard.add(9, 1)
    assert guard.reason == reason


def test_requests_that_end_late_count_in_the_second_of_their_send() -> None:
    guard = RateGuard(10)
    for second in (0, 2):
        guard.add(second, 100)
    assert not guard.reason
    guard.add(1, 100)
    assert guard.reason


def test_only_requests_count() -> None:
    """Frames on an open socket are no requests, and an operation is none either."""
    rows = [
        (second, "measure", operation, view, "ok", 1000, count)
        for second in range(5)
        for operation, view, count in (
            ("home_feed", "server", 6),
            ("realtime_connect", "server", 4),
            ("realtime_join", "server", 50),
            ("realtime_heartbeat", "server", 50),
            ("feed", "e2e", 50),
        )
    ]
    batch = pa.RecordBatch.from_pylist(
        [dict(zip(SCHEMAS[LATENCY].names, row, strict=True)) for row in rows], schema=SCHEMAS[LATENCY]
    )
    within, over = RateGuard(10), RateGuard(8)
    within.absorb(batch)
    over.absorb(batch)
    assert not within.reason
    assert "10, 10, 10" in over.reason


@given(st.lists(st.integers(0, 250), max_size=40))
def test_agrees_with_the_definition(counts: list[int]) -> None:
    over = [count > 120 for count in counts]
    assert bool(reason_of(counts)) is any(all(over[i : i + 3]) for i in range(len(over) - 2))
    assert not reason_of(counts, None)

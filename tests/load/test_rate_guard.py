"""When a worker that sends too much must stop."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.load.rate_guard import RateGuard


def run(guard: RateGuard, counts: list[int], start: float = 0.0) -> int | None:
    """Feed counts second by second in tenths; the second in which the guard first said stop."""
    for second, count in enumerate([*counts, 0]):
        for tenth in range(10):
            part = count * (tenth + 1) // 10 - count * tenth // 10
            if guard.add(start + second + tenth / 10, part):
                return second
    return None


@pytest.mark.parametrize(
    ("counts", "stopped"),
    [
        ([100] * 50, None),
        ([120] * 50, None),  # exactly the tolerance
        ([121, 121, 121], 3),
        ([121, 121, 120, 121, 121, 120], None),
        ([500, 500, 0, 500, 500], None),
        ([0, 0, 130, 140, 150, 0], 5),
    ],
)
def test_three_seconds_in_a_row_above_the_tolerance_stop(counts: list[int], stopped: int | None) -> None:
    guard = RateGuard(100)
    assert run(guard, counts) == stopped
    assert (guard.add(0.0, 0) is None) is (stopped is None)  # late news of nothing


def test_the_reason_names_figures_and_stays() -> None:
    guard = RateGuard(100)
    run(guard, [130, 140, 150])
    reason = guard.add(4.0, 0)
    assert reason is not None
    assert all(part in reason for part in ("130, 140, 150", "100 a second"))
    assert guard.add(100.0, 0) == reason
    assert guard.add(101.0, 0) == reason


def test_silent_seconds_break_the_row_and_clocks_may_stutter() -> None:
    guard = RateGuard(10)
    for second in (0, 1, 3, 4, 6, 7, 9):
        assert guard.add(second + 0.5, 100) is None
    assert guard.add(8.9, 100) is None  # late news
    assert RateGuard(None).add(5, 10**9) is None


@given(st.lists(st.integers(0, 250), max_size=40), st.floats(-100, 1e6))
def test_agrees_with_the_definition(counts: list[int], start: float) -> None:
    whole = float(int(start))
    over = [count > 120 for count in counts]
    first = next((i + 1 for i in range(2, len(over)) if all(over[i - 2 : i + 1])), None)
    assert run(RateGuard(100), counts, whole) == first

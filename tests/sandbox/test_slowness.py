"""A line: one after the other, and nobody who left gives their turn back."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.slowness import ServiceQueue


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_who_comes_together_waits_for_those_before() -> None:
    line = ServiceQueue(10, Clock())
    assert [line.turn() for _ in range(3)] == pytest.approx([0.1, 0.2, 0.3])


def test_a_line_that_has_emptied_keeps_nobody_waiting() -> None:
    clock = Clock()
    line = ServiceQueue(10, clock)
    for _ in range(5):
        line.turn()
    clock.now += 60
    assert line.turn() == pytest.approx(0.1)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=200), st.integers(1, 50))
def test_never_more_a_second_than_it_serves(gaps: list[float], per_second: int) -> None:
    clock = Clock()
    line = ServiceQueue(per_second, clock)
    ends = []
    for gap in gaps:
        clock.now += gap
        ends.append(clock.now + line.turn())
    assert all(later - earlier >= 1 / per_second - 1e-9 for earlier, later in pairwise(ends))

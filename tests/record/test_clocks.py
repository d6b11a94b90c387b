"""A worker's clock against the master's: the true offset lies within the uncertainty."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.record.clocks import MAX_APART_S, Round, apart, offset


@given(
    st.integers(-5_000_000, 5_000_000),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 200_000), st.integers(0, 200_000)), min_size=1),
)
def test_the_true_offset_lies_within_the_uncertainty(true_us: int, trips: list[tuple[int, int, int]]) -> None:
    rounds = [
        Round(at / 1e3, at / 1e3 + there / 1e6 + true_us / 1e6, at / 1e3 + (there + back) / 1e6)
        for at, there, back in trips
    ]
    found = offset(3, rounds)
    assert found is not None
    assert found.worker == 3
    assert abs(found.offset_us - true_us) <= found.uncertainty_us + 1
    assert found.uncertainty_us <= min(there + back for _, there, back in trips) // 2 + 1


def test_no_round_no_offset() -> None:
    assert offset(0, []) is None


@pytest.mark.parametrize("off_s", [-3600.0, -MAX_APART_S - 0.1, MAX_APART_S + 0.1, 3600.0])
def test_a_worker_whose_clock_is_far_off_takes_no_part(off_s: float) -> None:
    found = offset(0, [Round(100.0 + off_s, 100.01, 100.02 + off_s)])
    why = apart(found)
    assert f"{abs(off_s):.1f} s {'ahead of' if off_s > 0 else 'behind'} the master's" in why
    assert apart(None)


@pytest.mark.parametrize("off_s", [-1.9, 0.0, 0.5, 1.9])
def test_what_can_be_allowed_for_is_no_reason(off_s: float) -> None:
    assert apart(offset(0, [Round(100.0 + off_s, 100.01, 100.02 + off_s)])) == ""

"""A worker's clock against the master's: the true offset lies within the uncertainty."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.record.clocks import Round, offset


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

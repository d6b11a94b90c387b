"""The recovery rule by itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reports.recovery.steady import HOLD_S, recovered


@given(st.lists(st.booleans(), min_size=1, max_size=200), st.integers(0, 100), st.integers(0, 250))
def test_recovered_means_the_first_stretch_that_holds(within: list[bool], end: int, until: int) -> None:
    found = recovered(within, end, until)
    last = min(until, len(within) - 1)
    holds = [at for at in range(end, last - HOLD_S + 1) if all(within[at : at + HOLD_S + 1])]
    if holds:
        assert (found.status, found.after_s) == ("recovered", holds[0] - end)
    else:
        assert found.after_s is None
        assert found.note
        if found.status == "never":
            assert not within[last]
            assert last - end >= HOLD_S


def test_a_fault_that_ends_between_seconds() -> None:
    assert recovered([True] * 100, 20.4, 99).after_s == 21 - HOLD_S + HOLD_S - 20.4

"""How many worker processes carry so many phones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import UsageError
from harness.load.sizing import BURST_SHARE, PER_PHONE, RESERVED, phones_per_process, processes_for


@given(st.integers(1, 300_000), st.integers(1_000, 1_000_000))
def test_no_process_gets_more_than_its_limit_carries_and_none_is_superfluous(phones: int, limit: int) -> None:
    count = processes_for(phones, limit, 10_000)
    most = -(-phones // count)
    assert most * PER_PHONE + RESERVED <= limit * (1 - BURST_SHARE) + 1
    if count > 1:
        assert phones > (count - 1) * phones_per_process(limit)


def test_the_figure_in_the_documentation() -> None:
    assert phones_per_process(20_000) == 7_900


def test_what_was_asked_for_is_taken_when_it_fits() -> None:
    assert processes_for(40, 20_000, 2, 3) == 3
    assert processes_for(40, 20_000, 2) == 1


def test_too_few_are_refused_with_the_number_it_takes() -> None:
    with pytest.raises(UsageError) as refused:
        processes_for(12_500, 20_000, 2, 1)
    assert "12,500 phones need 2 worker processes" in refused.value.what
    assert "--processes 2" in refused.value.remedy


def test_too_many_for_the_machine_are_refused_with_a_way_out() -> None:
    with pytest.raises(UsageError, match="need 24 worker processes, too many for 2 cores") as refused:
        processes_for(7_000, 1_000, 2)
    assert "--worker" in refused.value.remedy


def test_a_limit_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="no descriptor for phones"):
        processes_for(1, 250, 2)

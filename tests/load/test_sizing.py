"""How many worker processes carry so many phones."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import UsageError
from harness.core.ids import MAX_WORKERS, Sequence, position
from harness.core.wire_limits import WireLimits
from harness.load.sizing import BURST_SHARE, PER_PHONE, RESERVED, check_workers, phones_per_process, processes_for


@given(st.integers(1, 75_000), st.integers(1_000, 1_000_000))
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


def test_the_most_workers_are_those_whose_ids_fit() -> None:
    assert MAX_WORKERS == 256
    assert position(7, Sequence(7, 1, worker=MAX_WORKERS - 1)()) is not None
    with pytest.raises(ValueError, match="32 bits"):
        Sequence(7, 1, worker=MAX_WORKERS)()
    check_workers(MAX_WORKERS)


@pytest.mark.parametrize("asked", [None, 300])
def test_more_are_refused_before_anything_starts(asked: int | None) -> None:
    with pytest.raises(UsageError, match="256 are the most"):
        processes_for(80_000, 1_000, 10_000, asked)


def test_more_than_the_limits_can_be_shared_among_are_refused() -> None:
    limits = WireLimits(requests_per_second=3, connections_per_second=3, sockets=70)
    check_workers(3, limits)
    with pytest.raises(UsageError, match="there are whole shares for 3") as refused:
        check_workers(4, limits)
    assert "at most 3" in refused.value.remedy

"""Descriptors and ports, before anything is opened."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import processes
from harness.phone.realtime.needs import PER_PROCESS, Room, fewest_processes, needs, shortage

HERE = Room(descriptors=20_000, ports=28_232)


def test_twelve_thousand_phones_need_two_processes_here() -> None:
    assert needs(6_250, http_connections=1).descriptors == PER_PROCESS + 12_500
    assert fewest_processes(12_500, HERE, http_connections=1) == 2
    assert shortage(12_500, 2, HERE, http_connections=1) == ""
    assert "at least 2 processes" in shortage(12_500, 1, HERE, http_connections=1)


def test_ports_do_not_grow_with_processes() -> None:
    assert fewest_processes(12_500, HERE) is None
    assert "ephemeral ports" in shortage(12_500, 8, HERE)


def test_nonsense_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one process"):
        needs(1, 0)


@given(
    phones=st.integers(0, 60_000),
    room=st.builds(Room, descriptors=st.integers(1, 70_000), ports=st.integers(0, 65_000)),
    http_connections=st.integers(0, 6),
)
def test_the_fewest_processes_fit_and_one_less_does_not(phones: int, room: Room, http_connections: int) -> None:
    fewest = fewest_processes(phones, room, http_connections=http_connections)
    if fewest is None:
        assert shortage(phones, max(1, phones), room, http_connections=http_connections)
        return
    if phones:
        assert shortage(phones, fewest, room, http_connections=http_connections) == ""
    if fewest > 1:
        assert shortage(phones, fewest - 1, room, http_connections=http_connections)


def test_the_machine_says_what_it_offers() -> None:
    room = processes.room()
    assert room.descriptors >= 64
    assert 0 < room.ports < 65_536

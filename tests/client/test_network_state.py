"""The link: planned outages, what is told to whom, and how much time had no network."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client.network_state import NetworkChange, NetworkState, Outage

TIMES = st.integers(0, 60).map(float)
OUTAGES = st.lists(st.builds(Outage, TIMES, st.integers(1, 15).map(float)), max_size=8)


def offline_at(outages: list[Outage], instant: float) -> bool:
    return any(outage.start <= instant < outage.end for outage in outages)


@given(OUTAGES, st.lists(st.floats(0.1, 7.0), max_size=60))
def test_the_plan_is_followed_whenever_it_is_looked_at(outages: list[Outage], steps: list[float]) -> None:
    link, told = NetworkState(), list[NetworkChange]()
    link.watch(told.append)
    for outage in outages:
        link.plan(outage)
    now = 0.0
    link.advance(now)
    for step in steps:
        now += step
        link.advance(now)
        assert link.online != offline_at(outages, now)
        due = link.next_change()
        assert due is None or due > now
    assert all(one is not other for one, other in pairwise(told)), "changes alternate"


@given(OUTAGES, TIMES, st.integers(0, 60))
def test_offline_seconds_are_the_plans(outages: list[Outage], begun: float, length: int) -> None:
    link = NetworkState()
    for outage in outages:
        link.plan(outage)
    while (due := link.next_change()) is not None:
        link.advance(due)
    seconds = sum(offline_at(outages, second + 0.5) for second in range(int(begun), int(begun) + length))
    assert link.offline_seconds(begun, begun + length) == pytest.approx(seconds)


def test_with_jitter_the_app_takes_the_network_for_back_later() -> None:
    draws = iter((2.0, 5.0))
    link, told = NetworkState(lambda: next(draws)), list[NetworkChange]()
    link.watch(told.append)
    for start in (10.0, 40.0):
        link.plan(Outage(start, 3.0))
    for now, online in ((9.0, True), (14.9, False), (15.0, True), (47.9, False), (48.0, True)):
        link.advance(now)
        assert link.online is online
    assert link.offline_seconds(0.0, 60.0) == pytest.approx(13.0)


def test_an_outage_that_still_lasts_counts_up_to_now() -> None:
    link = NetworkState()
    link.lose(10.0)
    assert link.offline_seconds(0.0, 25.0) == 15.0
    link.regain(20.0)
    assert link.offline_seconds(0.0, 25.0) == 10.0


def test_only_real_changes_are_told_in_order_to_everybody() -> None:
    link, told = NetworkState(), list[tuple[int, NetworkChange]]()
    link.watch(lambda change: told.append((1, change)))
    stop = link.watch(lambda change: told.append((2, change)))
    link.lose(1.0)
    link.lose(2.0)
    link.hide()
    stop()
    stop()
    link.hide()
    link.show()
    link.regain(3.0)
    link.regain(4.0)
    assert told == [
        (1, NetworkChange.OFFLINE),
        (2, NetworkChange.OFFLINE),
        (1, NetworkChange.HIDDEN),
        (2, NetworkChange.HIDDEN),
        (1, NetworkChange.VISIBLE),
        (1, NetworkChange.ONLINE),
    ]


def test_a_page_that_dies_takes_its_watchers_along_but_not_the_phones() -> None:
    link, told = NetworkState(), list[str]()
    link.watch(lambda change: told.append(f"page {change.value}"))
    link.watch(lambda change: told.append(f"phone {change.value}"), lasting=True)
    link.kill()
    link.lose(1.0)
    assert told == ["page killed", "phone killed", "phone offline"]
    link.watch(lambda change: told.append("next page"))
    link.reset()
    assert link.online
    link.hide()
    assert told[3:] == ["phone hidden"]


def test_a_network_that_is_gone_already_comes_back_with_the_plan() -> None:
    link = NetworkState()
    link.plan(Outage(10.0, 5.0))
    link.lose(3.0)
    link.advance(12.0)
    assert not link.online
    assert link.next_change() == 15.0
    link.plan(Outage(1.0, 2.0))  # in the past
    assert link.next_change() == 15.0
    link.advance(15.0)
    assert link.online
    assert link.offline_seconds(0.0, 20.0) == 12.0


@pytest.mark.parametrize(("start", "seconds"), [(0.0, 0.0), (0.0, -1.0), (math.nan, 1.0), (0.0, math.inf)])
def test_impossible_outages_are_refused(start: float, seconds: float) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        Outage(start, seconds)

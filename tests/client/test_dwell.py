"""The dwell clock as shipped: a swipe is two events, and a look ends in one only when the page is left."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.client.events.emission import LookClock
from harness.client.screens.browse.swipe import SwipePage
from harness.client.screens.commute import go_offline
from tests.client.answered import EVENTS, answered, batches, flow, kinds
from tests.client.virtual import VirtualPhone, World


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


def opened(world: World) -> tuple[VirtualPhone, SwipePage]:
    phone = answered(world)
    page = SwipePage(phone)
    world.run(page.open())
    world.loop.sleep(2.0)
    return phone, page


def swipe(world: World, page: SwipePage, seconds: float, gesture: str) -> None:
    assert page.card is not None
    world.run(page.look_and_swipe(page.card, seconds, gesture))


def test_a_swipe_is_two_events_however_long_the_look_as_in_the_recording(world: World) -> None:
    recorded = [[event["eventType"] for item in one["body"]["items"] for event in item["events"]]
                for one in batches(flow("b-swipe"))]  # fmt: skip
    phone, page = opened(world)
    before = len(phone.to(EVENTS))
    for gesture, _ in recorded:
        swipe(world, page, 2.5, gesture)
    world.loop.sleep(2.0)
    assert [kinds(sent) for sent in phone.to(EVENTS)[before:]] == recorded


def test_leaving_the_page_ends_the_look_a_second_later_and_it_counts_from_the_last_thing_that_moved(
    world: World,
) -> None:
    phone, page = opened(world)
    swipe(world, page, 2.5, "like")
    world.loop.sleep(3.0)
    assert page.card is not None
    page.mark_watched(page.card)
    world.loop.sleep(4.0)
    page.leave()
    left_at, before = phone.now(), len(phone.to(EVENTS))
    assert phone.event_sender.storage.queue == (), "the look ends after the page has stored what it had"
    world.loop.sleep(1.5)
    [sent] = phone.to(EVENTS)[before:]
    [event] = [event for item in sent.json["items"] for event in item["events"]]
    # What is noted is read again, and the answer, 50 ms later, is the last thing that moved.
    assert (event["eventType"], event["dwellMs"]) == ("dwell", 3950)
    assert sent.at == pytest.approx(left_at + 1.0, abs=0.01)


@pytest.mark.parametrize(("seconds", "dwells"), [(0.9, 0), (1.5, 1)])
def test_a_short_look_is_none(world: World, seconds: float, dwells: int) -> None:
    phone, page = opened(world)
    swipe(world, page, 2.5, "skip")
    world.loop.sleep(0.3)  # the card's own reads are there
    world.loop.sleep(seconds)
    page.leave()
    world.loop.sleep(2.0)
    assert sum(kinds(sent).count("dwell") for sent in phone.to(EVENTS)) == dwells


def test_an_app_that_is_closed_ends_no_look_and_a_dwell_that_waits_is_lost_with_it(world: World) -> None:
    phone, page = opened(world)
    world.loop.sleep(10.0)
    before = len(phone.to(EVENTS))
    world.run(phone.end())
    world.loop.sleep(5.0)
    assert len(phone.to(EVENTS)) == before
    phone.begin(1, phone.now())
    page = SwipePage(phone)
    world.run(page.open())
    world.loop.sleep(10.0)
    before = len(phone.to(EVENTS))
    page.leave()
    world.run(phone.end())
    world.loop.sleep(5.0)
    assert len(phone.to(EVENTS)) == before
    assert phone.event_sender.storage.queue == (), "nothing stores the events of a page that was left"


def test_a_look_that_ends_without_a_network_is_lost(world: World) -> None:
    phone, page = opened(world)
    go_offline(phone)
    world.loop.sleep(10.0)
    page.leave()
    world.loop.sleep(2.0)
    assert phone.event_sender.storage.queue == ()


def test_the_clock_never_runs_backwards() -> None:
    clock = LookClock()
    clock.drawn(5.0)
    clock.drawn(3.0)
    assert clock.looked_ms(6.0) == 1000.0
    assert clock.looked_ms(4.0) == 0.0

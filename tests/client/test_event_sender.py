"""The event sender: when a batch counts as confirmed, what is owed at the end, what is lost, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from harness.client.screens.commute import come_back, go_offline, kill, plan_outages
from harness.core.outcome import Outcome
from tests.client.test_commuter import event
from tests.client.virtual import Sent, VirtualPhone, World


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


def swiping(world: World, count: int, *, person: int = 0) -> VirtualPhone:
    phone = world.phone(person)
    phone.event_sender.mount()
    for number in range(1, count + 1):
        phone.event_sender.emit(event(number))
    world.loop.settle()
    return phone


def accepted(sent: Sent) -> dict[str, Any]:
    return {"ok": True, "acceptedClientEventIds": sent.event_ids, "issues": []}


def counted(world: World) -> list[Outcome]:
    return [outcome for _, outcome, _, _ in world.notebook.operations]


def test_a_batch_counts_from_the_earliest_gesture_to_the_servers_word(world: World) -> None:
    phone = swiping(world, 1)
    world.loop.sleep(0.4)
    phone.event_sender.emit(event(2))
    world.loop.sleep(0.7)
    phone.sent[0].answer(accepted(phone.sent[0]))
    world.loop.settle()
    [(name, outcome, _, seconds)] = world.notebook.operations
    assert (name, outcome) == ("swipe_batch", Outcome.OK)
    assert seconds == pytest.approx(1.1, abs=0.01)


def test_time_without_network_is_inside_the_batch(world: World) -> None:
    phone = swiping(world, 3)
    plan_outages(phone, [(0.5, 60.0)])
    world.loop.sleep(30.0)
    assert phone.sent == []
    assert world.notebook.attempts == [], "nothing left the phone, so nothing was attempted"
    assert counted(world) == []
    world.loop.sleep(31.0)  # online again, the back-off long over
    [sent] = phone.sent
    sent.answer(accepted(sent))
    world.loop.settle()
    [(_, outcome, intended, seconds)] = world.notebook.operations
    assert outcome is Outcome.OK
    assert seconds == pytest.approx(61.0, abs=0.01)
    assert seconds > 60.0
    assert phone.network.offline_seconds(intended, intended + seconds) == pytest.approx(60.0)


def test_what_is_under_way_when_the_network_goes_fails_as_network(world: World) -> None:
    phone = swiping(world, 25)
    assert len(phone.open) == 1
    go_offline(phone)
    world.loop.settle()
    assert world.notebook.attempts == [("swipe_events", Outcome.NETWORK, "offline")]
    assert len(phone.event_sender.storage.queue) == 25
    assert phone.event_sender.storage.fail_count == 1
    world.loop.sleep(2.0)
    come_back(phone)
    world.loop.settle()
    assert phone.sent[1].event_ids == phone.sent[0].event_ids


def test_events_never_tried_belong_to_no_operation_at_the_end(world: World) -> None:
    phone = swiping(world, 3)
    go_offline(phone)
    phone.event_sender.unmount()  # stored before the first try
    world.run(phone.end())
    phone.discard()
    assert counted(world) == []
    assert len(phone.event_sender.storage.queue) == 3


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (500, b"", Outcome.SERVER_ERROR),
        (429, b"", Outcome.RATE_LIMITED),
        (200, {"ok": True, "acceptedClientEventIds": [], "issues": [{"code": "RATE_LIMIT"}]}, Outcome.RATE_LIMITED),
        (200, {"ok": True, "acceptedClientEventIds": [], "issues": []}, Outcome.SOFT_FAILURE),
    ],
)
def test_events_tried_and_owed_end_as_their_last_try_in_batches_of_25(
    world: World, status: int, body: Any, outcome: Outcome
) -> None:
    phone = swiping(world, 50)
    for sent in phone.sent:
        sent.answer(body, status)
    world.loop.settle()
    assert counted(world) == []
    world.run(phone.end())
    phone.discard()
    assert counted(world) == [outcome, outcome]
    phone.discard()
    assert len(counted(world)) == 2


def test_an_app_that_is_killed_loses_what_was_in_memory_and_keeps_what_was_stored(world: World) -> None:
    phone = swiping(world, 25)
    phone.sent[0].breaks()
    world.loop.settle()  # 25 stored
    world.loop.sleep(2.0)
    for number in range(26, 56):
        phone.event_sender.emit(event(number))
    world.loop.settle()  # 25 in flight, 5 in the buffer
    kill(phone)
    world.loop.settle()
    assert len(phone.event_sender.storage.queue) == 25
    assert counted(world) == [Outcome.GAVE_UP, Outcome.GAVE_UP]
    world.loop.sleep(100.0)
    assert len(phone.sent) == 2, "nothing runs any more"
    phone.event_sender.mount()
    world.loop.settle()
    assert phone.sent[2].event_ids == phone.sent[0].event_ids
    phone.sent[2].answer(accepted(phone.sent[2]))
    world.loop.settle()
    assert counted(world)[2:] == [Outcome.OK]


def test_evicted_events_are_given_up(world: World) -> None:
    phone = swiping(world, 0)
    for number in range(1, 231):
        phone.event_sender.emit(event(number))
    world.run(phone.end())  # nobody answers: all are stored
    assert len(phone.event_sender.storage.queue) == 200
    assert counted(world) == [Outcome.GAVE_UP] * 2  # 30 events


def test_a_closed_apps_answers_reach_nobody(world: World) -> None:
    phone = swiping(world, 3)
    world.run(phone.end())  # hidden: sent; no answer within a second: gone, a copy stored
    assert len(phone.sent) == 1
    assert len(phone.event_sender.storage.queue) == 3
    assert phone.event_sender.storage.fail_count == 0
    phone.sent[0].answer(accepted(phone.sent[0]))
    world.loop.settle()
    assert len(phone.event_sender.storage.queue) == 3


def test_events_the_app_cannot_make_are_refused(world: World) -> None:
    phone = swiping(world, 0)
    with pytest.raises(ValueError, match="in_watchlist"):
        phone.event_sender.emit(replace(event(1), event_type="watchlist"))
    with pytest.raises(ValueError, match="whole milliseconds"):
        phone.event_sender.emit(replace(event(1), dwell_ms=1500.5))  # type: ignore[arg-type]
    assert phone.event_sender.storage.queue == ()

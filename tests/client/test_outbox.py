"""Contract 3.8: one test per row of the transition table and of the poison table."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client.api.call import Service
from harness.client.api.classify import read
from harness.client.events.outbox import (
    EmissionRules,
    EventReply,
    Flush,
    Outbox,
    OutboxState,
    Storage,
    SwipeEvent,
    encode,
    event_reply,
    strict_uuid,
)
from harness.client.events.swipe_event import for_wire

SESSION, DECK, RECOMMENDATION = (str(uuid.UUID(int=n, version=4)) for n in (1, 2, 3))
FAIL_ONCE_WAIT_S = 0.25  # what `Low` draws: the floor


class Low(random.Random):
    """Full jitter at its lowest: every back-off is the 250 ms floor."""

    def random(self) -> float:
        return 0.0


class High(random.Random):
    def random(self) -> float:
        return 1.0 - 2**-53


def event(number: int, kind: str = "like") -> SwipeEvent:
    item = str(uuid.UUID(int=1000 + number, version=4))
    return SwipeEvent(
        event_type=kind,
        client_event_id=str(uuid.UUID(int=number, version=4)),
        session_id=SESSION,
        media_item_id=item,
        deck_id=DECK,
        rec_request_id=RECOMMENDATION,
        position=number % 5000,
        dedupe_key=f"{RECOMMENDATION}:{number % 5000}:{item}",
        source="for-you",
    )


def answer_of(status: int, body: bytes) -> EventReply | None:
    """What the app makes of a reply, from its bytes."""
    return event_reply(status, read(Service.EVENTS, status, body).data)


def ids(events: Iterable[SwipeEvent]) -> list[str]:
    return [item.client_event_id for item in events]


def accepts(*events: SwipeEvent, should_retry: bool = False) -> EventReply:
    return EventReply(accepted=frozenset(ids(events)), should_retry=should_retry)


class Tab:
    """An outbox whose every event's state is written down."""

    def __init__(self, storage: Storage | None = None, rng: random.Random | None = None) -> None:
        self.states: dict[str, OutboxState] = {}
        self.storage = storage or Storage()
        self.outbox = Outbox(self.storage, rng or Low(), self._moved)

    def _moved(self, item: SwipeEvent, state: OutboxState) -> None:
        self.states[item.client_event_id] = state

    def mounted(self, now: float = 0.0) -> Tab:
        assert self.outbox.mount(now) == []
        return self

    def emit(self, numbers: Iterable[int], now: float = 0.0) -> list[Flush]:
        return [flush for number in numbers for flush in self.outbox.emit(event(number), now)]

    def fail_one(self, now: float = 0.0) -> None:
        """Leave event 999 in the queue and a back-off of 250 ms from `now`."""
        self.outbox.emit(event(999), now)
        (flush,) = self.outbox.hidden(now)
        self.outbox.failed(flush, now)

    def all_in(self, state: OutboxState, numbers: Iterable[int]) -> bool:
        return all(self.states[event(number).client_event_id] is state for number in numbers)


# ---- transition table -------------------------------------------------------------------------------------------


def test_emit_while_mounted_goes_to_the_buffer() -> None:
    tab = Tab().mounted()
    assert tab.emit([1]) == []
    assert tab.all_in(OutboxState.BUFFER, [1])


def test_emit_outside_a_mount_is_refused() -> None:
    with pytest.raises(RuntimeError, match="mount"):
        Tab().emit([1])


def test_the_timer_sends_the_buffer_one_second_after_the_first_event() -> None:
    tab = Tab().mounted()
    tab.emit([1], now=10.0)
    tab.emit([2], now=10.9)
    assert tab.outbox.next_deadline() == 11.0  # single shot, from the first
    assert tab.outbox.tick(10.999) == []
    (flush,) = tab.outbox.tick(11.0)
    assert ids(flush.events) == ids([event(1), event(2)])
    assert flush.origin == "buffer"
    assert tab.all_in(OutboxState.IN_FLIGHT, [1, 2])
    assert tab.outbox.next_deadline() is None


def test_the_25th_event_sends_at_once() -> None:
    tab = Tab().mounted()
    assert tab.emit(range(24)) == []
    (flush,) = tab.emit([24])
    assert ids(flush.events) == ids(event(n) for n in range(25))


def test_back_off_keeps_the_buffer_and_arms_one_timer() -> None:
    tab = Tab().mounted()
    tab.fail_one(now=0.0)
    assert tab.emit(range(25), now=0.1) == []
    assert tab.all_in(OutboxState.BUFFER, range(25))
    assert tab.outbox.next_deadline() == pytest.approx(FAIL_ONCE_WAIT_S + 0.05)
    (flush,) = tab.outbox.tick(FAIL_ONCE_WAIT_S + 0.051)
    assert len(flush.events) == 25


def test_the_back_off_timer_is_capped_at_65_seconds() -> None:
    tab = Tab().mounted()
    tab.storage.next_at = 1000.0  # another tab's clock, far ahead
    tab.emit([1], now=0.0)
    assert tab.outbox.tick(1.0) == []
    assert tab.outbox.next_deadline() == 66.0


def test_a_hidden_tab_sends_at_once() -> None:
    tab = Tab().mounted()
    tab.emit([1, 2], now=0.0)
    (flush,) = tab.outbox.hidden(0.1)
    assert ids(flush.events) == ids([event(1), event(2)])
    assert tab.outbox.next_deadline() is None
    assert tab.outbox.hidden(0.2) == []


def test_a_hidden_tab_has_no_25_cap() -> None:
    tab = Tab().mounted()
    tab.storage.next_at = 5.0
    tab.emit(range(40), now=0.0)
    tab.storage.next_at = 0.0  # another tab succeeded
    (flush,) = tab.outbox.hidden(0.5)
    assert len(flush.events) == 40
    assert tab.outbox.buffer == []


def test_a_hidden_tab_under_back_off_leaves_a_pending_timer_as_it_is() -> None:
    tab = Tab().mounted()
    tab.storage.next_at = 5.0
    tab.emit(range(40), now=0.0)
    pending = tab.outbox.next_deadline()
    assert tab.outbox.hidden(1.0) == []
    assert tab.outbox.next_deadline() == pending == 5.05
    (flush,) = tab.outbox.tick(5.05)
    assert len(flush.events) == 25  # it kept its cap


def test_a_hidden_tab_under_back_off_arms_a_forced_timer_when_none_is_pending() -> None:
    tab = Tab().mounted()
    tab.storage.next_at = 5.0
    tab.emit(range(70), now=0.0)
    (flush,) = tab.outbox.tick(5.05)  # 25 go, 45 are stranded without a timer
    tab.outbox.failed(flush, 5.05)
    assert tab.outbox.next_deadline() is None
    assert tab.outbox.hidden(5.06) == []
    deadline = tab.outbox.next_deadline()
    assert deadline is not None
    assert deadline == pytest.approx(5.05 + FAIL_ONCE_WAIT_S + 0.05)
    (flush,) = tab.outbox.tick(deadline)
    assert len(flush.events) == 45


def test_what_a_25_chunk_leaves_behind_is_stranded_until_something_happens() -> None:
    tab = Tab().mounted()
    tab.storage.next_at = 0.5
    tab.emit(range(30), now=0.0)
    (flush,) = tab.outbox.tick(0.55)
    assert len(flush.events) == 25
    assert tab.outbox.next_deadline() is None
    assert tab.outbox.tick(1000.0) == []
    tab.emit([30], now=1000.0)
    assert tab.outbox.next_deadline() == 1001.0
    (flush,) = tab.outbox.tick(1001.0)
    assert ids(flush.events) == ids(event(n) for n in range(25, 31))


def flown(tab: Tab, numbers: Iterable[int], now: float = 0.0) -> Flush:
    tab.emit(numbers, now)
    (flush,) = tab.outbox.hidden(now)
    return flush


def test_an_accepted_id_is_gone() -> None:
    tab = Tab().mounted()
    flush = flown(tab, [1])
    tab.outbox.answered(flush, accepts(event(1)), 0.1)
    assert tab.all_in(OutboxState.ACCEPTED, [1])
    assert tab.storage.queue == ()


def test_a_rejected_id_is_gone() -> None:
    tab = Tab().mounted()
    flush = flown(tab, [1])
    tab.outbox.answered(flush, EventReply(rejected=frozenset(ids([event(1)]))), 0.1)
    assert tab.all_in(OutboxState.REJECTED, [1])
    assert tab.storage.queue == ()


def test_an_id_to_retry_is_queued() -> None:
    tab = Tab().mounted()
    flush = flown(tab, [1])
    tab.outbox.answered(flush, EventReply(retry=frozenset(ids([event(1)])), should_retry=True), 0.1)
    assert tab.all_in(OutboxState.QUEUED, [1])


def test_an_unclassified_id_is_queued() -> None:
    tab = Tab().mounted()
    flush = flown(tab, [1, 2])
    tab.outbox.answered(flush, accepts(event(1)), 0.1)
    assert tab.all_in(OutboxState.ACCEPTED, [1])
    assert tab.all_in(OutboxState.QUEUED, [2])


def test_an_answer_without_should_retry_resets_the_back_off_even_for_bad_json() -> None:
    tab = Tab().mounted()
    tab.fail_one()
    assert tab.storage.fail_count == 1
    flush = flown(tab, [1], now=1.0)
    answer = answer_of(
        200,
        b'{"ok":true,"acceptedClientEventIds":[],"rejectedClientEventIds":[],"retryClientEventIds":[],'
        b'"shouldRetry":false,"issues":[{"level":"error","code":"BAD_JSON","message":"x"}]}',
    )
    assert answer is not None
    tab.outbox.answered(flush, answer, 1.1)
    assert (tab.storage.fail_count, tab.storage.next_at) == (0, 0.0)
    assert tab.all_in(OutboxState.QUEUED, [1])


def test_an_answer_with_should_retry_bumps_the_back_off() -> None:
    tab = Tab().mounted()
    flush = flown(tab, [1])
    tab.outbox.answered(flush, accepts(event(1), should_retry=True), 2.0)
    assert (tab.storage.fail_count, tab.storage.next_at) == (1, 2.25)
    assert tab.all_in(OutboxState.ACCEPTED, [1])


def test_ok_false_is_no_answer() -> None:
    assert answer_of(200, b'{"ok":false,"code":"AUTH_REQUIRED"}') is None


def test_a_failed_request_queues_everything_and_bumps() -> None:
    tab = Tab().mounted()
    flush = flown(tab, range(5))
    assert tab.outbox.failed(flush, 3.0) == []
    assert tab.all_in(OutboxState.QUEUED, range(5))
    assert (tab.storage.fail_count, tab.storage.next_at) == (1, 3.25)


@pytest.mark.parametrize("leave", ["page_hide", "unmount"])
def test_leaving_stores_the_buffer_and_what_is_in_flight(leave: str) -> None:
    tab = Tab().mounted()
    flush = flown(tab, [1, 2])
    tab.emit([3], now=0.2)
    getattr(tab.outbox, leave)(0.3)
    assert tab.all_in(OutboxState.QUEUED, [1, 2, 3])
    tab.outbox.answered(flush, accepts(event(1), event(2)), 0.4)  # the server did store them ...
    (again,) = tab.outbox.mount(1.0)
    assert ids(again.events) == ids(event(n) for n in (1, 2, 3))  # ... and gets them twice


def test_a_late_failure_after_leaving_moves_only_the_back_off() -> None:
    tab = Tab().mounted()
    flush = flown(tab, [1])
    tab.outbox.unmount(0.3)
    tab.outbox.failed(flush, 0.4)
    assert len(tab.storage.queue) == 1
    assert tab.storage.fail_count == 1


def queued(count: int, *, writable: bool = True) -> Storage:
    storage = Storage()
    storage.append(event(n) for n in range(count))
    storage.writable = writable
    return storage


@pytest.mark.parametrize("trigger", ["mount", "online", "tick"])
def test_mount_online_and_the_queue_timer_drain_the_queue_oldest_first(trigger: str) -> None:
    tab = Tab(queued(60))
    if trigger == "mount":
        (first,) = tab.outbox.mount(0.0)
    else:
        tab.storage.next_at = 1.0
        tab.mounted(0.0)
        assert tab.outbox.next_deadline() == 1.05
        (first,) = tab.outbox.online(1.0) if trigger == "online" else tab.outbox.tick(1.05)
    assert first.origin == "queue"
    assert ids(first.events) == ids(event(n) for n in range(25))


def test_back_off_keeps_the_queue_and_arms_a_timer() -> None:
    tab = Tab(queued(3))
    tab.storage.next_at = 100.0
    assert tab.outbox.mount(0.0) == []
    assert tab.outbox.next_deadline() == 65.0
    assert tab.outbox.tick(65.0) == []
    assert tab.outbox.next_deadline() == pytest.approx(100.05)
    assert len(tab.outbox.tick(100.05)) == 1


def test_chunks_go_one_after_another_and_removal_comes_once_at_the_end() -> None:
    tab = Tab(queued(60))
    (flush,) = tab.outbox.mount(0.0)
    sizes = []
    while True:
        sizes.append(len(flush.events))
        following = tab.outbox.answered(flush, EventReply(accepted=frozenset(ids(flush.events))), 1.0)
        if not following:
            break
        assert len(tab.storage.queue) == 60
        (flush,) = following
    assert sizes == [25, 25, 10]
    assert tab.storage.queue == ()
    assert tab.all_in(OutboxState.ACCEPTED, range(60))


def test_a_queue_answer_removes_the_listed_and_keeps_the_rest() -> None:
    tab = Tab(queued(4))
    (flush,) = tab.outbox.mount(0.0)
    one, two, three, _ = (item.client_event_id for item in flush.events)
    assert tab.outbox.answered(flush, EventReply(frozenset([one]), frozenset([two]), frozenset([three])), 1.0) == []
    assert ids(tab.storage.queue) == ids([event(2), event(3)])
    assert tab.states == {one: OutboxState.ACCEPTED, two: OutboxState.REJECTED}


def test_should_retry_stops_the_queue_loop() -> None:
    tab = Tab(queued(30))
    (flush,) = tab.outbox.mount(0.0)
    assert tab.outbox.answered(flush, accepts(*flush.events[:10], should_retry=True), 1.0) == []
    assert len(tab.storage.queue) == 20
    assert tab.storage.fail_count == 1


def test_should_retry_false_resets_and_goes_on() -> None:
    tab = Tab(queued(30))
    tab.storage.fail_count = 4
    (flush,) = tab.outbox.mount(0.0)
    (following,) = tab.outbox.answered(flush, EventReply(), 1.0)
    assert tab.storage.fail_count == 0
    assert len(following.events) == 5


def test_a_failed_chunk_blocks_the_younger_ones() -> None:
    tab = Tab(queued(30))
    (first,) = tab.outbox.mount(0.0)
    assert tab.outbox.failed(first, 1.0) == []
    assert len(tab.storage.queue) == 30
    assert tab.storage.fail_count == 1
    (second,) = tab.outbox.online(2.0)
    assert second.events == first.events


def test_a_failure_after_an_accepted_chunk_still_removes_that_chunk() -> None:
    tab = Tab(queued(30))
    (first,) = tab.outbox.mount(0.0)
    (second,) = tab.outbox.answered(first, accepts(*first.events), 1.0)
    tab.outbox.failed(second, 2.0)
    assert ids(tab.storage.queue) == ids(event(n) for n in range(25, 30))


def test_unmount_in_the_middle_of_a_loop_resends_accepted_chunks() -> None:
    tab = Tab(queued(30))
    (first,) = tab.outbox.mount(0.0)
    (second,) = tab.outbox.answered(first, accepts(*first.events), 1.0)
    tab.outbox.unmount(1.5)
    assert tab.outbox.answered(second, accepts(*second.events), 2.0) == []
    assert len(tab.storage.queue) == 30
    (again,) = tab.outbox.mount(3.0)
    assert again.events == first.events


def test_beyond_200_the_oldest_are_lost() -> None:
    tab = Tab().mounted()
    tab.storage.next_at = 1.0
    tab.emit(range(230), now=0.0)
    tab.outbox.unmount(0.5)
    assert ids(tab.storage.queue) == ids(event(n) for n in range(30, 230))
    assert tab.all_in(OutboxState.LOST, range(30))
    assert tab.all_in(OutboxState.QUEUED, range(30, 230))


def test_a_storage_that_refuses_writes_loses_silently() -> None:
    tab = Tab(queued(2, writable=False))
    tab.outbox.mount(0.0)
    flush = flown(tab, [10])
    tab.outbox.failed(flush, 0.1)
    assert tab.all_in(OutboxState.LOST, [10])
    assert len(tab.storage.queue) == 2
    assert tab.storage.fail_count == 0  # the back-off is a write as well


def test_after_a_failure_nothing_happens_until_mount_online_or_an_armed_timer() -> None:
    tab = Tab().mounted()
    tab.fail_one()
    assert tab.outbox.next_deadline() is None
    assert tab.outbox.tick(10_000.0) == []
    assert len(tab.outbox.online(10_000.0)) == 1


# ---- poison table -----------------------------------------------------------------------------------------------


def test_poison_a_deterministic_reject_is_removed() -> None:
    tab = Tab(queued(1))
    (flush,) = tab.outbox.mount(0.0)
    tab.outbox.answered(flush, EventReply(rejected=frozenset(ids(flush.events))), 1.0)
    assert tab.storage.queue == ()
    assert tab.all_in(OutboxState.REJECTED, [0])


def test_poison_a_chunk_that_always_fails_blocks_until_evicted() -> None:
    tab = Tab(queued(200))
    now = 0.0
    flushes = tab.outbox.mount(now)
    for _ in range(5):
        assert ids(flushes[0].events) == ids(event(n) for n in range(25))
        tab.outbox.failed(flushes[0], now)
        now += 100.0
        flushes = tab.outbox.online(now)
    tab.storage.append(event(n) for n in range(200, 225))
    (flush,) = tab.outbox.online(now)
    assert ids(flush.events) == ids(event(n) for n in range(25, 50))


def test_poison_an_event_without_a_type_is_never_sent_and_stays() -> None:
    storage = Storage()
    storage.append([event(1, kind=""), event(2)])
    tab = Tab(storage)
    (flush,) = tab.outbox.mount(0.0)
    assert ids(flush.events) == ids([event(2)])
    tab.outbox.answered(flush, accepts(event(2)), 1.0)
    assert ids(storage.queue) == ids([event(1)])
    assert tab.outbox.online(2.0) == []  # nothing left that may be sent: no request


def test_poison_an_event_without_a_type_leaves_the_buffer_for_the_queue() -> None:
    tab = Tab().mounted()
    tab.outbox.emit(event(1, kind=""), 0.0)
    assert tab.outbox.tick(1.0) == []
    assert tab.all_in(OutboxState.QUEUED, [1])


def test_poison_a_bad_id_is_resent_for_ever_under_new_ids() -> None:
    bad = replace(
        event(1), client_event_id=str(uuid.UUID(int=uuid.UUID(int=5, version=4).int & ~(0xF << 76) | 7 << 76))
    )
    assert not strict_uuid(bad.client_event_id)
    storage = Storage()
    storage.append([bad])
    tab = Tab(storage, random.Random(1))
    flushes = tab.outbox.mount(0.0)
    sent = set()
    for round_ in range(4):
        (item,) = flushes[0].events
        assert strict_uuid(item.client_event_id)
        sent.add(item.client_event_id)
        tab.outbox.answered(flushes[0], accepts(item), round_)
        assert storage.queue == (bad,)
        flushes = tab.outbox.online(round_ + 0.5)
    assert len(sent) == 4


def test_poison_doubles_are_both_sent_and_both_removed() -> None:
    storage = Storage()
    storage.append([event(1), event(1)])
    tab = Tab(storage)
    (flush,) = tab.outbox.mount(0.0)
    assert ids(flush.events) == ids([event(1), event(1)])
    tab.outbox.answered(flush, accepts(event(1)), 1.0)
    assert storage.queue == ()


def test_poison_two_drains_at_once_send_twice() -> None:
    tab = Tab(queued(3))
    (first,) = tab.outbox.mount(0.0)
    (second,) = tab.outbox.online(0.1)
    assert first.events == second.events
    tab.outbox.answered(first, accepts(*first.events), 1.0)
    assert tab.outbox.answered(second, accepts(*second.events), 1.0) == []
    assert tab.storage.queue == ()


def test_poison_the_queue_and_the_back_off_outlive_the_user() -> None:
    storage = Storage()
    alice = Tab(storage).mounted()
    alice.fail_one(now=0.0)
    alice.outbox.unmount(0.1)
    bob = Tab(storage)
    assert bob.outbox.mount(0.2) == []  # Alice's back-off holds
    (flush,) = bob.outbox.tick(0.3)
    assert ids(flush.events) == ids([event(999)])  # and her event goes out under Bob's token


# ---- back-off ---------------------------------------------------------------------------------------------------


def test_the_back_off_doubles_to_its_cap() -> None:
    storage, ceilings = Storage(), []
    for _ in range(12):
        storage.bump(0.0, High())
        ceilings.append(storage.next_at)
    assert storage.fail_count == 10
    assert ceilings == pytest.approx([0.999, 1.999, 3.999, 7.999, 15.999, 31.999] + [59.999] * 6)


@given(failures=st.integers(1, 15), seed=st.integers())
def test_the_back_off_keeps_its_bounds(failures: int, seed: int) -> None:
    storage, rng = Storage(), random.Random(seed)
    for _ in range(failures):
        storage.bump(50.0, rng)
    delay = storage.wait(50.0)
    assert 0.25 - 1e-9 <= delay <= 60.0
    assert storage.wait(50.0 + delay) < 1e-9
    storage.reset()
    assert storage.wait(50.0) == 0.0


# ---- emission ---------------------------------------------------------------------------------------------------


def test_an_impression_is_recorded_once_per_mount_deck_and_title() -> None:
    rules = EmissionRules()
    assert rules.impression("d", "m")
    assert not rules.impression("d", "m")
    assert rules.impression("e", "m")
    assert rules.impression("d", "n")
    assert EmissionRules().impression("d", "m")


def test_a_swipe_is_recorded_once_whatever_it_was() -> None:
    rules = EmissionRules()
    assert rules.swipe("d", "m")
    assert not rules.swipe("d", "m")


def test_a_dwell_needs_1200_ms_and_8_s_of_distance() -> None:
    rules = EmissionRules()
    assert rules.dwell("d", "m", 1199.9, 0.0) is None
    assert rules.dwell("d", "m", 1200.5, 1.0) == 1201
    assert rules.dwell("d", "m", 5000.0, 8.999) is None
    assert rules.dwell("d", "n", 5000.0, 8.999) == 5000
    assert rules.dwell("d", "m", 5000.4, 9.0) == 5000


# ---- wire shape -------------------------------------------------------------------------------------------------


def test_the_body_has_exactly_the_apps_keys_in_order() -> None:
    item = for_wire(replace(event(7, "rating"), rating0_10=8.0, payload={"ui": "SwipePage", "action": "rating"}), str)
    assert encode([item]).decode() == (
        '{"items":[{'
        f'"sessionId":"{SESSION}","deckId":"{DECK}","recRequestId":"{RECOMMENDATION}","position":7,'
        f'"dedupeKey":"{item.dedupe_key}","mediaItemId":"{item.media_item_id}","source":"for_you",'
        '"events":[{"eventType":"rating","dwellMs":null,"rating0_10":8,"inWatchlist":null,'
        f'"clientEventId":"{item.client_event_id}","payload":{{"ui":"SwipePage","action":"rating"}}}}],'
        f'"rec_request_id":"{RECOMMENDATION}","dedupe_key":"{item.dedupe_key}"}}]}}'
    )


def test_a_missing_served_key_is_computed() -> None:
    repaired = for_wire(replace(event(7), dedupe_key=None), str)
    assert repaired.dedupe_key == event(7).dedupe_key


@pytest.mark.parametrize("missing", ["rec_request_id", "position"])
def test_a_served_key_that_cannot_be_computed_drops_the_deck_context(missing: str) -> None:
    repaired = for_wire(replace(event(7), dedupe_key=None, **{missing: None}), str)  # type: ignore[arg-type]
    assert (repaired.deck_id, repaired.rec_request_id, repaired.position, repaired.dedupe_key) == (None,) * 4


@pytest.mark.parametrize(
    ("source", "wire"), [("for-you", "for_you"), ("from-friends", "friends"), ("trending", "trending"), (None, None)]
)
def test_sources_are_renamed(source: str | None, wire: str | None) -> None:
    assert for_wire(replace(event(1), source=source), str).source == wire


@pytest.mark.parametrize("version", range(16))
def test_only_versions_one_to_five_pass(version: int) -> None:
    text = str(uuid.UUID(int=uuid.UUID(int=5, version=4).int & ~(0xF << 76) | version << 76))
    assert strict_uuid(text) == strict_uuid(text.upper()) == (1 <= version <= 5)
    assert not strict_uuid(text + "\n")


# ---- answers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b"{}"), (401, b'{"ok":true}'), (200, b"<html>"), (200, b""), (200, b"null"), (200, b"[]"), (302, b"{}")],
)
def test_unusable_answers(status: int, body: bytes) -> None:
    assert answer_of(status, body) is None


def test_accepted_beats_rejected_beats_retry() -> None:
    answer = answer_of(
        200,
        b'{"ok":true,"acceptedClientEventIds":["a"],"rejectedClientEventIds":["a","b"],'
        b'"retryClientEventIds":["a","b","c",7],"shouldRetry":true,'
        b'"issues":[{"level":"warn","code":"DB_RETRY","clientEventId":"c"},5]}',
    )
    assert answer is not None
    assert (answer.accepted, answer.rejected, answer.retry) == (frozenset("a"), frozenset("b"), frozenset("c"))
    assert answer.should_retry
    assert [(issue.code, issue.client_event_id) for issue in answer.issues] == [("DB_RETRY", "c")]


@given(st.binary(max_size=200) | st.recursive(st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
       lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
           st.sampled_from(["ok", "acceptedClientEventIds", "rejectedClientEventIds", "retryClientEventIds",
                            "shouldRetry", "issues", "code", "clientEventId"]), inner, max_size=5),
       max_leaves=10).map(orjson.dumps))  # fmt: skip
def test_any_body_is_read_without_complaint(body: bytes) -> None:
    answer = answer_of(200, body)
    assert answer is None or not (answer.accepted & answer.rejected | answer.accepted & answer.retry)

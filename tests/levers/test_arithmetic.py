"""The contract's arithmetic, beside the phones' own outbox and beside small cases counted by hand."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client.events.outbox import Flush, Outbox, Storage, SwipeEvent
from harness.client.events.swipe_event import EventReply
from harness.core.client_settings import ClientSettings
from harness.core.delivery_facts import ChannelState, ChannelTopic, FactKind
from harness.levers.arithmetic import (
    Fact,
    SwipeVisit,
    card_ages,
    events_of,
    message_events,
    posts,
    rows_of_events,
    visits,
)

ID = "00000000-0000-4000-8000-00000000{:04d}"
GAPS = st.lists(
    st.tuples(st.sampled_from((0.05, 0.3, 0.7, 1.2, 1.5, 4.0)), st.integers(min_value=1, max_value=3)), max_size=60
)


def really_sent(visit: SwipeVisit, settings: ClientSettings) -> int:
    """What a phone's outbox sends for the same moments; every request is answered at once."""
    box = Outbox(Storage(), random.Random(1), batch=settings.batch_size, wait_s=settings.batch_wait_s)
    number = sent = 0

    def fly(flushes: list[Flush], now: float) -> None:
        nonlocal sent
        for flush in flushes:
            sent += 1
            accepted = frozenset(event.client_event_id for event in flush.events)
            fly(box.answered(flush, EventReply(accepted), now), now)

    box.mount(0.0)
    for at, events in zip(visit.moments, visit.events, strict=True):
        while (due := box.next_deadline()) is not None and due <= at:
            fly(box.tick(due), due)
        for _ in range(events):
            number += 1
            event = SwipeEvent("like", ID.format(number), ID.format(9_999), ID.format(number))
            fly(box.emit(event, at), at)
    fly(box.hidden(1e9), 1e9)
    return sent


@given(GAPS, st.sampled_from((1, 3, 10, 25, 50)), st.sampled_from((1.0, 300.0)))
def test_requests_are_those_of_the_outbox(gaps: list[tuple[float, int]], batch: int, wait_s: float) -> None:
    visit, at = SwipeVisit(), 0.0
    for gap, events in gaps:
        at += gap
        visit.record(at, events)
    settings = ClientSettings(batch_size=batch, batch_wait_s=wait_s)
    assert posts(visit, settings) == really_sent(visit, settings)


@pytest.mark.parametrize(
    ("settings", "requests"),
    [
        (ClientSettings(), 11),  # the first card alone, then each gesture with the next card
        (ClientSettings(batch_size=1), 21),
        (ClientSettings(batch_size=10, batch_wait_s=300), 3),
        (ClientSettings(batch_size=25, batch_wait_s=300), 1),
    ],
)
def test_ten_swipes_at_human_pace(settings: ClientSettings, requests: int) -> None:
    moments = [(0.0, "open", "swipe", 1, 0.0), (0.4, "cards", "", 72, 0.0)]
    moments += [(2.0 * number + 2, "gesture", "like", 1, 0.0) for number in range(10)]
    (visit,) = visits(moments)
    assert events_of([visit]) == 21
    assert posts(visit, settings) == requests


def test_rows_of_ten_swipes_follow_from_requests() -> None:
    assert rows_of_events(21, 11, 11) == pytest.approx(33.1)
    assert rows_of_events(21, 1, 1) == pytest.approx(22.1)


def channel(person: int, state: ChannelState, at: float) -> Fact:
    return Fact(at, FactKind.CHANNEL, person, "c", ChannelTopic.CHANGES, state)


@pytest.mark.parametrize("members", [2, 5])
def test_a_message_is_one_to_each_who_listens(members: int) -> None:
    states = (ChannelState.JOINING, ChannelState.JOINED, ChannelState.LISTENING)
    facts = [channel(person, state, 0.1 * n) for person in range(members) for n, state in enumerate(states)]
    stored = Fact(1.0, FactKind.STORED, 0, "c", "m", "row")
    assert message_events([*facts, stored], by_changes=True) == members
    joined = [fact for fact in facts if fact.detail != ChannelState.LISTENING]
    assert message_events([*joined, stored], by_changes=False) == members, "one sent, one to each other"
    gone = [*facts, channel(1, ChannelState.LEFT, 0.9), stored]
    assert message_events(gone, by_changes=True) == members - 1
    assert message_events([stored, *(fact for fact in facts)], by_changes=True) == members, "by time, not by place"


def test_cards_are_as_old_as_their_deck() -> None:
    moments = [
        (0.0, "open", "swipe", 1, 0.0),
        (1.0, "cards", "", 2, 0.0),
        (3.0, "gesture", "like", 1, 0.0),
        (4.0, "gesture", "skip", 1, 0.0),
        (5.0, "open", "swipe", 1, 0.0),
        (5.0, "cards", "", 1, 60.0),
        (6.0, "gesture", "like", 1, 0.0),
    ]
    assert card_ages(moments) == pytest.approx([2.0, 3.0, 61.0])

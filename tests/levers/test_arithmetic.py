"""The contract's arithmetic beside small cases counted by hand."""

from __future__ import annotations

import pytest

from harness.core.delivery_facts import ChannelState, ChannelTopic, FactKind
from harness.levers.arithmetic import Fact, card_ages, message_events, rows_of_events


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
    assert message_events([*facts, stored], by_changes=False) == members, "beside database changes for the rest as well"
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

"""Who got which message: fates by hand, and what holds whatever happens."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.delivery_facts import ChannelState, ChannelTopic, DeliveryFact, DeliveryFate, FactKind
from reports.delivery import DEADLINE_S, Delivery, account

ANN, BEN, CAT = 1, 2, 3
ROOM = "room"
S = 1_000_000


def channel(
    at_s: float,
    person: int,
    state: ChannelState,
    topic: ChannelTopic = ChannelTopic.CHANGES,
    heard_us: int | None = None,
) -> DeliveryFact:
    return DeliveryFact(round(at_s * S), 0, FactKind.CHANNEL, person, ROOM, str(topic), str(state), heard_us)


def up(person: int, at_s: float = 0.0) -> list[DeliveryFact]:
    states = (ChannelState.JOINING, ChannelState.JOINED, ChannelState.LISTENING)
    return [channel(at_s + n / 10, person, state) for n, state in enumerate(states)]


def message(at_s: float, key: str = "m", person: int = ANN) -> list[DeliveryFact]:
    """Sent, and stored 50 ms later; the database's clock reads run time here."""
    stored = round((at_s + 0.05) * S)
    return [
        DeliveryFact(round(at_s * S), 0, FactKind.SENT, person, ROOM, key),
        DeliveryFact(stored, 0, FactKind.STORED, person, ROOM, key, f"row-{key}", stored),
    ]


def heard(at_s: float, person: int, key: str = "m", kind: FactKind = FactKind.HEARD) -> DeliveryFact:
    return DeliveryFact(round(at_s * S), 0, kind, person, ROOM, key)


def settled(*facts: DeliveryFact | list[DeliveryFact]) -> dict[int, Delivery]:
    flat = [fact for part in facts for fact in (part if isinstance(part, list) else [part])]
    return {one.receiver: one for one in account(sorted(flat, key=lambda fact: fact.at_us))}


def fate_of_ben(*facts: DeliveryFact | list[DeliveryFact]) -> DeliveryFate | None:
    found = settled(up(ANN), *facts)
    return found[BEN].fate if BEN in found else None


def test_delivered_from_the_wish_to_the_socket() -> None:
    found = settled(up(ANN), up(BEN), message(1), heard(1.2, BEN), heard(1.3, ANN))
    assert {who: (one.fate, one.delay_us) for who, one in found.items()} == {
        ANN: (DeliveryFate.DELIVERED, 300_000),
        BEN: (DeliveryFate.DELIVERED, 200_000),
    }
    assert found[BEN].sender == ANN


def test_lost_when_the_channel_stayed_up_past_the_deadline() -> None:
    assert fate_of_ben(up(BEN), message(1), channel(1.1 + DEADLINE_S, BEN, ChannelState.LEFT)) is DeliveryFate.LOST


def test_lost_when_the_channel_went_on_to_later_changes() -> None:
    assert fate_of_ben(up(BEN), message(1), channel(4, BEN, ChannelState.LEFT, heard_us=3 * S)) is DeliveryFate.LOST


def test_a_transaction_that_waited_for_a_lock_was_not_passed_over() -> None:
    """Dated when it began, committed just before its answer: the channel heard others' changes meanwhile, and left."""
    sent, began, answered = S, round(1.05 * S), 6 * S
    waited = [
        DeliveryFact(sent, 0, FactKind.SENT, ANN, ROOM, "m"),
        DeliveryFact(answered, 0, FactKind.STORED, ANN, ROOM, "m", "row-m", began),
    ]
    gone = channel(6.01, BEN, ChannelState.LEFT, heard_us=round(5.5 * S))
    assert fate_of_ben(up(BEN), waited, gone) is DeliveryFate.LEFT


def test_lost_while_the_record_goes_on() -> None:
    assert fate_of_ben(up(BEN), message(1), message(40, "n"), heard(40.1, BEN, "n")) is not None
    found = [one for one in account([*up(BEN), *message(1), *message(40, "n")]) if one.key == "m"]
    assert [one.fate for one in found] == [DeliveryFate.LOST]


def test_who_left_before_an_answer_lost_nothing() -> None:
    assert fate_of_ben(up(BEN), message(1), channel(1.2, BEN, ChannelState.LEFT, heard_us=S)) is DeliveryFate.LEFT


def test_deaf_when_the_channel_turned_out_broken() -> None:
    assert fate_of_ben(up(BEN), message(1), channel(20, BEN, ChannelState.DOWN, heard_us=S // 2)) is DeliveryFate.DEAF


def test_reconnecting_and_healed_by_a_poll() -> None:
    found = settled(
        up(BEN),
        channel(1, BEN, ChannelState.DOWN),
        message(2),
        heard(3.5, BEN, kind=FactKind.POLLED),
        channel(4, BEN, ChannelState.JOINED),
    )
    assert (found[BEN].fate, found[BEN].polled_us) == (DeliveryFate.RECONNECTING, 1_500_000)


def test_before_the_notice_nothing_is_promised() -> None:
    assert fate_of_ben(up(BEN)[:2], message(1), channel(50, BEN, ChannelState.LEFT)) is DeliveryFate.BEFORE_NOTICE


def test_a_channel_that_came_back_hears_again() -> None:
    back = [
        channel(3, BEN, ChannelState.DOWN),
        channel(4, BEN, ChannelState.JOINED),
        channel(5, BEN, ChannelState.LISTENING),
    ]
    assert fate_of_ben(up(BEN), back, message(6), heard(6.3, BEN)) is DeliveryFate.DELIVERED
    assert fate_of_ben(up(BEN), back, message(4.5), channel(50, BEN, ChannelState.LEFT)) is DeliveryFate.BEFORE_NOTICE


def test_a_message_nobody_saw_is_not_expected() -> None:
    assert fate_of_ben(up(BEN), message(1)[:1], channel(50, BEN, ChannelState.LEFT)) is None


def test_a_lost_answer_does_not_hide_a_stored_message() -> None:
    facts = (
        up(BEN),
        up(CAT),
        message(1)[:1],
        heard(1.2, CAT),
        channel(50, BEN, ChannelState.LEFT),
    )
    assert fate_of_ben(*facts) is DeliveryFate.LOST


def test_a_frame_may_be_seen_before_its_send() -> None:
    """Two machines: the receiver's clock, though corrected, is a little early."""
    assert fate_of_ben(up(BEN), heard(0.99, BEN), message(1)) is DeliveryFate.DELIVERED


def test_typing_needs_no_notice_and_does_not_come_back() -> None:
    joined = [channel(0, who, ChannelState.JOINED, ChannelTopic.TYPING) for who in (ANN, BEN)]
    said = DeliveryFact(S, 0, FactKind.SAID, ANN, ROOM, "t")
    caught = DeliveryFact(S + 20_000, 0, FactKind.CAUGHT, BEN, ROOM, "t")
    assert {who: one.fate for who, one in settled(joined, said, caught).items()} == {BEN: DeliveryFate.DELIVERED}
    left = channel(7, BEN, ChannelState.LEFT, ChannelTopic.TYPING)
    assert {who: one.fate for who, one in settled(joined, said, left).items()} == {BEN: DeliveryFate.LOST}


def polled(at_s: float, person: int = BEN, key: str = "m") -> DeliveryFact:
    return heard(at_s, person, key, FactKind.POLLED)


@pytest.mark.parametrize("closed_s", [5, 9, 25])
def test_lost_when_a_poll_brought_it_while_the_channel_was_up_whenever_the_chat_closes(closed_s: float) -> None:
    found = settled(up(ANN), up(BEN), message(1), polled(4.5), channel(closed_s, BEN, ChannelState.LEFT))
    assert (found[BEN].fate, found[BEN].polled_us) == (DeliveryFate.LOST, 3_500_000)


def test_a_poll_that_overtook_the_frame_lost_nothing() -> None:
    closes = channel(9, BEN, ChannelState.LEFT)
    assert fate_of_ben(up(BEN), message(1), polled(1.2), heard(1.4, BEN), closes) is DeliveryFate.DELIVERED
    assert fate_of_ben(up(BEN), message(1), polled(1.2), channel(1.6, BEN, ChannelState.LEFT)) is DeliveryFate.LEFT


def test_the_deadline_is_relative_to_the_chat() -> None:
    """Half of what the channel lasted, at least 5 s."""
    assert fate_of_ben(up(BEN), message(1), channel(12, BEN, ChannelState.LEFT)) is DeliveryFate.LOST
    assert fate_of_ben(up(BEN), message(8), channel(12, BEN, ChannelState.LEFT)) is DeliveryFate.LEFT
    assert fate_of_ben(up(BEN), message(40), channel(59, BEN, ChannelState.LEFT)) is DeliveryFate.LEFT


def test_a_slow_service_is_slow_and_not_lossy() -> None:
    """Others of that minute waited six seconds: whoever closed after ten cannot tell."""
    slow = [*up(CAT), *message(3, "n"), heard(9, CAT, "n")]
    closes = channel(11, BEN, ChannelState.LEFT)
    assert fate_of_ben(up(BEN), message(1), polled(5), closes) is DeliveryFate.LOST
    facts = sorted([*up(ANN), *up(BEN), *slow, *message(1), polled(5), closes], key=lambda fact: fact.at_us)
    found = {(one.key, one.receiver): one.fate for one in account(facts)}
    assert found["m", BEN] is DeliveryFate.LEFT
    assert found["n", CAT] is DeliveryFate.DELIVERED


def test_what_a_fault_holds_back_is_not_lost() -> None:
    facts = [*up(ANN), *up(BEN), *message(1), polled(5), channel(12, BEN, ChannelState.LEFT)]
    facts.sort(key=lambda fact: fact.at_us)
    assert [one.fate for one in account(facts, [(50.0, 60.0)]) if one.receiver == BEN] == [DeliveryFate.LOST]
    assert [one.fate for one in account(facts, [(2.0, 6.0)]) if one.receiver == BEN] == [DeliveryFate.LEFT]


def test_a_poll_on_a_channel_that_turned_out_broken_is_no_loss() -> None:
    assert fate_of_ben(up(BEN), message(1), polled(5), channel(20, BEN, ChannelState.DOWN)) is DeliveryFate.DEAF


def test_a_channel_that_never_had_its_notice_loses_too() -> None:
    closes = channel(60, BEN, ChannelState.LEFT)
    assert fate_of_ben(up(BEN)[:2], message(40), polled(44), closes) is DeliveryFate.LOST


def test_typing_in_a_short_chat() -> None:
    joined = [channel(0, who, ChannelState.JOINED, ChannelTopic.TYPING) for who in (ANN, BEN)]
    said = DeliveryFact(S, 0, FactKind.SAID, ANN, ROOM, "t")
    for left_s, fate in ((4.0, DeliveryFate.LOST), (2.0, DeliveryFate.LEFT)):
        left = channel(left_s, BEN, ChannelState.LEFT, ChannelTopic.TYPING)
        assert {who: one.fate for who, one in settled(joined, said, left).items()} == {BEN: fate}


@given(
    st.lists(st.tuples(st.floats(0, 60), st.floats(0.06, 2.9), st.floats(0.05, 8)), min_size=1, max_size=12),
    st.floats(1, 65),
)
def test_a_healthy_chat_loses_nothing(sends: list[tuple[float, float, float]], closed_s: float) -> None:
    """Frames come within three seconds; polls see the row at any time, before the frame or after; the chat closes."""
    facts = [*up(ANN), *up(BEN), channel(closed_s, BEN, ChannelState.LEFT)]
    for number, (at, frame, poll) in enumerate(sends):
        facts += message(at, key := str(number))
        if at + frame < closed_s:
            facts.append(heard(at + frame, BEN, key))
        if at + poll < closed_s:
            facts.append(polled(at + poll, BEN, key))
    found = list(account(sorted(facts, key=lambda fact: fact.at_us)))
    assert not [one for one in found if one.receiver == BEN and one.fate is DeliveryFate.LOST]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 90),
            st.sampled_from((ANN, BEN, CAT)),
            st.sampled_from([*ChannelState, "send", "hear", "poll"]),
            st.sampled_from("abcd"),
        ),
        max_size=60,
    )
)
def test_whatever_happens_each_member_has_one_fate(story: list[tuple[int, int, ChannelState | str, str]]) -> None:
    facts: list[DeliveryFact] = []
    sent: set[str] = set()
    for at, person, what, key in sorted(story, key=lambda event: event[0]):
        if isinstance(what, ChannelState):
            facts.append(channel(at, person, what))
        elif what == "send" and key not in sent:
            sent.add(key)
            facts += message(at, key, person)
        elif what in ("hear", "poll"):
            facts.append(heard(at, person, key, FactKind.HEARD if what == "hear" else FactKind.POLLED))
    facts.sort(key=lambda fact: fact.at_us)
    found = list(account(facts))
    assert max(Counter((one.key, one.receiver) for one in found).values(), default=1) == 1
    assert {one.key for one in found} <= sent
    for one in found:
        assert (one.delay_us is not None) == (one.fate is DeliveryFate.DELIVERED)

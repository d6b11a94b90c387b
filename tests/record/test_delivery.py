"""Who got which message: fates by hand, and what holds whatever happens."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from harness.core.delivery import DEADLINE_S, Delivery, Ear, Fact, Fate, Kind, State, Topic, account
from harness.record.clocks import Round, offset

ANN, BEN, CAT = 1, 2, 3
ROOM = "room"
S = 1_000_000


def channel(at_s: float, person: int, state: State, topic: Topic = Topic.CHANGES, heard_us: int | None = None) -> Fact:
    return Fact(round(at_s * S), 0, Kind.CHANNEL, person, ROOM, str(topic), str(state), heard_us)


def up(person: int, at_s: float = 0.0) -> list[Fact]:
    states = (State.JOINING, State.JOINED, State.LISTENING)
    return [channel(at_s + n / 10, person, state) for n, state in enumerate(states)]


def message(at_s: float, key: str = "m", person: int = ANN) -> list[Fact]:
    """Sent, and stored 50 ms later; the database's clock reads run time here."""
    stored = round((at_s + 0.05) * S)
    return [
        Fact(round(at_s * S), 0, Kind.SENT, person, ROOM, key),
        Fact(stored, 0, Kind.STORED, person, ROOM, key, f"row-{key}", stored),
    ]


def heard(at_s: float, person: int, key: str = "m", kind: Kind = Kind.HEARD) -> Fact:
    return Fact(round(at_s * S), 0, kind, person, ROOM, key)


def settled(*facts: Fact | list[Fact]) -> dict[int, Delivery]:
    flat = [fact for part in facts for fact in (part if isinstance(part, list) else [part])]
    return {one.receiver: one for one in account(sorted(flat, key=lambda fact: fact.at_us))}


def fate_of_ben(*facts: Fact | list[Fact]) -> Fate | None:
    found = settled(up(ANN), *facts)
    return found[BEN].fate if BEN in found else None


def test_delivered_from_the_wish_to_the_socket() -> None:
    found = settled(up(ANN), up(BEN), message(1), heard(1.2, BEN), heard(1.3, ANN))
    assert {who: (one.fate, one.delay_us) for who, one in found.items()} == {
        ANN: (Fate.DELIVERED, 300_000),
        BEN: (Fate.DELIVERED, 200_000),
    }
    assert found[BEN].sender == ANN


def test_lost_when_the_channel_stayed_up_past_the_deadline() -> None:
    assert fate_of_ben(up(BEN), message(1), channel(1.1 + DEADLINE_S, BEN, State.LEFT)) is Fate.LOST


def test_lost_when_the_channel_went_on_to_later_changes() -> None:
    assert fate_of_ben(up(BEN), message(1), channel(4, BEN, State.LEFT, heard_us=3 * S)) is Fate.LOST


def test_a_transaction_that_waited_for_a_lock_was_not_passed_over() -> None:
    """Dated when it began, committed just before its answer: the channel heard others' changes meanwhile, and left."""
    sent, began, answered = S, round(1.05 * S), 6 * S
    waited = [
        Fact(sent, 0, Kind.SENT, ANN, ROOM, "m"),
        Fact(answered, 0, Kind.STORED, ANN, ROOM, "m", "row-m", began),
    ]
    gone = channel(6.01, BEN, State.LEFT, heard_us=round(5.5 * S))
    assert fate_of_ben(up(BEN), waited, gone) is Fate.LEFT


def test_lost_while_the_record_goes_on() -> None:
    assert fate_of_ben(up(BEN), message(1), message(40, "n"), heard(40.1, BEN, "n")) is not None
    found = [one for one in account([*up(BEN), *message(1), *message(40, "n")]) if one.key == "m"]
    assert [one.fate for one in found] == [Fate.LOST]


def test_who_left_before_an_answer_lost_nothing() -> None:
    assert fate_of_ben(up(BEN), message(1), channel(1.2, BEN, State.LEFT, heard_us=S)) is Fate.LEFT


def test_deaf_when_the_channel_turned_out_broken() -> None:
    assert fate_of_ben(up(BEN), message(1), channel(20, BEN, State.DOWN, heard_us=S // 2)) is Fate.DEAF


def test_reconnecting_and_healed_by_a_poll() -> None:
    found = settled(
        up(BEN),
        channel(1, BEN, State.DOWN),
        message(2),
        heard(3.5, BEN, kind=Kind.POLLED),
        channel(4, BEN, State.JOINED),
    )
    assert (found[BEN].fate, found[BEN].polled_us) == (Fate.RECONNECTING, 1_500_000)


def test_before_the_notice_nothing_is_promised() -> None:
    assert fate_of_ben(up(BEN)[:2], message(1), channel(50, BEN, State.LEFT)) is Fate.BEFORE_NOTICE


def test_a_channel_that_came_back_hears_again() -> None:
    back = [channel(3, BEN, State.DOWN), channel(4, BEN, State.JOINED), channel(5, BEN, State.LISTENING)]
    assert fate_of_ben(up(BEN), back, message(6), heard(6.3, BEN)) is Fate.DELIVERED
    assert fate_of_ben(up(BEN), back, message(4.5), channel(50, BEN, State.LEFT)) is Fate.BEFORE_NOTICE


def test_a_message_nobody_saw_is_not_expected() -> None:
    assert fate_of_ben(up(BEN), message(1)[:1], channel(50, BEN, State.LEFT)) is None


def test_a_lost_answer_does_not_hide_a_stored_message() -> None:
    facts = [up(BEN), up(CAT), message(1)[:1], heard(1.2, CAT), channel(50, BEN, State.LEFT)]
    assert fate_of_ben(*facts) is Fate.LOST


def test_a_frame_may_be_seen_before_its_send() -> None:
    """Two machines: the receiver's clock, though corrected, is a little early."""
    assert fate_of_ben(up(BEN), heard(0.99, BEN), message(1)) is Fate.DELIVERED


def test_typing_needs_no_notice_and_does_not_come_back() -> None:
    joined = [channel(0, who, State.JOINED, Topic.TYPING) for who in (ANN, BEN)]
    said = Fact(S, 0, Kind.SAID, ANN, ROOM, "t")
    caught = Fact(S + 20_000, 0, Kind.CAUGHT, BEN, ROOM, "t")
    assert {who: one.fate for who, one in settled(joined, said, caught).items()} == {BEN: Fate.DELIVERED}
    left = channel(7, BEN, State.LEFT, Topic.TYPING)
    assert {who: one.fate for who, one in settled(joined, said, left).items()} == {BEN: Fate.LOST}


@given(
    st.lists(
        st.tuples(
            st.integers(0, 90),
            st.sampled_from((ANN, BEN, CAT)),
            st.sampled_from([*State, "send", "hear", "poll"]),
            st.sampled_from("abcd"),
        ),
        max_size=60,
    )
)
def test_whatever_happens_each_member_has_one_fate(story: list[tuple[int, int, State | str, str]]) -> None:
    facts: list[Fact] = []
    sent: set[str] = set()
    for at, person, what, key in sorted(story, key=lambda event: event[0]):
        if isinstance(what, State):
            facts.append(channel(at, person, what))
        elif what == "send" and key not in sent:
            sent.add(key)
            facts += message(at, key, person)
        elif what in ("hear", "poll"):
            facts.append(heard(at, person, key, Kind.HEARD if what == "hear" else Kind.POLLED))
    facts.sort(key=lambda fact: fact.at_us)
    found = list(account(facts))
    assert max(Counter((one.key, one.receiver) for one in found).values(), default=1) == 1
    assert {one.key for one in found} <= sent
    for one in found:
        assert (one.delay_us is not None) == (one.fate is Fate.DELIVERED)


# ---- at the phone --------------------------------------------------------------------------------------------------


def test_the_ear_knows_a_copy_and_a_change_out_of_order() -> None:
    ear = Ear()
    assert not ear.doubled("messages", "INSERT", "a", 5)
    assert not ear.doubled("messages", "UPDATE", "a", 5)
    assert not ear.doubled("messages", "INSERT", "a", 6)
    assert ear.doubled("messages", "INSERT", "a", 5)
    assert [ear.misordered("messages", commit) for commit in (5, 7, 6, 7)] == [False, False, True, False]
    assert not ear.misordered("message_reactions", 1)  # order is a table's own
    assert ear.latest_us == 7


def test_the_ear_forgets_the_oldest() -> None:
    ear = Ear()
    for number in range(Ear.KEPT + 1):
        ear.doubled("messages", "INSERT", str(number), None)
    assert not ear.doubled("messages", "INSERT", "0", None)
    assert ear.doubled("messages", "INSERT", str(Ear.KEPT), None)


# ---- clocks --------------------------------------------------------------------------------------------------------


@given(
    st.integers(-5_000_000, 5_000_000),
    st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 200_000), st.integers(0, 200_000)), min_size=1),
)
def test_the_true_offset_lies_within_the_uncertainty(true_us: int, trips: list[tuple[int, int, int]]) -> None:
    rounds = [
        Round(at / 1e3, at / 1e3 + there / 1e6 + true_us / 1e6, at / 1e3 + (there + back) / 1e6)
        for at, there, back in trips
    ]
    found = offset(3, rounds)
    assert found is not None
    assert found.worker == 3
    assert abs(found.offset_us - true_us) <= found.uncertainty_us + 1
    assert found.uncertainty_us <= min(there + back for _, there, back in trips) // 2 + 1


def test_no_round_no_offset() -> None:
    assert offset(0, []) is None

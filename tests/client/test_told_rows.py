"""Receipts and reactions that a channel passes over, and what polls say of rows that it told of."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client.realtime.polled_rows import PolledRows
from harness.client.realtime.told_account import ToldAccount
from harness.client.realtime.told_keys import (
    DELIVERY_RECEIPTS,
    REACTIONS,
    READ_RECEIPTS,
    delivery_key,
    own_message,
    reaction_key,
    read_key,
    row_key,
)
from harness.client.realtime.told_rows import DEADLINE_S, KEPT, ToldRows
from harness.core.delivery_facts import ChannelState

NAMES = ("id", "user_id", "message_id", "last_read_message_id", "last_read_at", "emoji", "created_at")
AT = "2026-11-30T12:00:00.000Z"
READ, REACTION, RECEIPT = read_key("me", "m1", AT), reaction_key("me", "m1", "👍"), delivery_key("me", "m1")


def listening(since: float = 1.0) -> ToldRows:
    rows = ToldRows()
    rows.listens(since)
    return rows


def written(rows: ToldRows, key: tuple[str, ...], sent: float, answered: float) -> None:
    rows.leaves(key, sent)
    rows.acknowledged(key, sent, answered)


def comes_back(rows: ToldRows, sent: float, heard: float) -> None:
    """A later write of the phone's own."""
    rows.leaves(own_message("me", "c9"), sent)
    rows.heard(own_message("me", "c9"), heard)


def untold(rows: ToldRows) -> list[tuple[str, str, int, int]]:
    return [(one.table, one.message, one.missing, one.of) for one in rows.over()]


def test_a_row_is_passed_over_when_a_later_write_came_back() -> None:
    rows = listening()
    written(rows, REACTION, 2.0, 2.1)
    written(rows, READ, 3.0, 3.125)
    assert rows.heard(READ, 3.375) == 0.25
    assert untold(rows) == [(REACTIONS, "m1", 1, 1)]
    assert untold(rows) == []


def test_of_a_row_that_is_taken_away_again_nobody_has_to_be_told() -> None:
    rows = listening()
    written(rows, REACTION, 2.0, 2.1)
    rows.gone(REACTION)
    comes_back(rows, 3.0, 3.5)
    assert untold(rows) == []
    rows = listening()
    rows.polled(REACTION, 3.0, 4.0)
    rows.not_among(REACTIONS, [], 3.9)  # asked for before it was known
    rows.not_among(READ_RECEIPTS, [], 5.0)
    rows.not_among(REACTIONS, [REACTION], 5.0)
    comes_back(rows, 5.0, 5.5)
    assert untold(rows) == [(REACTIONS, "m1", 1, 1)]
    rows = listening()
    rows.polled(REACTION, 3.0, 4.0)
    rows.not_among(REACTIONS, [], 5.0)
    comes_back(rows, 5.0, 5.5)
    assert untold(rows) == []


@given(rows=st.lists(st.none() | st.integers() | st.text() | st.dictionaries(st.sampled_from(NAMES), st.text())))
@pytest.mark.parametrize("table", [DELIVERY_RECEIPTS, REACTIONS, READ_RECEIPTS])
def test_a_poll_may_bring_any_json(table: str, rows: list[Any]) -> None:
    host: Any = SimpleNamespace(clock=SimpleNamespace(now=lambda: 5.0), auth=SimpleNamespace(user_id="me"))
    account = ToldAccount(host, "c1")
    account.enters(ChannelState.LISTENING)
    for begun in (7.0, 9.0):
        account.polled(table, rows, begun, "m1")


def test_a_delivery_receipt_that_comes_back_may_be_an_earlier_one() -> None:
    rows = listening()
    written(rows, READ, 2.0, 2.1)
    written(rows, RECEIPT, 3.0, 3.1)
    rows.heard(RECEIPT, 3.2)
    assert untold(rows) == []


def test_the_own_message_is_a_later_write_too() -> None:
    rows = listening()
    written(rows, REACTION, 2.0, 2.1)
    rows.leaves(own_message("me", "c1"), 2.2)
    assert rows.heard(own_message("me", "c1"), 2.4) is None, "nobody asks how long a message took"
    assert untold(rows) == [(REACTIONS, "m1", 1, 1)]


def test_a_marker_that_comes_back_with_another_time_or_message_did_not_come() -> None:
    for other in (
        read_key("me", "m1", "2026-11-30T07:00:00.000Z"),
        read_key("me", "m0", AT),
        read_key("you", "m1", AT),
    ):
        rows = listening()
        written(rows, READ, 2.0, 2.1)
        rows.heard(other, 2.2)
        comes_back(rows, 3.0, 3.2)
        assert untold(rows) == [(READ_RECEIPTS, "m1", 1, 1)]


def test_of_a_receipt_that_was_written_twice_both_changes_come() -> None:
    rows = listening()
    for sent in (2.0, 2.0001):
        written(rows, RECEIPT, sent, 2.125)
    assert rows.heard(RECEIPT, 2.25) == 0.125
    comes_back(rows, 3.0, 3.2)
    assert untold(rows) == [(DELIVERY_RECEIPTS, "m1", 1, 2)]


def test_a_change_may_come_before_the_answer() -> None:
    rows = listening()
    rows.leaves(READ, 2.0)
    assert rows.heard(READ, 2.1) is None
    assert rows.acknowledged(READ, 2.0, 2.2)
    rows.leaves(REACTION, 3.0)
    assert not rows.acknowledged(REACTION, 3.0, 3.1)


def test_nothing_is_said_where_nothing_later_came() -> None:
    rows = listening()
    written(rows, READ, 2.0, 2.5)
    written(rows, RECEIPT, 2.4, 2.6)  # left before the other was answered: either may be first
    rows.heard(RECEIPT, 2.7)
    rows.brought(2.5 + DEADLINE_S - 0.1)
    assert untold(rows) == []


def test_a_change_of_any_kind_is_late_enough_after_the_deadline() -> None:
    rows = listening()
    written(rows, READ, 2.0, 2.5)
    rows.brought(2.5 + DEADLINE_S)
    assert untold(rows) == [(READ_RECEIPTS, "m1", 1, 1)]


def test_what_was_written_before_the_server_listened_or_has_no_answer_is_nothing_to_tell() -> None:
    rows = ToldRows()
    written(rows, READ, 0.5, 0.6)
    rows.listens(1.0)
    rows.acknowledged(READ, 0.5, 1.1)
    rows.leaves(REACTION, 1.2)  # never answered
    comes_back(rows, 3.0, 3.2)
    assert untold(rows) == []


def test_a_channel_that_was_down_begins_anew() -> None:
    rows = listening()
    written(rows, READ, 2.0, 2.1)
    assert untold(rows) == []
    rows.listens(5.0)
    comes_back(rows, 6.0, 6.2)
    assert untold(rows) == []


def test_what_a_poll_brings_first_was_passed_over() -> None:
    theirs = reaction_key("you", "m1", "👍")
    for heard_at, wrong in ((None, True), (2.05, False), (2.3, False)):
        rows = listening()
        if heard_at == 2.05:
            rows.heard(theirs, heard_at)
        rows.polled(theirs, 2.0, 2.2)  # the poll before was asked for at 2.0
        if heard_at == 2.3:
            rows.heard(theirs, heard_at)
        comes_back(rows, 3.0, 3.2)
        assert [one.polled for one in rows.over()] == [True] * wrong


def test_a_poll_says_nothing_of_what_may_be_older_than_the_subscription() -> None:
    rows = listening(since=2.1)
    rows.polled(reaction_key("you", "m1", "👍"), 2.0, 2.2)
    comes_back(rows, 3.0, 3.2)
    assert untold(rows) == []


def test_a_crowd_makes_it_forget_and_never_accuse() -> None:
    rows = listening()
    written(rows, READ, 2.0, 2.1)
    rows.heard(READ, 2.2)
    for number in range(2 * KEPT):
        rows.heard(delivery_key("you", str(number)), 3.0 + number)
    rows.polled(delivery_key("you", "0"), 2.5, 2000.0)
    comes_back(rows, 3000.0, 3000.2)
    assert untold(rows) == []


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[float, str, tuple[str, ...], float]]:
    """Writes that commit between their request and its answer, and changes that come in the order of the commits, each
    some time after its own: (instant, what, key, when the write left)."""
    seconds = st.floats(0.001, 3.0)
    keys = st.sampled_from([READ, REACTION, RECEIPT, read_key("me", "m2", AT), delivery_key("me", "m2")])
    found, commits, at = [], [], 1.0
    for number in range(draw(st.integers(1, 12))):
        at += draw(st.floats(0.0, 2.0))
        key = draw(keys)
        if key[0] == READ_RECEIPTS:
            key = read_key("me", key[2], f"2026-11-30T12:00:{number:02}Z")
        took = draw(seconds)
        commits.append((at + took * draw(st.floats(0.0, 1.0)), key))
        found += [(at, "leaves", key, at), (at + took, "answered", key, at)]
    reached = 0.0
    for commit, key in sorted(commits):
        reached = max(reached, commit) + draw(st.floats(0.0, 2.0))
        found.append((reached, "heard", key, 0.0))
    return sorted(found, key=lambda one: one[0])


def play(history: list[tuple[float, str, tuple[str, ...], float]]) -> ToldRows:
    rows = listening(0.5)
    for at, what, key, sent in history:
        if what == "leaves":
            rows.leaves(key, at)
        elif what == "answered":
            rows.acknowledged(key, sent, at)
        else:
            rows.brought(at)
            rows.heard(key, at)
    return rows


@given(histories(), st.floats(0.0, 60.0))
def test_a_channel_that_tells_everything_in_order_is_never_accused(
    history: list[tuple[float, str, tuple[str, ...], float]], until: float
) -> None:
    assert untold(play([one for one in history if one[0] <= until])) == []


@given(histories(), st.data())
def test_one_change_that_does_not_come_is_found_once_a_later_write_came_back(
    history: list[tuple[float, str, tuple[str, ...], float]], data: st.DataObject
) -> None:
    heard = [one for one in history if one[1] == "heard"]
    dropped = data.draw(st.sampled_from(heard))
    end = history[-1][0]
    later = own_message("me", "c9")
    more = [(end + 1.0, "leaves", later, end + 1.0), (end + 1.5, "heard", later, 0.0)]
    rows = play([one for one in history if one is not dropped] + more)
    assert [(one.table, one.message, one.missing) for one in rows.over()] == [(dropped[2][0], dropped[2][2], 1)]


# ---- polls ----------------------------------------------------------------------------------------------------------


def reaction(id_: str, user: str = "you", created: str = "2026-11-30T12:00:00.5+00:00") -> dict[str, Any]:
    return {"id": id_, "message_id": "m1", "user_id": user, "emoji": "👍", "created_at": created}


def marker(user: str, at: str) -> dict[str, Any]:
    return {"user_id": user, "last_read_message_id": "m1", "last_read_at": at}


def test_the_first_poll_is_where_it_begins() -> None:
    polls = PolledRows()
    for table, of, row in (
        (REACTIONS, "", reaction("r1")),
        (READ_RECEIPTS, "", marker("you", AT)),
        (DELIVERY_RECEIPTS, "m1", {"user_id": "you", "message_id": "m1"}),
    ):
        assert polls.new(table, of, [row], 1.0) == (None, [])
        assert polls.new(table, of, [row], 2.0) == (1.0, [])


def test_new_rows_are_those_that_the_poll_before_did_not_have() -> None:
    polls = PolledRows()
    polls.new(REACTIONS, "", [], 1.0)
    first, second = reaction("r1"), reaction("r2")
    assert polls.new(REACTIONS, "", [first], 2.0) == (1.0, [first])
    assert polls.new(REACTIONS, "", [first, second], 3.0) == (2.0, [second])
    assert polls.new(REACTIONS, "", [first], 4.0) == (None, []), "the newest was taken off"
    polls.new(READ_RECEIPTS, "", [marker("you", AT)], 1.0)
    moved = marker("you", "2026-11-30T12:00:03Z")
    assert polls.new(READ_RECEIPTS, "", [moved, "no row"], 2.0) == (1.0, [moved])


def test_delivery_receipts_are_compared_of_one_message() -> None:
    polls, row = PolledRows(), {"user_id": "you", "message_id": "m2"}
    polls.new(DELIVERY_RECEIPTS, "m1", [], 1.0)
    assert polls.new(DELIVERY_RECEIPTS, "m2", [row], 2.0) == (None, [])


def test_a_poll_that_dates_a_row_otherwise_than_its_change_is_told_once() -> None:
    polls = PolledRows()
    polls.told(REACTIONS, reaction("r1"))
    assert [*polls.contradicted(REACTIONS, [reaction("r1", created="2026-11-30 12:00:00.500Z")])] == []
    early = [reaction("r1", created="2026-11-30T07:00:00.5+00:00"), "no row", reaction("r2", created="never")]
    assert [*polls.contradicted(REACTIONS, early)] == [("r1", "-18,000.0 s")]
    assert [*polls.contradicted(REACTIONS, early)] == []


def test_a_poll_that_shows_a_row_under_another_id_than_its_change_is_told_once() -> None:
    polls = PolledRows()
    polls.told(REACTIONS, reaction("r9"))
    polls.told(REACTIONS, reaction("r2", user="me"))
    others = [
        reaction("r1", created="2026-11-30 12:00:00.500Z"),
        reaction("r2", user="me"),
        reaction("r3", user="they"),
    ]
    assert [*polls.contradicted(REACTIONS, others)] == [("r1", "another id")]
    assert [*polls.contradicted(REACTIONS, others)] == []
    receipt = {"message_id": "m1", "user_id": "you", "created_at": "2026-11-30T12:00:00Z"}
    polls.told(DELIVERY_RECEIPTS, {"id": "d9", **receipt})
    assert [*polls.contradicted(DELIVERY_RECEIPTS, [{"id": "d1", **receipt}])] == [("d1", "another id")]


def test_a_change_that_comes_after_the_poll_with_another_id_is_told_once() -> None:
    """As after an own reaction: its answer asks for all of them, and the change comes last."""
    polls = PolledRows()
    shown = ["no row", reaction("r1"), reaction("r2", user="me")]
    assert [*polls.contradicted(REACTIONS, shown)] == []
    assert polls.told(REACTIONS, reaction("r2", user="me")) == ""
    assert polls.told(REACTIONS, reaction("r9", created="2026-11-30 12:00:00.500Z")) == "r1"
    assert [*polls.contradicted(REACTIONS, shown)] == []
    assert polls.told(REACTIONS, reaction("r3", created="2026-11-30T12:00:02Z")) == "", "made anew"
    assert polls.told(DELIVERY_RECEIPTS, reaction("d1")) == "", "another table's"


def test_a_reaction_that_was_taken_off_and_made_again_is_another_row() -> None:
    """Whichever of them a late poll shows."""
    polls = PolledRows()
    first, second = reaction("r1"), reaction("r2", created="2026-11-30T12:00:01.5+00:00")
    polls.told(REACTIONS, first)
    assert [*polls.contradicted(REACTIONS, [second])] == []
    polls.told(REACTIONS, second)
    assert [*polls.contradicted(REACTIONS, [first])] == []
    assert [*polls.contradicted(REACTIONS, [second])] == []


@given(
    st.dictionaries(st.sampled_from(["user_id", "message_id", "emoji", "last_read_at", "id"]), st.none() | st.text())
)
def test_any_row_has_a_key_or_none(row: dict[str, Any]) -> None:
    for table in (REACTIONS, READ_RECEIPTS, DELIVERY_RECEIPTS, "messages"):
        key = row_key(table, row)
        assert key is None or (key[0] == table and all(isinstance(part, str) for part in key))

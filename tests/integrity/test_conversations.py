"""Conversations: what their checks find, and what they leave alone."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from reports.integrity import conversations

ZERO = pd.Timestamp("2026-11-27 12:00", tz="UTC")


def at(seconds: float) -> pd.Timestamp:
    return ZERO + pd.Timedelta(seconds=seconds)


def frame(*rows: dict[str, Any], columns: str) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=columns.split())


MESSAGES = frame(
    {"id": b"m1", "conversation_id": b"c1", "user_id": b"ann", "created_at": at(1)},
    {"id": b"m2", "conversation_id": b"c1", "user_id": b"bob", "created_at": at(5)},
    {"id": b"n1", "conversation_id": b"c2", "user_id": b"ann", "created_at": at(3)},
    columns="id conversation_id user_id created_at",
)


@pytest.mark.parametrize(("updated", "stale"), [(4.9, True), (5, False), (9, False)])
def test_a_conversation_is_as_new_as_its_newest_message(updated: float, stale: bool) -> None:
    rooms = frame({"id": b"c1", "updated_at": at(updated)}, {"id": b"c2", "updated_at": at(3)}, columns="id updated_at")
    assert list(conversations.stale(rooms, MESSAGES)["id"]) == ([b"c1"] if stale else [])


@pytest.mark.parametrize(("apart", "stale"), [(0.004, False), (29, False), (31, True)])
def test_of_two_messages_at_once_the_older_one_may_move_its_conversation_last(apart: float, stale: bool) -> None:
    said = MESSAGES[:2].assign(created_at=[at(5), at(5 + apart)])
    rooms = frame({"id": b"c1", "updated_at": at(5)}, columns="id updated_at")
    assert len(conversations.stale(rooms, said)) == stale
    rooms = frame({"id": b"c1", "updated_at": at(4.999)}, columns="id updated_at")
    assert len(conversations.stale(rooms, said)) == 1, "the instant of no message"


def marks(*messages: bytes) -> pd.DataFrame:
    """Bob said that he has read these, one after the other."""
    rows = ({"conversation_id": b"c1", "user_id": b"bob", "message_id": message} for message in messages)
    return frame(*rows, columns="conversation_id user_id message_id")


@pytest.mark.parametrize(
    ("said", "stands", "behind"),
    [
        ((b"m1",), b"m1", False),
        ((b"m1", b"m2"), b"m2", False),
        ((b"m1", b"m2"), b"m1", True),
        ((b"m2", b"m1"), b"m1", True),  # overtaken by his own older one: as shipped nothing keeps them in order
        ((b"m1",), b"m2", False),  # a newer one whose answer never came
        ((b"m1", b"m2"), b"from before the run", True),
        ((b"m1",), None, True),
        ((b"from before the run",), b"from before the run", False),
        ((b"from before the run",), b"another one from then", False),  # nobody can say
    ],
)
def test_read_markers_never_go_back(said: tuple[bytes, ...], stands: bytes | None, behind: bool) -> None:
    reads = frame(
        {"conversation_id": b"c1", "user_id": b"bob", "last_read_message_id": stands},
        columns="conversation_id user_id last_read_message_id",
    )
    found = conversations.regressed_reads(marks(*said), reads, MESSAGES)
    assert list(found["user_id"]) == ([b"bob"] if behind else [])


def test_a_marker_that_is_gone_has_gone_back() -> None:
    none = frame(columns="conversation_id user_id last_read_message_id")
    assert len(conversations.regressed_reads(marks(b"m1"), none, MESSAGES)) == 1


@pytest.mark.parametrize(
    ("newer", "older", "why"),
    [
        ((10, 20), (5, 8), conversations.UNDONE),
        ((10, 20), (5, 15), conversations.OVERTAKEN),
        ((10, 20), (12, 30), conversations.OVERTAKEN),
        ((10, 20), (5, float("inf")), conversations.OVERTAKEN),  # no word: it may be stored whenever it likes
        ((10, 20), (25, 30), conversations.WRITTEN_LATER),
        ((10, 20), None, conversations.NOBODYS),
    ],
)
def test_whose_fault_it_is(newer: tuple[float, float], older: tuple[float, float] | None, why: str) -> None:
    said = [(b"m2", newer), *([] if older is None else [(b"m1", older)])]
    made = (
        {"conversation_id": b"c1", "user_id": b"bob", "message_id": id_, "sent_us": sent, "done_us": done}
        for id_, (sent, done) in said
    )
    written = frame(*made, columns="conversation_id user_id message_id sent_us done_us")
    reads = frame(
        {"conversation_id": b"c1", "user_id": b"bob", "last_read_message_id": b"m1"},
        columns="conversation_id user_id last_read_message_id",
    )
    behind = conversations.regressed_reads(written[["conversation_id", "user_id", "message_id"]], reads, MESSAGES)
    assert conversations.why_behind(behind, written) == [why]


def test_markers_point_into_their_own_conversation_and_have_plausible_times() -> None:
    reads = frame(
        {"conversation_id": b"c1", "user_id": b"bob", "last_read_message_id": b"n1", "last_read_at": at(4)},
        {"conversation_id": b"c1", "user_id": b"ann", "last_read_message_id": b"m2", "last_read_at": at(-7200)},
        {"conversation_id": b"c2", "user_id": b"ann", "last_read_message_id": b"n1", "last_read_at": at(7200)},
        {"conversation_id": b"c2", "user_id": b"bob", "last_read_message_id": b"n1", "last_read_at": at(4)},
        columns="conversation_id user_id last_read_message_id last_read_at",
    )
    assert list(conversations.misplaced_reads(reads, MESSAGES)["user_id"]) == [b"bob"]
    assert list(conversations.implausible_reads(reads, MESSAGES, at(10))["conversation_id"]) == [b"c1", b"c2"]


def test_delivery_receipts_of_the_wrong_person_time_or_place() -> None:
    people = frame(
        *({"conversation_id": b"c1", "user_id": user} for user in (b"ann", b"bob", b"cleo")),
        columns="conversation_id user_id",
    )
    right = {"conversation_id": b"c1", "message_id": b"m1", "user_id": b"bob", "delivered_at": at(2)}
    wrong = {
        "elsewhere": {**right, "conversation_id": b"c2"},
        "one's own": {**right, "user_id": b"ann"},
        "too early": {**right, "user_id": b"cleo", "delivered_at": at(0)},
        "a stranger": {**right, "user_id": b"dan"},
    }
    columns = "conversation_id message_id user_id delivered_at"
    assert conversations.misplaced_deliveries(frame(right, columns=columns), MESSAGES, people).empty
    found = conversations.misplaced_deliveries(frame(right, *wrong.values(), columns=columns), MESSAGES, people)
    assert len(found) == len(wrong)

"""Rows that nobody made, rows that an earlier run made, and what changes and removals leave: one by one."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pytest

from harness.client.message_content import message_content
from harness.core.content import UNKNOWN, Content
from harness.core.ledger import WriteKind, WriteStep
from harness.evidence.rows import batch
from harness.evidence.tables import EVENTS, MESSAGES
from reports.integrity import changes, contents, events, nobody, receipts, reviews
from reports.integrity import clock as clocks
from reports.integrity.columns import integers
from reports.integrity.library import GONE, THERE, differing
from tests.integrity.build import CONVERSATION, TAG, ZERO, Story, raw
from tests.integrity.test_events import ZERO_US, classes, of

SENT, YES, NO, SILENCE = WriteStep.SENT, WriteStep.ACKNOWLEDGED, WriteStep.REFUSED, WriteStep.UNANSWERED
ANN, BOB = str(uuid.UUID(int=41, version=4)), str(uuid.UUID(int=42, version=4))
ROW = str(uuid.UUID(int=99, version=4))
NOTHING = {"text": None, "message_type": "system", "attachment_url": None, "client_id": None}
INSTANT = pa.timestamp("us", tz="UTC")
SPAN = (ZERO_US, ZERO_US + 60_000_000)


def person(story: Story, number: int, account: str) -> None:
    story.ledger.intend(WriteKind.PERSON, number, 0.0, subject=account)


def theirs(story: Story, at: float, key: int = 5, **columns: Any) -> None:
    story.store(EVENTS, at, client_event_id=uuid.uuid4().bytes, dedupe_key=key, user_id=raw(ANN), **columns)


def found(story: Story) -> list[int]:
    writes = events.gathered(story.ledger_rows)
    stored = events.matched(writes, story.stored(EVENTS), TAG)
    return [int(row) for row in nobody.events(stored.others, contents.accounts(story.ledger_rows), SPAN)]


def test_a_swipe_stored_once_more_under_a_new_id_is_nobodys() -> None:
    story = Story()
    person(story, 1, ANN)
    _, id_ = story.write(WriteKind.EVENT, 0, (SENT, 1), (YES, 2), key=5)
    story.store(EVENTS, 1.5, client_event_id=raw(id_), dedupe_key=5, user_id=raw(ANN))
    assert found(story) == []
    theirs(story, 1.6, key_made_by="v2")
    assert found(story) == [0]


@pytest.mark.parametrize(
    "columns",
    [{"synthetic": "status_watched_to_dwell"}, {"key_made_by": "onb"}, {"user_id": raw(BOB)}],
    ids=["a dwell that follows from a status", "onboarding", "somebody else's"],
)
def test_what_the_server_makes_and_what_others_do_is_not(columns: dict[str, Any]) -> None:
    story = Story()
    person(story, 1, ANN)
    story.store(EVENTS, 1.0, **{"client_event_id": uuid.uuid4().bytes, "user_id": raw(ANN), **columns})
    assert found(story) == []


@pytest.mark.parametrize("at", [-1.0, 61.0])
def test_rows_from_before_or_after_the_run_are_not(at: float) -> None:
    story = Story()
    person(story, 1, ANN)
    theirs(story, at)
    assert found(story) == []


def test_messages_that_nobody_sent_and_those_that_a_phone_deleted() -> None:
    story = Story()
    person(story, 1, ANN)
    for id_ in (ROW, str(uuid.uuid4())):
        story.message(1.0, None, id=raw(id_), user_id=raw(ANN))
    table = story.stored(MESSAGES)
    accounts = contents.accounts(story.ledger_rows)
    assert nobody.messages(table, accounts, SPAN, []).tolist() == [0, 1]
    assert nobody.messages(table, accounts, SPAN, [raw(ROW)]).tolist() == [1]


def test_an_event_whose_key_an_earlier_run_stored_today_is_not_lost() -> None:
    story = Story()
    story.write(WriteKind.EVENT, 0, (SENT, 1), (YES, 2), key=5)
    theirs(story, -3_600.0)
    assert (of(story, "earlier"), of(story, "lost")) == ([1], [])
    later = Story()
    later.write(WriteKind.EVENT, 0, (SENT, 1), (YES, 2), key=5)
    theirs(later, -90_000.0)  # yesterday's row stands for nothing today
    assert (of(later, "earlier"), of(later, "lost")) == ([], [1])


def test_whose_account_is_whose() -> None:
    story = Story()
    person(story, 1, ANN)
    person(story, 2, BOB)
    person(story, 2, ANN)  # signed up again
    accounts = contents.accounts(story.ledger_rows)
    users = np.array([contents.mixed(column(ANN))[0], contents.mixed(column(BOB))[0]], np.uint64)

    def fits(number: int) -> list[bool]:
        return [bool(fit) for fit in accounts.fit(np.full(2, number, np.uint64), users)]

    assert fits(1) == [True, False]
    assert fits(2) == [True, True]
    assert fits(3) == [True, True]  # nobody knows whose that is


def column(id_: str) -> Any:
    story = Story()
    story.store(EVENTS, 0.0, user_id=raw(id_))
    return story.stored(EVENTS)["user_id"]


@pytest.mark.parametrize(
    ("at", "steps", "misdated"),
    [
        (1.5, [(SENT, 1), (YES, 2)], False),
        (-3.9, [(SENT, 1), (YES, 2)], False),
        (-4.1, [(SENT, 1), (YES, 2)], True),
        (6.9, [(SENT, 1), (YES, 2)], False),
        (7.1, [(SENT, 1), (YES, 2)], True),
        (60.0, [(SENT, 1), (SILENCE, 2)], False),  # its request may have come late
        (60.0, [(SENT, 1), (SILENCE, 2), (SENT, 3), (YES, 4)], False),
        (-9.0, [(SENT, 1), (SILENCE, 2)], True),
    ],
)
@pytest.mark.parametrize("ahead", [0.0, 90.0])
def test_a_row_is_dated_between_its_request_and_the_last_word(
    at: float, steps: list[tuple[WriteStep, float]], misdated: bool, ahead: float
) -> None:
    story = Story()
    _, id_ = story.write(WriteKind.EVENT, 0, *steps, key=5)
    story.event(at + ahead, id_, 5)
    writes = events.gathered(story.ledger_rows)
    stored = events.matched(writes, story.stored(EVENTS), TAG)
    offset = clocks.Offset(round(ahead * 1e6))
    created = integers(stored.table["created_at"])
    assert clocks.misdated(writes, stored.write, created, ZERO_US, offset).tolist() == [misdated]


@pytest.mark.parametrize(("ahead", "told"), [(90.0, 90.0), (-40.0, -40.0), (1.0, 0.0), (-18_000.0, 0.0)])
def test_rows_tell_an_offset_that_a_clock_may_have(ahead: float, told: float) -> None:
    story = Story()
    for number in range(6):
        _, id_ = story.write(WriteKind.EVENT, number, (SENT, number), (YES, number + 1), key=number)
        story.event(number + 0.5 + ahead, id_, number)
    writes = events.gathered(story.ledger_rows)
    stored = events.matched(writes, story.stored(EVENTS), TAG)
    offset = clocks.told_by_rows(writes, stored.write, integers(stored.table["created_at"]), ZERO_US)
    assert offset.us == pytest.approx(told * 1e6, abs=1000)


def change(sent: float, done: float | None, content: int, *, yes: bool = True, deletes: bool = False) -> changes.Change:
    return changes.Change(deletes, sent, float("inf") if done is None else done, yes, content, 0)


@pytest.mark.parametrize(
    ("made", "may"),
    [
        ([change(1, 2, 7), change(3, 4, 8)], {8}),
        ([change(1, 2, 7), change(3, None, 8, yes=False)], {7, 8}),
        ([change(1, 4, 7), change(3, 5, 8)], {7, 8}),  # under way at once
        ([change(1, None, 7, yes=False)], set()),  # anything
    ],
)
def test_what_a_changed_message_may_hold(made: list[changes.Change], may: set[int]) -> None:
    assert {one.content for one in changes.allowed(made)} == may


@pytest.mark.parametrize(("stored", "count"), [(7, 1), (8, 0), (9, 1)])
def test_an_edit_that_is_not_there(stored: int, count: int) -> None:
    story = Story()
    for at, content in ((1.0, Content(7, 1)), (3.0, Content(8, 2))):
        entry = story.ledger.intend(WriteKind.EDIT, 1, at, subject=CONVERSATION, object_=ROW, content=content)
        story.ledger.step(entry, SENT, at)
        story.ledger.step(entry, YES, at + 1)
    story.message(1.0, None, id=raw(ROW), content=stored, parts=1)
    assert changes.check(changes.gathered(story.ledger_rows), story.stored(MESSAGES)).count == count


def test_a_change_that_nobody_noted_the_content_of_is_not_compared() -> None:
    story = Story()
    entry = story.ledger.intend(WriteKind.EDIT, 1, 1.0, subject=CONVERSATION, object_=ROW, content=UNKNOWN)
    story.ledger.step(entry, YES, 2.0)
    story.message(1.0, None, id=raw(ROW), content=5, parts=1)
    check = changes.check(changes.gathered(story.ledger_rows), story.stored(MESSAGES))
    assert (check.count, check.note) == (0, "content not compared: 1 rows of an older record")


DELETED = {"type": "system", "text": "", "deleted": True, "deletedAt": "2026-11-27T12:00:01.250Z"}
EARLY = "2026-11-27T07:00:01.250Z"


@pytest.mark.parametrize(
    ("body", "meta", "words"),
    [
        (DELETED["deletedAt"], DELETED["deletedAt"], ""),
        (DELETED["deletedAt"], EARLY, "deleted, and dated 5.0 h before it was"),
        (EARLY, DELETED["deletedAt"], "deleted, and dated 5.0 h before it was"),
        (DELETED["deletedAt"], "yesterday", "deleted, and the row does not say when"),
    ],
)
def test_a_deletion_says_when_it_was_made(body: str, meta: str, words: str) -> None:
    """The app shows it below the message."""
    story = Story()
    sent = message_content({**NOTHING, "body": orjson.dumps(DELETED).decode(), "meta": dict(DELETED)})
    key = ZERO_US + 1_250_000
    entry = story.ledger.intend(WriteKind.DELETE, 1, 1.0, subject=CONVERSATION, object_=ROW, content=sent, key=key)
    story.ledger.step(entry, SENT, 1.0)
    story.ledger.step(entry, YES, 2.0)
    row = dict.fromkeys(column.name for column in MESSAGES.read) | NOTHING
    row |= {"id": ROW, "created_at": "2026-11-27T12:00:00+00:00"}
    row |= {"body": orjson.dumps({**DELETED, "deletedAt": body}).decode(), "meta": {**DELETED, "deletedAt": meta}}
    table = pa.Table.from_batches([batch(MESSAGES, [row])])
    check = changes.check(changes.gathered(story.ledger_rows), table)
    assert [one.text for one in check.offenders] == ([words] if words else [])
    before = table.set_column(table.schema.get_field_index("changed_meta"), "changed_meta", [pa.nulls(1, INSTANT)])
    before = before.set_column(table.schema.get_field_index("changed_body"), "changed_body", [pa.nulls(1, INSTANT)])
    assert changes.check(changes.gathered(story.ledger_rows), before).count == 0  # evidence of an earlier version


def test_of_two_edits_under_way_at_once_either_may_say_when() -> None:
    may = [changes.Change(False, 1, 4, True, 7, 0, 5_000_000), changes.Change(False, 3, 5, True, 7, 0, 6_000_000)]
    assert [changes._misdated(may, 7, [us, us]) for us in (5_000_000, 6_000_000)] == ["", ""]
    assert changes._misdated(may, 7, [5_000_000, 5_500_000]) == "edited, and dated 0.5 s after it was"


def test_a_receipt_that_was_acknowledged_and_is_not_there() -> None:
    writes = pd.DataFrame(
        [(b"m1", b"u1", True), (b"m1", b"u1", True), (b"m2", b"u1", True), (b"m3", b"u1", False), (b"m4", None, True)],
        columns=["message_id", "user_id", "acknowledged"],
    )
    stored = pd.DataFrame([(b"m1", b"u1"), (b"m2", b"u2")], columns=receipts.DELIVERY)
    missing, looked_at = receipts.undelivered(writes, stored)
    assert (missing["message_id"].tolist(), looked_at) == ([b"m2"], 2)


def mark(at: float) -> Any:
    return pd.Timestamp(ZERO) + pd.Timedelta(seconds=at)


@pytest.mark.parametrize(
    ("message", "at", "wrong"), [(b"m1", 1.0, False), (b"m2", 2.0, False), (b"m1", 2.0, True), (b"m3", 1.0, True)]
)
def test_a_read_marker_is_one_that_a_phone_wrote(message: bytes, at: float, wrong: bool) -> None:
    writes = pd.DataFrame(
        [(b"c", b"u", b"m1", ZERO_US + 1_000_000, True), (b"c", b"u", b"m2", ZERO_US + 2_000_000, False)],
        columns=["conversation_id", "user_id", "message_id", "marked_us", "acknowledged"],
    )
    stored = pd.DataFrame(
        [(b"c", b"u", message, mark(at)), (b"c", b"other", b"m9", mark(9))],
        columns=["conversation_id", "user_id", "last_read_message_id", "last_read_at"],
    )
    odd, looked_at = receipts.unwritten_marks(writes, stored)
    assert (len(odd), looked_at) == (int(wrong), 1)
    undated = writes.assign(marked_us=[0, 1])  # one of them was dated by the server
    assert receipts.unwritten_marks(undated, stored)[1] == 0


@pytest.mark.parametrize(("there", "wrong"), [(True, []), (False, [b"m"])])
def test_a_reaction_that_was_set_last(there: bool, wrong: list[bytes]) -> None:
    key = ("user_id", "message_id", "emoji")
    writes = pd.DataFrame(
        [(b"u", b"m", "x", GONE, 1, 2, True), (b"u", b"m", "x", THERE, 3, 4, True)],
        columns=[*key, "status", "sent_us", "done_us", "acknowledged"],
    )
    rows = [(b"u", b"m", "x", THERE)] if there else []
    odd, judged = differing(writes, pd.DataFrame(rows, columns=[*key, "status"]), key)
    assert (odd["message_id"].tolist(), judged) == (wrong, 1)


def test_reviews_are_counted_by_what_they_say() -> None:
    names = ["user_id", "title_id", "content"]
    writes = pd.DataFrame([(b"u", b"t", 1), (b"u", b"t", 1), (b"u", b"t", 2)], columns=names)
    writes["acknowledged"] = [True, False, True]
    stored = pd.DataFrame([(b"u", b"t", 1), (b"u", b"t", 1), (b"u", b"t", 1)], columns=names)
    assert reviews.lost(writes, stored)["content"].tolist() == [2]
    assert len(reviews.too_many(writes, stored)) == 1


def test_every_event_is_in_one_class_with_the_earlier_ones() -> None:
    story = Story()
    story.write(WriteKind.EVENT, 0, (SENT, 1), (YES, 2), key=5)
    theirs(story, -60.0)
    result, _ = classes(story)
    assert result.earlier.sum() + result.lost.sum() + result.merged.sum() == 1

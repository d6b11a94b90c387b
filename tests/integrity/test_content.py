"""Every code point of what was sent counts, and the field that differs has a name."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.client.events.event_key import EVENT_FIELDS, event_content, row_content
from harness.client.events.swipe_event import SwipeEvent
from harness.client.message_content import MESSAGE_FIELDS, message_content
from harness.core.content import FIELDS, NOT_NOTED, content_of, differing
from harness.evidence.rows import batch
from harness.evidence.tables import MESSAGES

fields = st.one_of(st.none(), st.text(st.characters()))  # lone surrogates too


@given(st.lists(fields, max_size=12))
def test_the_same_fields_have_the_same_content_and_none_is_taken_for_not_noted(sent: list[str | None]) -> None:
    assert content_of(*sent) == content_of(*list(sent))
    assert content_of(*sent).whole != NOT_NOTED


@given(st.lists(fields, min_size=1, max_size=12), st.data())
@example([""], None)
def test_another_field_is_another_content(sent: list[str | None], data: st.DataObject | None) -> None:
    place = data.draw(st.integers(0, len(sent) - 1)) if data else 0
    other = data.draw(fields.filter(lambda field: field != sent[place])) if data else None
    changed = [*sent[:place], other, *sent[place + 1 :]]
    one, two = content_of(*sent), content_of(*changed)
    assert one.whole != two.whole
    names = tuple(map(str, range(FIELDS)))
    assert set(differing(names, one.parts, two.parts)) <= {str(place)}  # one in 256 has no name, none a wrong one


@given(st.lists(st.text(min_size=1, max_size=5), min_size=2, max_size=4), st.integers(1, 4))
def test_nothing_moves_unseen_from_one_field_into_the_next(sent: list[str], by: int) -> None:
    moved = [sent[0] + sent[1][:by], sent[1][by:], *sent[2:]]
    assert (content_of(*moved).whole == content_of(*sent).whole) == (moved == sent)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60), st.data())
def test_a_code_point_that_is_changed_lost_or_added_is_seen_and_named(text: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(text) - 1))
    sign = data.draw(st.characters(exclude_categories=["Cs"]).filter(lambda one: one != text[place]))
    sent = message_content(message(text))
    for stored in (text[:place] + sign + text[place + 1 :], text[:place] + text[place + 1 :], text + sign):
        assert message_content(message(stored)).whole != sent.whole


def message(text: str) -> dict[str, Any]:
    body = {"type": "text", "text": text, "clientId": "c"}
    return {"text": text, "body": body, "meta": body, "message_type": "text", "attachment_url": None}


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=200))
def test_what_is_sent_and_what_a_row_of_it_holds_have_one_content(text: str) -> None:
    """Through JSON, as PostgREST answers, and through the conversion of evidence."""
    ids = {"id": str(uuid.uuid4()), "conversation_id": str(uuid.uuid4()), "user_id": str(uuid.uuid4())}
    row = {**orjson.loads(orjson.dumps(message(text))), **ids, "created_at": "2026-11-27T12:00:00+00:00"}
    row |= {"sender_id": ids["user_id"], "client_id": None, "meta_client_id": None, "triggered_by_message_id": None}
    stored = batch(MESSAGES, [{**row, "length": text}]).to_pylist()[0]
    assert (stored["content"], stored["parts"]) == message_content(message(text))
    assert stored["length"] == len(text)
    assert text not in stored.values() or text in ("", "text")


def test_an_edit_and_a_deletion_leave_what_they_sent() -> None:
    edited = {"body": {"type": "text", "text": "new", "clientId": "c", "editedAt": "now"}, "message_type": "text"}
    sent = message_content({**edited, "text": "new", "meta": {"editedAt": "now"}})
    kept = message_content({**message("new"), **edited, "meta": {"editedAt": "later"}})
    assert sent == kept
    deleted = {"text": None, "body": '{"type":"system","text":"","deleted":true}', "message_type": "system"}
    gone = message_content({**deleted, "meta": {"deleted": True}})
    assert gone == message_content({**deleted, "meta": {"deleted": True, "deletedAt": "x"}, "attachment_url": None})
    for meta in ({"deleted": False}, {"deleted": None, "deletedAt": "x"}, {"deletedAt": "x"}):
        assert gone != message_content({**deleted, "meta": meta}), "the app shows no deletion by such a mark"
    assert gone != message_content(
        {**deleted, "body": '{"type":"system","text":"","deleted":false}', "meta": {"deleted": True}}
    )
    assert "type" in differing(MESSAGE_FIELDS, gone.parts, message_content(message("old")).parts)


DECK, REQUEST, TITLE, SESSION = (str(uuid.UUID(int=number, version=4)) for number in range(1, 5))
EVENT = SwipeEvent(
    "rating",
    str(uuid.UUID(int=9, version=4)),
    SESSION,
    TITLE,
    DECK,
    REQUEST,
    3,
    f"{REQUEST}:3:{TITLE}",
    "for_you",
    1500,
    7.0,
    None,
    {"ui": "swipe", "stars": 3, "nested": {"kept": True, "gone": [1]}},
)
ROW: dict[str, Any] = {
    "session_id": SESSION,
    "deck_id": DECK,
    "rec_request_id": REQUEST,
    "position": 3,
    "source": "for_you",
    "dwell_ms": 1500,
    "rating_0_10": 7.0,
    "in_watchlist": None,
    "payload": {"nested": {"kept": True}, "stars": 3, "ui": "swipe"},  # jsonb has an order of its own
    "media_item_id": TITLE,
    "event_type": "rating",
}


def test_an_event_and_its_row_have_one_content_whoever_read_it() -> None:
    assert event_content(EVENT) == row_content(ROW)
    of_driver = {name: uuid.UUID(value) if name.endswith("_id") else value for name, value in ROW.items()}
    assert event_content(EVENT) == row_content({**of_driver, "rating_0_10": Decimal("7.0")})


@pytest.mark.parametrize(
    ("column", "value", "field"),
    [
        ("session_id", REQUEST, "session"),
        ("deck_id", None, "deck"),
        ("rec_request_id", DECK, "request and position"),
        ("position", 4, "request and position"),
        ("source", "friends", "source"),
        ("dwell_ms", 1501, "dwell"),
        ("rating_0_10", 7.5, "rating"),
        ("in_watchlist", False, "watchlist flag"),
        ("payload", {"ui": "swipe"}, "payload"),
    ],
)
def test_a_field_of_an_event_that_differs_is_named(column: str, value: object, field: str) -> None:
    sent, stored = event_content(EVENT), row_content({**ROW, column: value})
    assert sent.whole != stored.whole
    assert differing(EVENT_FIELDS, sent.parts, stored.parts) == [field]


@pytest.mark.parametrize(("column", "value"), [("event_type", "dislike"), ("media_item_id", DECK)])
def test_title_and_type_count_in_the_whole(column: str, value: str) -> None:
    assert event_content(EVENT).whole != row_content({**ROW, column: value}).whole

"""Everything that reads a reply's JSON takes any tree: no target makes a call raise."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.client.api import chat_shapes, shapes
from harness.client.api.assistant_reading import NO_END, read_reply, read_status, reply_status
from harness.client.api.call import Service
from harness.client.api.classify import judge, read
from harness.client.api.rows_written import DECKS, EVENTS, ROWS, rows_written
from harness.client.auth.account import Account
from harness.client.events.swipe_event import event_reply
from harness.client.realtime.client import Binding
from harness.client.realtime.phoenix import refusal
from harness.client.realtime.phoenix.generation import GENERATIONS
from harness.core.instants import epoch_us
from harness.core.ledger import Ledger, WriteKind, WriteStep
from harness.core.outcome import Outcome
from tests.client.json_trees import DEEP, ID, nested, trees
from tests.client.realtime_stage import Stage

NAMES = (
    *("ok", "code", "error_code", "error", "message", "data", "issues", "level", "clientEventId", "shouldRetry"),
    *("acceptedClientEventIds", "rejectedClientEventIds", "retryClientEventIds", "deckId", "recRequestId", "cards"),
    *("mediaItemId", "position", "dedupeKey", "assignments", "results", "suggestions", "id", "user_id", "kind"),
    *("created_at", "media_item", "tmdb_id", "media_type", "imdb_id", "conversation_id", "participants", "avatarUrl"),
    *("conversationId", "assistant", "body", "deleted", "user", "access_token", "refresh_token", "expires_in"),
    *("aiError", "is_typing", "is_queued", "is_group", "client_id"),
)
TREES = trees(NAMES)
STATUSES = st.sampled_from([200, 204, 302, 400, 401, 403, 404, 409, 413, 429, 500, 503, 599])
CALLS = st.sampled_from(sorted({*DECKS, *EVENTS, *ROWS, "home_feed"}))
READERS: dict[str, Callable[[Any], object]] = {
    "deck": shapes.deck,
    "feed": shapes.feed,
    "assignments": shapes.assignments,
    "rows": shapes.rows,
    "found_titles": shapes.found_titles,
    "external_titles": shapes.external_titles,
    "imdb_id": shapes.imdb_id,
    "suggestion_ids": shapes.suggestion_ids,
    "table_rows": shapes.table_rows,
    "synced_titles": shapes.synced_titles,
    "summaries": lambda data: chat_shapes.summaries(data, ID),
    "messages": chat_shapes.messages,
    "message": chat_shapes.message,
    "conversation_id": chat_shapes.conversation_id,
    "assistant_id": chat_shapes.assistant_id,
    "reply_status": reply_status,
    "event_reply": lambda data: event_reply(200, data),
    "account": lambda data: Account.from_reply(data, 0.0),
    "refused_join": lambda data: refusal.join(refusal.reason_of(data)),
    "refused_push": refusal.push,
}


@given(st.sampled_from(list(Service)), STATUSES, CALLS, TREES)
def test_every_reply_has_an_outcome(service: Service, status: int, call: str, data: Any) -> None:
    reading = judge(service, status, data)
    assert isinstance(reading.code, str)
    assert rows_written(call, reading) >= 0
    read_status(service, status, b"{}")


@given(TREES)
def test_every_reader_takes_any_tree(data: Any) -> None:
    for reader in READERS.values():
        reader(data)


_PLAIN: list[Any] = [5, True, 0.5, "", "text", ID, None, [], {}, [None]]
ANY: dict[str, Any] = {
    **{repr(value): value for value in _PLAIN},
    "nested": nested(DEEP),
}


@pytest.mark.parametrize("value", list(ANY.values()), ids=list(ANY))
@pytest.mark.parametrize("service", list(Service))
def test_any_value_of_any_member(service: Service, value: Any) -> None:
    for name in NAMES:
        row = dict.fromkeys(NAMES, value)
        for data in ({name: value}, {name: [row]}, {name: row}, [{name: value}]):
            for status in (200, 400, 500):
                assert isinstance(judge(service, status, data).code, str)
            events = {"acceptedClientEventIds": [], **data} if isinstance(data, dict) else data
            judge(Service.EVENTS, 200, events)
            for reader in READERS.values():
                reader(data)


@given(
    st.binary(max_size=60)
    | TREES.map(lambda tree: b"event: done\ndata: " + _json(tree))
    | TREES.map(lambda tree: _json(tree))
)
def test_any_bytes_are_read(body: bytes) -> None:
    for service in Service:
        assert isinstance(read(service, 200, body).code, str)
        assert isinstance(read_reply(service, 200, body).code, str)
        assert isinstance(read_status(service, 200, body).code, str)
        refusal.upgrade(403, body)
        refusal.unfinished(b"HTTP/1.1 403 X\r\n\r\n" + body)


def _json(tree: Any) -> bytes:
    try:
        return orjson.dumps(tree)
    except orjson.JSONEncodeError:  # too deep for it
        return b"[" * DEEP + b"]" * DEEP


@pytest.mark.parametrize("text", ["", "x", "é", "9" * 33, "00000000-0000-4000-8000-00000000000g", "{}", "urn:uuid:"])
def test_an_id_that_is_none_is_noted_as_none(text: str) -> None:
    ledger = Ledger(1)
    entry = ledger.intend(WriteKind.RATING, 1, 0.0, subject=text, object_=text)
    ledger.step(entry, WriteStep.ACKNOWLEDGED, 0.1, row=text)
    for rows in ledger.take():
        rows.batch()


@pytest.mark.parametrize("text", [None, "", "x", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026"])
def test_any_text_is_an_instant_or_none(text: str | None) -> None:
    epoch_us(text)


FRAME_NAMES = (
    "status",
    "response",
    "postgres_changes",
    "id",
    "ids",
    "data",
    "type",
    "table",
    "record",
    "old_record",
    "errors",
    "commit_timestamp",
    "event",
    "payload",
    "meta",
    "joins",
    "leaves",
    "message",
    "extension",
    "reason",
)
FRAMES = st.lists(
    st.tuples(
        st.sampled_from(["phx_reply", "postgres_changes", "broadcast", "presence_state", "presence_diff", "system"]),
        trees(FRAME_NAMES) | st.dictionaries(st.sampled_from(FRAME_NAMES), trees(FRAME_NAMES), max_size=4),
        st.sampled_from([None, "1", "2", "3"]),
    ),
    max_size=5,
)


@given(st.sampled_from(sorted(GENERATIONS)), FRAMES)
@settings(max_examples=25, deadline=None)
def test_no_frame_makes_a_channel_raise(name: str, frames: list[tuple[str, Any, str | None]]) -> None:
    generation = GENERATIONS[name]
    stage = Stage(generation)
    stage.joins = "silent"
    channel = stage.channel("a", Binding("*", "public", "messages")).subscribe().channel
    for listen in (channel.on_change, channel.on_presence, channel.on_system):
        listen(lambda _: None)
    channel.on_broadcast("*", lambda _: None)
    channel.track({})
    stage.run(0.1)
    for event, payload, ref in frames:
        member = _json(payload)
        data = b'{"event":"%s","payload":%s,"ref":%s,"topic":"realtime:a"}' % (event.encode(), member, _json(ref))
        if generation.version == "2.0.0":
            data = b'[%s,%s,"realtime:a","%s",%s]' % (_json(ref), _json(ref), event.encode(), member)
        stage.connection.received(data, stage.now, binary=False)
        stage.run(0.1)
    assert stage.problems == []


@pytest.mark.parametrize("token", ["a\r\nx: y", "a\nb", "a\0b", "a" * 65_537, "a\u2028b", 5, None, ["a"], "\x7f"])
def test_what_fits_into_no_header_is_no_token(token: Any) -> None:
    reply = {"user": {"id": "u"}, "access_token": "t", "refresh_token": "r", "expires_in": 3600}
    assert Account.from_reply(reply, 0.0) is not None
    assert Account.from_reply(reply | {"access_token": token}, 0.0) is None
    assert Account.from_reply(reply | {"refresh_token": token}, 0.0) is None


def test_a_stream_of_endless_events_or_lines_is_read_to_a_limit() -> None:
    done = b'event: done\ndata: {"ok": true}\n\n'
    for endless in (b"data: 1\n\n" * 30_000, b"event: x\n\n" * 30_000):
        reading = read_reply(Service.FUNCTION, 200, endless + done)
        assert (reading.outcome, reading.code) == (Outcome.SOFT_FAILURE, NO_END)
    assert read_reply(Service.FUNCTION, 200, b"data: 1\n" * 30_000 + b"\n" + done).outcome is Outcome.OK

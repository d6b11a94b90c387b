"""Each operator by itself: what it does to a request, a reply, a message."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client.events.swipe_event import event_reply
from harness.core.outcome import Outcome
from harness.prove.mutants import rows
from harness.prove.mutants.catalogue import CALL_OPERATORS, SIGNAL_OPERATORS
from harness.prove.mutants.envelope import Envelope, envelope, frame_payload, text_frame
from harness.prove.mutants.exchange import CallReply, CallRequest, made, unchunked
from harness.prove.mutants.operators.base import (
    CallOperator,
    Delivery,
    Ending,
    Handling,
    MutantState,
    SignalOperator,
    SocketMessage,
)
from harness.prove.mutants.operators.slow_drift import PER_SECOND

A, B = "6f1c3a52-0000-4000-8000-00000000000a", "6f1c3a52-0000-4000-8000-00000000000b"
ROWS = [
    {"id": A, "text": "one", "likes": 3, "created_at": "2026-11-29T22:00:00+00:00"},
    {"id": B, "text": "two", "likes": 4, "created_at": "2026-11-29T21:00:00+00:00"},
]

ACCOUNT = {"id": A, "app_metadata": {"providers": ["email"]}, "identities": [{"identity_id": B}]}


def bearer(person: str) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"sub": person}).encode()).rstrip(b"=").decode()
    return f"Bearer e30.{claims}.x"


def asked(
    method: str = "GET", target: str = "/rest/v1/x", body: Any = None, *, who: str = "a", **more: str
) -> CallRequest:
    raw = b"" if body is None else orjson.dumps(body)
    headers = {"authorization": bearer(who), "content-length": str(len(raw))} | more
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return CallRequest(f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode(), raw, headers, method, target)


def operator(name: str) -> CallOperator:
    (found,) = [one for one in CALL_OPERATORS if one.name == name]
    return found


def signal(name: str) -> SignalOperator:
    (found,) = [one for one in SIGNAL_OPERATORS if one.name == name and one.needs.name != "JOIN"]
    return found


def handled(name: str, request: CallRequest, state: MutantState | None = None) -> Handling:
    found = operator(name).handle(request, state or MutantState())
    assert found is not None
    return found


def replied(name: str, data: Any, state: MutantState | None = None, request: CallRequest | None = None) -> Any:
    """What the phone reads; None when the operator leaves the reply alone."""
    found = operator(name).reply(request or asked(), made(200, data), state or MutantState())
    return None if found is None else found.json


# ---- requests that fail -------------------------------------------------------------------------------------------


def test_no_reply_and_closed_let_the_server_do_its_work() -> None:
    request = asked("POST", body={"a": 1})
    assert handled("no_reply", request) == Handling((request,), ending=Ending.SILENCE)
    assert handled("closed", request) == Handling((request,), ending=Ending.CLOSED)


@pytest.mark.parametrize(("name", "status"), [("client_error", 400), ("server_error", 500)])
def test_a_refusal_reaches_no_server(name: str, status: int) -> None:
    found = handled(name, asked())
    assert found.forwarded == ()
    assert found.answer is not None
    assert found.answer.status == status


def test_slow_replies_are_the_servers_own() -> None:
    request = asked()
    for name in ("slow_constant", "slow_tail"):
        found = handled(name, request)
        assert found.forwarded == (request,)
        assert found.delay_s >= 10
    assert operator("slow_tail").one_in > 1
    assert operator("slow_drift").handle(request, MutantState()) is None, "not from the start"
    assert handled("slow_drift", request, MutantState(age_s=7)).delay_s == 7 * PER_SECOND


# ---- replies that are wrong ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "nothing"),
    [(ROWS, []), ({"deckId": A, "cards": ROWS}, {"deckId": A, "cards": []}), ({"a": 1}, {}), (ACCOUNT, {})],
)
def test_empty(data: Any, nothing: Any) -> None:
    assert replied("empty", data) == nothing
    assert replied("empty", nothing) is None, "what is empty already is no hit"


def test_lists_of_an_account_that_the_app_does_not_read_are_no_rows() -> None:
    assert replied("repeated", ACCOUNT) is None


def test_truncated_is_no_json_under_the_right_length() -> None:
    reply = operator("truncated").reply(asked(), made(200, ROWS), MutantState())
    assert reply is not None
    assert reply.json is None
    assert reply.headers["content-length"] == str(len(reply.body))


def test_wrong_content_type_keeps_the_body() -> None:
    reply = operator("wrong_content_type").reply(asked(), made(200, ROWS), MutantState())
    assert reply is not None
    assert reply.json == ROWS
    assert reply.head.lower().count(b"content-type:") == 1
    assert b"text/html" in reply.head


def test_stale_is_the_same_persons_first_reply_of_the_same_path() -> None:
    state = MutantState()
    state.memory.note(asked(), made(200, ROWS[:1]))
    state.memory.note(asked(), made(200, ROWS))
    assert replied("stale", ROWS, state) == ROWS[:1]
    assert replied("stale", ROWS, state, asked(target="/rest/v1/x?page=2")) is None
    assert replied("stale", ROWS, state, asked(who="b")) is None
    assert replied("stale", ROWS[:1], state) is None, "the same again is no hit"


def test_foreign_is_another_persons_reply() -> None:
    state = MutantState()
    state.memory.note(asked(who="b", target="/rest/v1/x?of=b"), made(200, ROWS[1:]))
    assert replied("foreign", ROWS[:1], state) == ROWS[1:]
    assert replied("foreign", ROWS[:1], state, asked(who="b")) is None


def test_a_reply_that_differs_in_what_the_app_does_not_read_is_no_other() -> None:
    waiting = {
        "ok": True,
        "is_typing": False,
        "is_queued": True,
        "jobKind": "reply",
        "nextRunAt": "2026-11-29T22:00:00Z",
    }
    later = waiting | {"nextRunAt": "2026-11-29T22:00:07Z", "retryAfterSec": 3}
    idle = {"ok": True, "is_typing": False, "is_queued": False}
    for name, who in (("stale", "a"), ("foreign", "b")):
        state = MutantState(call="assistant_status")
        state.memory.note(asked(who=who), made(200, waiting))
        assert replied(name, later, state) is None
        assert replied(name, idle, state) == waiting
        state.call = "another_call"
        assert replied(name, later, state) == waiting


def test_people_without_a_token_are_told_apart_by_name() -> None:
    state = MutantState()
    state.memory.note(asked("POST", body={"email": "b@x"}, authorization="Bearer anon"), made(200, {"id": B}))
    mine = asked("POST", body={"email": "a@x"}, authorization="Bearer anon")
    assert replied("foreign", {"id": A}, state, mine) == {"id": B}


def test_repeated_and_reordered() -> None:
    assert replied("repeated", ROWS) == [ROWS[0], ROWS[0], ROWS[1], ROWS[1]]
    assert replied("reordered", {"cards": ROWS, "n": [1]}) == {"cards": ROWS[::-1], "n": [1]}
    assert replied("reordered", ROWS[:1]) is None
    assert replied("repeated", {"a": 1}) is None


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("other_id", "id", "6f1c3a52-0000-4000-8000-00000000000b"),
        ("other_text", "text", "eno"),
        ("other_figure", "likes", 4),
        ("other_time", "created_at", "2026-11-29T17:00:00+00:00"),
    ],
)
def test_one_field_of_every_row_is_another_one(name: str, field: str, value: Any) -> None:
    state = MutantState()
    changed = replied(name, ROWS, state)
    assert changed[0] == ROWS[0] | {field: value}
    assert changed[1] != ROWS[1]
    assert state.changed == field


def test_a_failure_is_not_made_worse() -> None:
    for one in CALL_OPERATORS:
        if one.name != "truncated":
            assert one.reply(asked(), made(500, {"message": "no"}), MutantState()) is None, one.name


# ---- writes -------------------------------------------------------------------------------------------------------


def test_what_is_stored_is_another_thing() -> None:
    sent = {"item": {"text": "hello", "rating": 8, "at": "2026-11-29T22:00:00Z", "id": A}}
    for name, field, value in (
        ("stored_other_text", "text", "olleh"),
        ("stored_other_figure", "rating", 9),
        ("stored_other_time", "at", "2026-11-29T17:00:00Z"),
        ("stored_other_id", "id", B),
    ):
        (forwarded,) = handled(name, asked("POST", body=sent)).forwarded
        assert forwarded.json == {"item": sent["item"] | {field: value}}
        assert forwarded.headers["content-length"] == str(len(forwarded.raw_body))
    assert operator("stored_other_text").handle(asked("POST"), MutantState()) is None


def test_acknowledged_and_lost_says_what_the_server_would() -> None:
    lost = handled("acknowledged_and_lost", asked("POST", "/rest/v1/follows", {"a": 1}))
    assert lost.forwarded == ()
    assert lost.answer is not None
    assert lost.answer.status == 201
    sent = {"client_id": A, "text": "hello"}
    single = {"prefer": "return=representation"}
    row = handled("acknowledged_and_lost", asked("POST", "/rest/v1/messages", sent, **single)).answer
    assert row is not None
    assert row.json | sent == row.json
    assert row.json["id"]
    edited = asked("PATCH", f"/rest/v1/messages?id=eq.{B}&select=id", {"text": "x"}, **single)
    row = handled("acknowledged_and_lost", edited).answer
    assert row is not None
    assert (row.status, row.json["id"], row.json["text"]) == (200, B, "x")


@pytest.mark.parametrize(
    "body", [{"items": [{"events": [{"clientEventId": A}]}, {"events": [{"clientEventId": B}]}]}, {"clientEventId": A}]
)
def test_lost_events_are_accepted_as_the_app_reads_it(body: Any) -> None:
    answer = handled("acknowledged_and_lost", asked("POST", "/functions/v1/media-swipe-event", body)).answer
    assert answer is not None
    read = event_reply(answer.status, answer.json)
    assert read is not None
    assert read.outcome_of(A) is Outcome.OK


def test_a_function_is_answered_with_an_earlier_reply_of_it() -> None:
    state, request = MutantState(), asked("POST", "/functions/v1/anything", {})
    assert operator("acknowledged_and_lost").handle(request, state) is None
    state.memory.note(request, made(200, {"ok": True}))
    answer = handled("acknowledged_and_lost", request, state).answer
    assert answer is not None
    assert answer.json == {"ok": True}


def test_not_deleted() -> None:
    found = handled("not_deleted", asked("DELETE", "/rest/v1/follows?a=eq.1"))
    assert found.forwarded == ()
    assert found.answer is not None
    assert (found.answer.status, found.answer.body) == (204, b"")


def test_stored_twice() -> None:
    request = asked("POST", body={"client_id": A, "text": "x"})
    assert handled("stored_twice", request).forwarded == (request, request)
    first, second = handled("stored_twice_anew", request).forwarded
    assert first is request
    assert second.json["client_id"] != A
    assert second.json["text"] == "x"
    assert operator("stored_twice_anew").handle(asked("POST", body={"text": "x"}), MutantState()) is None


# ---- Realtime -----------------------------------------------------------------------------------------------------


def heard(topic: str, text: str, version: int = 2, socket: int = 1) -> SocketMessage:
    payload = {"ids": [1], "data": {"table": "messages", "type": "INSERT", "record": {"id": A, "text": text}}}
    said = Envelope(version, topic, "postgres_changes", payload, None, None)
    return SocketMessage(socket, topic, said.encoded(), said)


def test_silence_begins_after_the_first_message_of_a_topic() -> None:
    state, silence = MutantState(), signal("silence")
    assert silence.deliver(heard("t", "one"), state) is None
    assert silence.deliver(heard("t", "two"), state) == Delivery()
    assert silence.deliver(heard("t", "three", socket=2), state) is None


def test_dropped_repeated_late_closed() -> None:
    message = heard("t", "one")
    assert signal("dropped").deliver(message, MutantState()) == Delivery()
    assert signal("repeated").deliver(message, MutantState()) == Delivery((message.data, message.data))
    late = signal("late").deliver(message, MutantState())
    assert late is not None
    assert (late.now, late.late) == ((), (message.data,))
    closed = signal("closed").deliver(message, MutantState())
    assert closed is not None
    assert closed.close


def test_reordered_swaps_two() -> None:
    state, one, two = MutantState(), heard("t", "one"), heard("t", "two")
    first = signal("reordered").deliver(one, state)
    assert first is not None
    assert (first.now, first.held) == ((), one.data)
    assert signal("reordered").deliver(two, state) == Delivery((two.data, one.data))
    assert state.held == {}


@pytest.mark.parametrize("seed", range(4))
def test_the_id_of_a_delivery_receipt_is_left_alone(seed: int) -> None:
    """Whether there is one for everybody is all that is shown."""
    state = MutantState(seed, "realtime:message_delivery_receipts")
    row = {"id": A, "message_id": B}
    said = Envelope(2, "t", "postgres_changes", {"ids": [1], "data": {"record": row}}, None, None)
    assert signal("other_id").deliver(SocketMessage(1, "t", said.encoded(), said), state) is not None
    assert state.changed == "message_id"


@pytest.mark.parametrize("version", [1, 2])
def test_a_change_reaches_the_wrong_channel(version: int) -> None:
    state, wrong = MutantState(), signal("wrong_recipient")
    assert wrong.deliver(heard("t", "for t", version), state) is None
    found = wrong.deliver(heard("u", "for u", version), state)
    assert found is not None
    (said,) = found.now
    assert isinstance(said, Envelope)
    assert said.topic == "u"
    assert said.change is not None
    assert said.change["record"]["text"] == "for t"


def test_a_change_says_something_else() -> None:
    found = signal("other_text").deliver(heard("t", "hello"), MutantState())
    assert found is not None
    (said,) = found.now
    assert isinstance(said, Envelope)
    assert said.change is not None
    assert said.change["record"] == {"id": A, "text": "olleh"}


def test_a_join_is_refused_once_it_was_granted() -> None:
    (refused,) = [one for one in SIGNAL_OPERATORS if one.name == "refused"]
    granted = Envelope(1, "t", "phx_reply", {"status": "ok", "response": {}}, "1", "1")
    found = refused.deliver(SocketMessage(1, "t", granted.encoded(), granted), MutantState())
    assert found is not None
    (said,) = found.now
    assert isinstance(said, Envelope)
    assert said.payload["status"] == "error"
    assert said.ref == "1"


# ---- what they are made of ----------------------------------------------------------------------------------------

TEXTS = st.text(max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | TEXTS | st.just(A) | st.just("2026-11-29T22:00:00Z"),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
EDITS = (
    (rows.is_id, rows.another_id),
    (rows.is_text, rows.another_text),
    (rows.is_figure, rows.another_figure),
    (rows.is_instant, rows.another_instant),
)


@given(JSON, st.sampled_from(EDITS), st.integers(0, 3))
def test_an_edit_changes_one_field_of_a_copy(data: Any, edit: Any, seed: int) -> None:
    test, change = edit
    before = orjson.dumps(data)
    found = rows.edited(data, test, change, seed)
    assert orjson.dumps(data) == before
    assert bool(found.field) == (found.data != data) or not found.field
    same = [
        key for (_, key), (_, other) in zip(rows.leaves(data), rows.leaves(found.data), strict=True) if key == other
    ]
    assert len(same) == len([*rows.leaves(data)])
    for (old, key), (new, _) in zip(rows.leaves(data), rows.leaves(found.data), strict=True):
        assert key == found.field or old[key] == new[key]


@given(JSON)
def test_every_operator_leaves_its_arguments_alone_and_answers_in_whole_messages(data: Any) -> None:
    request, reply = asked("POST", body=data), made(200, data)
    before = (request.raw, reply.raw, orjson.dumps([request.json, reply.json]))
    for one in CALL_OPERATORS:
        state = MutantState(age_s=1)
        state.memory.note(asked("POST", body=data, who="b"), made(200, ROWS))
        one.handle(request, state)
        other = one.reply(request, reply, state)
        if other is not None:
            assert other.raw.startswith(b"HTTP/1.1 200 ")
            assert other.head.endswith(b"\r\n\r\n")
            assert int(other.headers["content-length"]) == len(other.raw_body)
        assert (request.raw, reply.raw, orjson.dumps([request.json, reply.json])) == before


def test_bodies_are_read_through_chunks_and_gzip() -> None:
    body = gzip.compress(orjson.dumps(ROWS))
    raw = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:7], body[7:])) + b"0\r\n\r\n"
    assert unchunked(raw) == body
    headers = {"transfer-encoding": "chunked", "content-encoding": "gzip"}
    reply = CallReply(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n", raw, headers)
    assert reply.json == ROWS
    plain = reply.with_json([])
    assert plain.raw == b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]"


@given(st.binary(max_size=70_000))
def test_a_frame_carries_its_payload(data: bytes) -> None:
    assert frame_payload(text_frame(data)) == data


def test_an_envelope_is_read_as_it_was_written() -> None:
    for version in (1, 2):
        said = Envelope(version, "t", "e", {"a": [1]}, "7", "3")
        assert envelope(said.encoded()) == said
    assert envelope(b"no") is None
    assert envelope(b"[1]") is None

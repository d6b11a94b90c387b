"""Which bodies are JSON to the edge runtime, and what becomes of values that Python and JavaScript write otherwise."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.functions import envelope, js, js_json
from sandbox.server import Sandbox, SandboxOptions
from tests.sandbox.signed_in import Person, enter, sql

DEEP = 5000
EVENTS = "media-swipe-event"
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def someone() -> Iterator[Person]:
    with Sandbox(SandboxOptions(people=5, catalogue=20)) as running:
        yield enter(running, 0)


@given(JSON)
def test_the_slow_reader_reads_what_the_fast_one_reads(value: Any) -> None:
    for text in (json.dumps(value), json.dumps(value, indent=1), json.dumps(value, ensure_ascii=False)):
        assert js_json.parse(text) == json.loads(text)


@pytest.mark.parametrize(
    "body",
    [
        *("", " ", "{", "[", "{}]", "{},", "[1,]", '{"a":1,}', "{'a':1}", "{a:1}", "01", "+1", "1.", ".5", "1e", "-"),
        *("NaN", "Infinity", "tru", "undefined", '"\x01"', '"a', "\ufeff{}", "\u00a0{}", "\x0b{}", "1 2", '{"a" 1}'),
    ],
)
def test_what_is_no_json(body: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        envelope.parse_json(body.encode())
    with pytest.raises(ValueError, match=r"."):
        js_json.parse(body)


def test_depth_huge_numbers_and_half_pairs_are_no_error() -> None:
    for start, inner, end in (("[", "", "]"), ('{"a":', "1", "}")):
        text = start * DEEP + inner + end * DEEP
        assert js_json.dumps(envelope.parse_json(text.encode())).decode() == text
    assert envelope.parse_json(b'{"a":1e400,"b":-1e400}') == {"a": math.inf, "b": -math.inf}
    assert js.stringify({"a": math.inf}) == '{"a":null}'
    half = envelope.parse_json(b'{"a":"x\\ud83d"}')
    assert half == {"a": "x\ud83d"}
    assert js_json.dumps(half) == b'{"a":"x\\ud83d"}'
    assert envelope.parse_json(b'{"a":"\xff"}') == {"a": "\ufffd"}
    assert envelope.parse_json(b"123456789012345678901234567890") == 123456789012345678901234567890.0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([1, [2, []], None, []], "1,2,,,"),
        ([], ""),
        ({}, "[object Object]"),
        (1e21, "1e+21"),
        (-0.0, "0"),
        (True, "true"),
    ],
)
def test_texts_of_values(value: Any, text: str) -> None:
    assert js.string(value) == text


def test_javascript_s_own_ways() -> None:
    assert js.trim("\ufeff\u00a0 x\x1f ") == "x\x1f"
    values: tuple[Any, ...] = (0, "", None, False, [], {}, "0", -1)
    assert [js.truthy(value) for value in values] == [False] * 4 + [True] * 4
    assert js.spread("ab") == {"0": "a", "1": "b"}
    assert js.unique([1, True, "1", 1.0, [], [], None, None]) == [1, True, "1", [], [], None]
    assert (js.length("a😀"), js.first("a😀", 2), js.first("abc", 9)) == (3, "a\ud83d", "abc")


@pytest.mark.parametrize(
    "body",
    [b'{"emailActivity":true,"more":1e400}', b'{"emailActivity":true,"more":' + b"[" * 2000 + b"]" * 2000 + b"}"],
)
def test_a_function_takes_them(someone: Person, body: bytes) -> None:
    reply = someone.raw("update-notification-prefs", body, content_type="application/json")
    assert (reply.status_code, reply.json()["preferences"]["emailActivity"]) == (200, True)


def test_a_function_does_not_take_a_byte_order_mark(someone: Person) -> None:
    reply = someone.raw("update-notification-prefs", b"\xef\xbb\xbf{}", content_type="application/json")
    assert (reply.status_code, reply.json()["message"]) == (400, "Invalid JSON body")


def test_half_a_pair_in_an_event_is_rejected_and_not_stored(someone: Person) -> None:
    title = str(sql(someone.sandbox, "select id::text from public.media_items limit 1")[0][0])
    event = {
        **{"clientEventId": str(uuid.uuid4()), "eventType": "like", "mediaItemId": title},
        **{"sessionId": str(uuid.uuid4()), "deckId": str(uuid.uuid4()), "payload": {"note": "x\ud83d"}},
    }
    body = json.dumps(event).encode()
    assert b"\\ud83d" in body
    reply = someone.raw(EVENTS, body, content_type="application/json")
    assert reply.status_code == 200, reply.text
    answer = reply.json()
    assert (answer["rejectedClientEventIds"], answer["shouldRetry"]) == ([event["clientEventId"]], False), reply.text
    assert "DB_REJECTED" in [issue["code"] for issue in answer["issues"]]
    stored = "select count(*) from public.media_events where client_event_id = $1::text::uuid"
    assert sql(someone.sandbox, stored, event["clientEventId"])[0][0] == 0

"""What the database refuses, REST and media-swipe-event say with one voice; and JSON that only JavaScript takes."""

from __future__ import annotations

import json
import uuid
from typing import Any

import asyncpg
import pytest

from sandbox.functions.events.store import StoreError
from sandbox.rest.errors import connection_refused
from sandbox.rest.faults import refusal
from sandbox.server import Sandbox
from tests.sandbox.answers_deck.conftest import SESSION, Swiper
from tests.sandbox.signed_in import sql


@pytest.fixture(scope="module")
def trouble(sandbox: Sandbox) -> None:
    """Events with `source` `fail:<SQLSTATE>` fail with that code, from now on.

    The trigger stays: to drop it would wait for whoever reads events after a reply, and they might wait for it.
    """
    sql(
        sandbox,
        "create or replace function public.test_trouble() returns trigger language plpgsql as $$ begin"
        " raise exception 'made to fail' using errcode = substr(new.source, 6); end $$",
    )
    sql(
        sandbox,
        "create or replace trigger test_trouble before insert on public.media_events for each row"
        " when (new.source like 'fail:%') execute function public.test_trouble()",
    )


def event(**fields: Any) -> dict[str, Any]:
    """One event in the single form."""
    return {"sessionId": SESSION, "mediaItemId": str(uuid.uuid4()), "eventType": "like", **fields}


def told(reply: dict[str, Any]) -> str:
    """What became of a reply's only event."""
    lists = ("acceptedClientEventIds", "rejectedClientEventIds", "retryClientEventIds")
    (name,) = [name for name in lists if reply[name]]
    return name.removesuffix("ClientEventIds")


@pytest.mark.usefixtures("trouble")
@pytest.mark.parametrize(
    ("state", "status", "fate"),
    [
        ("08000", 503, "retry"),
        ("08003", 503, "retry"),
        ("08006", 503, "retry"),
        ("08P01", 503, "retry"),
        ("57P01", 503, "retry"),
        ("53300", 503, "retry"),
        ("40001", 500, "retry"),
        ("P0001", 400, "retry"),
        ("23505", 409, "rejected"),
        ("42501", 403, "rejected"),
        ("22003", 400, "rejected"),
    ],
)
def test_an_sqlstate_reads_the_same_on_both_ways(swiper: Swiper, state: str, status: int, fate: str) -> None:
    row = {
        "user_id": swiper.id,
        "session_id": SESSION,
        "media_item_id": str(uuid.uuid4()),
        "event_type": "like",
        "dedupe_key": str(uuid.uuid4()),
        "source": f"fail:{state}",
    }
    direct = swiper.person.client.post("/rest/v1/media_events", json=row, headers=swiper.person.headers)
    assert (direct.status_code, direct.json()["code"]) == (status, state)
    reply = swiper.person.call("media-swipe-event", event(source=f"fail:{state}")).json()
    assert reply["issues"][0]["meta"] == {"message": direct.json()["message"], "code": direct.json()["code"]}
    assert told(reply) == fate
    assert reply["shouldRetry"] is (fate == "retry")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation"), "PGRST001"),
        (asyncpg.InterfaceError("connection is closed"), "PGRST001"),
        (ConnectionResetError("reset"), "PGRST001"),
    ],
)
def test_a_lost_connection_is_for_good_as_postgrest_says_it(error: Exception, code: str) -> None:
    """The application takes all of PostgREST's own codes for deterministic (T01)."""
    answer = refusal(error, signed_in=True)
    assert (answer.status, answer.code) == (503, code)
    assert StoreError(answer.code, answer.message).final
    assert StoreError(connection_refused(error).code, "").final
    assert not StoreError("08006", "").final


HALF = "\ud800"


@pytest.mark.parametrize(
    "fields",
    [
        {"payload": {"a": HALF}},
        {"payload": {HALF: 1}},
        {"payload": {"1": HALF}},
        {"payload": {"a": {"b": HALF}}},
        {"payload": {"a": [HALF]}},
        {"source": HALF},
    ],
)
def test_half_a_surrogate_pair_is_rejected_and_not_stored(swiper: Swiper, fields: dict[str, Any]) -> None:
    one = event(**fields)
    reply = swiper.person.raw("media-swipe-event", json.dumps(one).encode())
    assert reply.status_code == 200
    assert told(reply.json()) == "rejected"
    assert reply.json()["issues"][0]["meta"] == {"message": "Empty or invalid json", "code": "PGRST102"}
    assert not swiper.sql("select 1 from public.media_events where media_item_id = $1", uuid.UUID(one["mediaItemId"]))


@pytest.mark.parametrize(
    ("fields", "issue"),
    [
        ({"eventType": HALF}, {"code": "BAD_INPUT", "message": f"Invalid eventType: {HALF}"}),
        ({"clientEventId": HALF}, {"code": "CLIENT_EVENT_ID_REPLACED", "meta": {"replacedFrom": HALF}}),
        ({"deckId": HALF}, {"code": "DECK_CONTEXT_DROPPED"}),
    ],
)
def test_half_a_surrogate_pair_comes_back_escaped(
    swiper: Swiper, fields: dict[str, Any], issue: dict[str, Any]
) -> None:
    reply = swiper.person.raw("media-swipe-event", json.dumps(event(**fields)).encode())
    assert reply.status_code == 200
    assert b"\\ud800" in reply.content
    said = json.loads(reply.content)["issues"][0]
    assert {name: said[name] for name in issue} == issue


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ('{"a": 1e400}', '{"a": null}'),
        (f'{{"a": {"[" * 2000}{"]" * 2000}}}', None),
        (f"{'[' * 2000}{']' * 2000}", None),
        ('{"a": "\\ud83d\\ude00"}', '{"a": "\U0001f600"}'),
        ('{"a": "\\\\ud800"}', '{"a": "\\\\ud800"}'),
    ],
    ids=["beyond floats", "deep value", "deep", "pair", "escaped"],
)
def test_json_that_only_javascript_takes(swiper: Swiper, raw: str, kept: str | None) -> None:
    one = event()
    body = json.dumps(one)[:-1] + f', "payload": {raw}}}'
    reply = swiper.person.raw("media-swipe-event", body.encode())
    assert told(reply.json()) == "accepted"
    rows = swiper.sql(
        "select payload::text as payload from public.media_events where media_item_id = $1",
        uuid.UUID(one["mediaItemId"]),
    )
    assert len(rows) == 1
    if kept is not None:
        assert rows[0]["payload"] == kept


@pytest.mark.parametrize("space", ["\ufeff", "\u00a0", "\u2028"])
def test_ids_are_trimmed_as_javascript_does(swiper: Swiper, space: str) -> None:
    one = event()
    reply = swiper.person.raw("media-swipe-event", json.dumps({**one, "sessionId": space + SESSION}).encode())
    assert told(reply.json()) == "accepted"
    reply = swiper.person.raw("media-swipe-event", json.dumps({**one, "sessionId": SESSION + "\x1c"}).encode())
    assert told(reply.json()) == "rejected"

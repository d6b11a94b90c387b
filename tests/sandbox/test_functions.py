"""The edge functions over real HTTP and a real database: replies, failures inside 200, rows and what follows them."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import asyncpg
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.functions import cors, experiments, js
from sandbox.functions.deck import order as deck_order
from sandbox.functions.events import keys as event_keys
from sandbox.limits import MemoryLimiter, subject_key
from sandbox.server import Sandbox, SandboxOptions
from sandbox.settings import PUBLIC, SERVER_ONLY, defaults, merged
from sandbox.switches import Switches
from sandbox.tokens import Keys
from tests.plain_http import NO_TLS

EVENT, DECK = "/functions/v1/media-swipe-event", "/functions/v1/media-swipe-deck"


@dataclass
class Person:
    """Somebody signed in to a sandbox."""

    sandbox: Sandbox
    client: httpx.Client
    id: str
    headers: dict[str, str]
    session: str

    def event(self, body: Any, **headers: str) -> dict[str, Any]:
        reply = self.client.post(EVENT, content=json.dumps(body), headers={**self.headers, **headers})
        assert reply.status_code == 200, reply.text
        return dict(reply.json())

    def deck(self, **body: Any) -> httpx.Response:
        return self.client.post(DECK, json={"sessionId": self.session, **body}, headers=self.headers)

    def item(self, *events: dict[str, Any], **base: Any) -> dict[str, Any]:
        return {"sessionId": self.session, "mediaItemId": str(uuid.uuid4()), **base, "events": list(events)}

    def rows(self, **where: Any) -> list[Any]:
        columns = " and ".join(f"{name} = ${number}" for number, name in enumerate(where, 2))
        return sql(
            self.sandbox,
            f"select * from public.media_events where user_id = $1 and {columns or 'true'} order by created_at",
            self.id,
            *where.values(),
        )

    def stored(self, event_id: str) -> list[Any]:
        return self.rows(client_event_id=uuid.UUID(event_id))


def sql(sandbox: Sandbox, statement: str, *arguments: Any) -> list[Any]:
    async def run() -> list[Any]:
        connection = await asyncpg.connect(sandbox.discovery["dsn"])
        try:
            return list(await connection.fetch(statement, *arguments))
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, run()).result()


def eventually(found: Callable[[], Any], within_s: float = 5) -> Any:
    deadline = time.monotonic() + within_s
    while True:
        value = found()
        if value or time.monotonic() > deadline:
            return value
        time.sleep(0.05)


def enter(sandbox: Sandbox, index: int) -> Person:
    document = sandbox.discovery
    headers = {"apikey": document["anon_key"]}
    client = httpx.Client(base_url=sandbox.url, timeout=20, verify=NO_TLS)
    people = document["people"]
    body = {"email": people["email_pattern"].format(index=index), "password": people["password"]}
    session = client.post("/auth/v1/token?grant_type=password", json=body, headers=headers).json()
    token = {"authorization": f"Bearer {session['access_token']}"}
    return Person(sandbox, client, session["user"]["id"], {**headers, **token}, str(uuid.uuid4()))


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=20, catalogue=160)) as running:
        yield running


_people = iter(range(1, 1000))


@pytest.fixture
def someone(sandbox: Sandbox) -> Iterator[Person]:
    person = enter(sandbox, next(_people) % 20)
    yield person
    person.client.close()


def like(**fields: Any) -> dict[str, Any]:
    return {"eventType": "like", "clientEventId": str(uuid.uuid4()), **fields}


def codes(reply: dict[str, Any]) -> list[str]:
    return [issue["code"] for issue in reply["issues"]]


# --- media-swipe-event: forms, keys, duplicates


def test_the_three_forms_are_stored_alike(someone: Person) -> None:
    single, batch, multi = like(), like(), like()
    base = {"sessionId": someone.session, "mediaItemId": str(uuid.uuid4()), "source": "search"}
    replies = [
        someone.event({**base, **single}),
        someone.event(someone.item(batch)),
        someone.event({"items": [someone.item(multi)]}),
    ]
    for reply, event in zip(replies, (single, batch, multi), strict=True):
        assert reply["acceptedClientEventIds"] == [event["clientEventId"]]
        assert (reply["sent"], reply["attempted"], reply["items"]) == (1, 1, 1)
        assert reply["shouldRetry"] is False
        assert len(someone.stored(event["clientEventId"])) == 1
    assert someone.stored(single["clientEventId"])[0]["source"] == "search"


def test_the_stored_key_is_the_documented_one(someone: Person) -> None:
    media, payload = str(uuid.uuid4()), {"action": "like", "n": 1.0, "10": "é", "x": {"deep": {}, "k": 2}}
    client_id = str(uuid.uuid4())
    event = {"eventType": "rating", "rating0_10": 7.0, "clientEventId": client_id, "payload": payload}
    someone.event({"items": [someone.item(event, mediaItemId=media)]})
    sanitized = '{"10":"é","action":"like","n":1,"x":{"k":2}}'
    digest = hashlib.sha256(sanitized.encode()).hexdigest()[:24]
    row = someone.stored(client_id)[0]
    assert row["dedupe_key"] == f"v2|{someone.session}|{media}|rating|-|-|r:7|p:{digest}"
    assert json.loads(row["payload"]) == {"10": "é", "action": "like", "n": 1, "x": {"k": 2}}


def test_a_retry_is_accepted_and_stored_once(someone: Person) -> None:
    item = someone.item(like(), {"eventType": "dwell", "dwellMs": 1500, "clientEventId": str(uuid.uuid4())})
    first, second = someone.event({"items": [item]}), someone.event({"items": [item]})
    assert first["acceptedClientEventIds"] == second["acceptedClientEventIds"]
    for event in item["events"]:
        assert len(someone.stored(event["clientEventId"])) == 1
    twin = {**item, "events": [{**item["events"][0], "clientEventId": str(uuid.uuid4())}]}
    assert someone.event({"items": [twin]})["sent"] == 1
    assert not someone.stored(twin["events"][0]["clientEventId"])  # equal content is one event, whatever its id


def test_a_flush_of_25_and_an_order_kept(someone: Person) -> None:
    items = [someone.item(like()) for _ in range(25)]
    reply = someone.event({"items": items})
    assert reply["acceptedClientEventIds"] == [item["events"][0]["clientEventId"] for item in items]
    assert reply["issues"] == []


# --- media-swipe-event: what is wrong inside a 200


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"eventType": "open"}, "Invalid eventType: open"),
        ({"eventType": None}, "Invalid eventType: "),
        ({"dwellMs": -1}, "Invalid dwellMs"),
        ({"dwellMs": "5"}, "Invalid dwellMs"),
        ({"rating0_10": 7.3}, "Invalid rating0_10"),
        ({"rating0_10": 11}, "Invalid rating0_10"),
        ({"inWatchlist": 1}, "Invalid inWatchlist"),
    ],
)
def test_bad_fields_reject_their_event_only(someone: Person, fields: dict[str, Any], message: str) -> None:
    good, bad = like(), like(**fields)
    reply = someone.event({"items": [someone.item(good, bad)]})
    assert reply["acceptedClientEventIds"] == [good["clientEventId"]]
    assert reply["rejectedClientEventIds"] == [bad["clientEventId"]]
    assert reply["issues"] == [
        {"level": "error", "code": "BAD_INPUT", "message": message, "clientEventId": bad["clientEventId"]}
    ]
    assert not someone.stored(bad["clientEventId"])


def test_bad_base_ids_reject_every_event_of_the_item(someone: Person) -> None:
    events = [like(), like()]
    reply = someone.event({"items": [someone.item(*events, sessionId="nope")]})
    assert reply["rejectedClientEventIds"] == [event["clientEventId"] for event in events]
    assert reply["issues"][0]["meta"]["sessionId"] == "nope"


def test_a_wrong_client_event_id_is_replaced(someone: Person) -> None:
    reply = someone.event({"items": [someone.item(like(clientEventId="abc"), like(clientEventId=None))]})
    assert codes(reply) == ["CLIENT_EVENT_ID_REPLACED"]
    assert reply["issues"][0]["meta"] == {"replacedFrom": "abc"}
    assert "abc" not in reply["acceptedClientEventIds"]
    assert reply["sent"] == 2


def test_a_bad_deck_context_is_dropped_whole(someone: Person) -> None:
    event = like()
    context = {"deckId": "x", "recRequestId": str(uuid.uuid4()), "position": 3}
    reply = someone.event({"items": [someone.item(event, **context)]})
    assert codes(reply) == ["DECK_CONTEXT_DROPPED"]
    row = someone.stored(event["clientEventId"])[0]
    assert (row["deck_id"], row["position"], row["rec_request_id"], row["served_dedupe_key"]) == (None,) * 4


def test_a_deck_without_a_served_identity_is_dropped_too(someone: Person) -> None:
    event = like()
    reply = someone.event({"items": [someone.item(event, deckId=str(uuid.uuid4()), position=3)]})
    assert codes(reply) == ["SERVED_KEY_MISSING"]
    assert someone.stored(event["clientEventId"])[0]["deck_id"] is None


@pytest.mark.parametrize("body", [b"{", b"", b"\xff\xfe"])
def test_bad_json_is_a_200_without_a_retry(someone: Person, body: bytes) -> None:
    reply = someone.client.post(EVENT, content=body, headers={**someone.headers, "x-request-id": "req-7"})
    assert reply.status_code == 200
    answer = reply.json()
    assert codes(answer) == ["BAD_JSON"]
    assert answer["shouldRetry"] is False
    assert (answer["requestId"], reply.headers["x-request-id"]) == ("req-7", "req-7")
    assert "sent" not in answer


def test_get_is_bad_json_as_well(someone: Person) -> None:
    assert codes(someone.client.get(EVENT, headers=someone.headers).json()) == ["BAD_JSON"]


@pytest.mark.parametrize(("body", "items"), [(None, 1), ({"items": []}, 0), ({"items": [None, 3]}, 2)])
def test_nothing_to_do_is_a_success(someone: Person, body: Any, items: int) -> None:
    reply = someone.event(body)
    assert (reply["attempted"], reply["items"], reply["issues"]) == (0, items, [])


def test_one_poisoned_row_does_not_take_the_others_along(someone: Person) -> None:
    good = [like(), like(payload={"n": 2})]
    fraction = {"eventType": "dwell", "dwellMs": 1200.5, "clientEventId": str(uuid.uuid4())}
    huge = {"eventType": "dwell", "dwellMs": 3_000_000_000, "clientEventId": str(uuid.uuid4())}
    reply = someone.event({"items": [someone.item(good[0]), someone.item(fraction, huge), someone.item(good[1])]})
    assert codes(reply) == ["BULK_UPSERT_FAILED", "DB_REJECTED", "DB_REJECTED"]
    assert reply["issues"][0]["meta"]["code"] == "22P02"
    assert reply["acceptedClientEventIds"] == [event["clientEventId"] for event in good]
    assert reply["rejectedClientEventIds"] == [fraction["clientEventId"], huge["clientEventId"]]
    assert reply["shouldRetry"] is False
    assert all(len(someone.stored(event["clientEventId"])) == 1 for event in good)


@pytest.fixture
def trouble(sandbox: Sandbox) -> Iterator[None]:
    """Events with `source` `fail:<SQLSTATE>` fail with that code."""
    sql(
        sandbox,
        """
        create or replace function public.test_trouble() returns trigger language plpgsql as $$ begin
          raise exception 'made to fail' using errcode = substr(new.source, 6); end $$
        """,
    )
    sql(
        sandbox,
        "create or replace trigger test_trouble before insert on public.media_events for each row "
        "when (new.source like 'fail:%') execute function public.test_trouble()",
    )
    yield
    sql(sandbox, "drop trigger test_trouble on public.media_events")


@pytest.mark.usefixtures("trouble")
@pytest.mark.parametrize(
    ("state", "listed", "code"),
    [
        ("40001", "retryClientEventIds", "DB_RETRY"),
        ("57014", "retryClientEventIds", "DB_RETRY"),
        ("53300", "retryClientEventIds", "DB_RETRY"),
        ("23514", "rejectedClientEventIds", "DB_REJECTED"),
        ("42501", "rejectedClientEventIds", "DB_REJECTED"),
    ],
)
def test_database_errors_are_sorted_by_their_class(someone: Person, state: str, listed: str, code: str) -> None:
    good, bad = like(), like()
    reply = someone.event({"items": [someone.item(good), someone.item(bad, source=f"fail:{state}")]})
    assert reply[listed] == [bad["clientEventId"]]
    assert reply["acceptedClientEventIds"] == [good["clientEventId"]]
    assert codes(reply) == ["BULK_UPSERT_FAILED", code]
    assert reply["shouldRetry"] is (code == "DB_RETRY")


def test_an_exception_leaves_accepted_ids_that_were_never_stored(someone: Person) -> None:
    event = like()
    reply = someone.event({"items": [someone.item(event), someone.item(like(), sessionId={"toString": 1})]})
    assert codes(reply) == ["UNEXPECTED"]
    assert reply["acceptedClientEventIds"] == [event["clientEventId"]]
    assert reply["shouldRetry"] is True
    assert "sent" not in reply
    assert not someone.stored(event["clientEventId"])


def test_issues_stop_at_200(someone: Person) -> None:
    reply = someone.event({"items": [someone.item(like(eventType="?")) for _ in range(230)]})
    assert (len(reply["issues"]), len(reply["rejectedClientEventIds"])) == (200, 230)


# --- media-swipe-event: who may


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({}, "MISSING_APIKEY"),
        ({"apikey": "wrong"}, "INVALID_APIKEY"),
        ({"apikey": "ANON"}, "MISSING_JWT"),
        ({"authorization": "Bearer x.y.z"}, "INVALID_SESSION"),
        ({"authorization": "Bearer ANON"}, "INVALID_SESSION"),
    ],
)
@pytest.mark.parametrize("path", [EVENT, DECK, "/functions/v1/create-direct-conversation"])
def test_the_gate(sandbox: Sandbox, path: str, headers: dict[str, str], code: str) -> None:
    anon = sandbox.discovery["anon_key"]
    reply = httpx.post(
        f"{sandbox.url}{path}", json={}, headers={name: value.replace("ANON", anon) for name, value in headers.items()}
    )
    body = reply.json()
    assert (reply.status_code, body["code"], body["ok"]) == (401, code, False)
    assert body["error"] == body["message"]
    assert body["requestId"] == reply.headers["x-request-id"]


def test_tokens_of_nobody_and_of_the_past(sandbox: Sandbox, someone: Person) -> None:
    keys = Keys(sandbox.discovery["jwt_secret"])
    for token in (
        keys.access_token(str(uuid.uuid4()), "a@b.test", lifetime_s=60, issuer="t"),
        keys.access_token(someone.id, "a@b.test", lifetime_s=-1, issuer="t"),
    ):
        reply = someone.client.post(EVENT, json={"items": []}, headers={"authorization": f"Bearer {token}"})
        assert (reply.status_code, reply.json()["code"]) == (401, "INVALID_SESSION")
    minted = keys.access_token(someone.id, "a@b.test", lifetime_s=60, issuer="t")
    reply = someone.client.post(EVENT, json={"items": []}, headers={"authorization": f"Bearer {minted}"})
    assert reply.status_code == 200


def test_a_wrong_api_key_beside_a_bearer_does_not_matter(someone: Person) -> None:
    assert someone.event({"items": []}, apikey="wrong")["ok"] is True


def test_people_only_see_their_own_events(sandbox: Sandbox, someone: Person) -> None:
    event = like()
    someone.event({"items": [someone.item(event)]})
    other = enter(sandbox, 19)
    query = f"/rest/v1/media_events?client_event_id=eq.{event['clientEventId']}&select=user_id"
    assert someone.client.get(query, headers=someone.headers).json() == [{"user_id": someone.id}]
    assert other.id == someone.id or other.client.get(query, headers=other.headers).json() == []
    other.client.close()


# --- media-swipe-event: after the reply


def title_of(sandbox: Sandbox) -> str:
    return str(sql(sandbox, "select id from public.media_items order by random() limit 1")[0]["id"])


def library(someone: Person, title: str) -> list[str]:
    found = "select status::text from public.library_entries where user_id = $1 and title_id = $2"
    return [row["status"] for row in sql(someone.sandbox, found, someone.id, uuid.UUID(title))]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("watched", "watched"),
        ("watchlist", "want_to_watch"),
        ("watching", "watching"),
        ("dropped", "dropped"),
        (None, "watched"),
    ],
)
def test_status_operations_fill_the_library_not_the_events(someone: Person, status: str | None, expected: str) -> None:
    title = title_of(someone.sandbox)
    sql(
        someone.sandbox,
        "delete from public.library_entries where user_id = $1 and title_id = $2",
        someone.id,
        uuid.UUID(title),
    )
    event = like(payload={"action": "status", "status": status, "enabled": True})
    reply = someone.event({"items": [someone.item(event, mediaItemId=title)]})
    assert reply["acceptedClientEventIds"] == [event["clientEventId"]]
    assert not someone.stored(event["clientEventId"])
    assert eventually(lambda: library(someone, title)) == [expected]
    synthetic = [row for row in someone.rows(media_item_id=uuid.UUID(title)) if "_synthetic" in (row["payload"] or "")]
    assert [(row["event_type"], row["dwell_ms"], row["source"]) for row in synthetic] == (
        [("dwell", 12000, "diary")] if expected == "watched" else []
    )
    off = like(payload={"action": "status", "status": status, "enabled": False})
    someone.event({"items": [someone.item(off, mediaItemId=title)]})
    assert eventually(lambda: not library(someone, title))


def test_the_watchlist_goes_on_and_off(someone: Person) -> None:
    title = title_of(someone.sandbox)
    sql(
        someone.sandbox,
        "delete from public.library_entries where user_id = $1 and title_id = $2",
        someone.id,
        uuid.UUID(title),
    )
    on = {"eventType": "watchlist", "inWatchlist": True, "clientEventId": str(uuid.uuid4())}
    someone.event({"items": [someone.item(on, mediaItemId=title)]})
    assert eventually(lambda: library(someone, title)) == ["want_to_watch"]
    none = {"eventType": "watchlist", "inWatchlist": None, "clientEventId": str(uuid.uuid4())}
    someone.event({"items": [someone.item(none, mediaItemId=title)]})
    assert eventually(lambda: not library(someone, title))


def test_a_rating_is_accepted_and_as_shipped_never_kept(someone: Person) -> None:
    title = title_of(someone.sandbox)
    sql(
        someone.sandbox, "delete from public.ratings where user_id = $1 and title_id = $2", someone.id, uuid.UUID(title)
    )
    event = {"eventType": "rating", "rating0_10": 9, "clientEventId": str(uuid.uuid4())}
    after = {"eventType": "watchlist", "inWatchlist": True, "clientEventId": str(uuid.uuid4())}
    assert someone.event({"items": [someone.item(event, mediaItemId=title)]})["sent"] == 1
    someone.event({"items": [someone.item(after, mediaItemId=title)]})
    assert eventually(lambda: library(someone, title))
    found = "select 1 from public.ratings where user_id = $1 and title_id = $2"
    assert not sql(someone.sandbox, found, someone.id, uuid.UUID(title))


def test_labels_reach_the_served_cards_feature_row(someone: Person) -> None:
    deck = someone.deck(mode="trending", limit=3).json()
    card = deck["cards"][1]
    context = {
        "deckId": deck["deckId"],
        "recRequestId": deck["recRequestId"],
        "position": card["position"],
        "dedupeKey": card["dedupeKey"],
        "mediaItemId": card["mediaItemId"],
    }
    event = like(payload={"action": "more_like_this"})
    someone.event({"items": [someone.item(event, **context)]})
    row = someone.stored(event["clientEventId"])[0]
    assert row["served_dedupe_key"] == card["dedupeKey"]
    assert row["position"] == 1

    def labels() -> list[str]:
        found = "select labels::text from public.media_rank_feature_items_v2 where user_id = $1 and dedupe_key = $2"
        return list(json.loads(sql(someone.sandbox, found, someone.id, card["dedupeKey"])[0]["labels"]))

    assert eventually(labels) == ["swipe_more_like_this"]
    someone.event({"items": [someone.item({"eventType": "skip", "clientEventId": str(uuid.uuid4())}, **context)]})
    assert eventually(lambda: len(labels()) == 2)
    assert labels() == ["swipe_more_like_this", "swipe_skip"]


# --- media-swipe-deck


def test_a_deck_is_complete_and_leaves_its_traces(someone: Person) -> None:
    reply = someone.deck(mode="combined", limit=12, kindFilter=None, skipRerank=True)
    assert reply.status_code == 200, reply.text
    deck = reply.json()
    cards = deck["cards"]
    assert 0 < len(cards) <= 12
    assert [card["position"] for card in cards] == list(range(len(cards)))
    assert len({card["mediaItemId"] for card in cards}) == len(cards)
    for card in cards:
        assert card["dedupeKey"] == f"{deck['recRequestId']}:{card['position']}:{card['mediaItemId']}"
        assert card["posterUrl"].startswith("https://")
        assert card["source"] in ("for_you", "trending", "friends", "popular", "combined")
        assert {"title", "overview", "kind", "genres", "friendIds", "retrieval_score", "boxOffice", "why"} <= set(card)
    request = uuid.UUID(deck["recRequestId"])
    stored = sql(someone.sandbox, "select * from public.rec_impressions where rec_request_id = $1", request)
    assert {row["dedupe_key"] for row in stored} == {card["dedupeKey"] for card in cards}
    assert {str(row["deck_id"]) for row in stored} == {deck["deckId"]}
    logged = sql(
        someone.sandbox,
        'select mode, user_id, "limit" as n from public.rec_requests where rec_request_id = $1',
        request,
    )
    assert [(row["mode"], str(row["user_id"]), row["n"]) for row in logged] == [("combined", someone.id, 12)]
    features = "select 1 from public.media_rank_feature_items_v2 where rec_request_id = $1"
    assert len(sql(someone.sandbox, features, request)) == len(cards)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"sessionId": None}, 400, "BAD_INPUT"),
        ({"sessionId": "x"}, 400, "INVALID_SESSION"),
        ({"sessionId": "01890a5d-ac96-774b-bcce-b302099a8057"}, 400, "INVALID_SESSION"),
        ({"limit": 121}, 400, "BAD_INPUT"),
        ({"limit": 0}, 400, "BAD_INPUT"),
        ({"limit": "ten"}, 400, "BAD_INPUT"),
        ({"limit": 1.5}, 400, "BAD_INPUT"),
        ({"limit": "7"}, 200, None),
        ({"mode": "foryou"}, 400, "BAD_INPUT"),
        ({"kindFilter": "film"}, 400, "BAD_INPUT"),
        ({"seed": 7}, 400, "BAD_INPUT"),
        ({"minImdbRating": 11}, 400, "BAD_INPUT"),
        ({"minImdbRating": None, "limit": 5}, 200, None),
        ({"genresAny": "Drama", "limit": 5}, 200, None),
        ({"genresAny": [1]}, 400, "BAD_INPUT"),
        ({"experiments": {"a": 1}}, 400, "BAD_INPUT"),
        ({"diversify": "yes"}, 400, "BAD_INPUT"),
        ({"diversify": True, "limit": 5, "unknown": []}, 200, None),
    ],
)
def test_deck_input(someone: Person, body: dict[str, Any], status: int, code: str | None) -> None:
    reply = someone.deck(**body)
    assert reply.status_code == status, reply.text
    if code:
        assert (reply.json()["ok"], reply.json()["code"]) == (False, code)
        assert "requestId" not in reply.json()
    else:
        assert len(reply.json()["cards"]) <= int(body.get("limit", 60))


@pytest.mark.parametrize("body", [b"{", b"", b"null"])
def test_deck_bad_json(someone: Person, body: bytes) -> None:
    reply = someone.client.post(DECK, content=body, headers=someone.headers)
    assert (reply.status_code, reply.json()) == (400, {"ok": False, "code": "BAD_JSON"})


def test_deck_filters_drop_what_does_not_fit(someone: Person) -> None:
    cards = someone.deck(mode="trending", limit=60, genresAny=["drama"], minImdbRating=6).json()["cards"]
    assert cards
    for card in cards:
        assert card["imdbRating"] is None or card["imdbRating"] >= 6
        assert not card["genres"] or "Drama" in card["genres"]


def test_a_newcomer_gets_a_combined_deck_for_for_you(sandbox: Sandbox, someone: Person) -> None:
    sql(sandbox, "delete from public.media_events where user_id = $1", someone.id)
    requested = []
    for body in ({}, {"forceForYou": True}):
        deck = someone.deck(mode="for_you", limit=4, **body).json()
        found = "select mode, requested_mode, seed from public.rec_requests where rec_request_id = $1"
        requested += sql(sandbox, found, uuid.UUID(deck["recRequestId"]))
    assert [(row["mode"], row["requested_mode"]) for row in requested] == [
        ("combined", "for_you"),
        ("for_you", "for_you"),
    ]
    assert requested[0]["seed"].startswith(f"cold:{someone.session}:all:20")
    someone.event({"items": [someone.item(like()) for _ in range(3)]})
    deck = someone.deck(mode="for_you", limit=4).json()
    found = "select mode from public.rec_requests where rec_request_id = $1"
    assert sql(sandbox, found, uuid.UUID(deck["recRequestId"]))[0]["mode"] == "for_you"


def test_swallowed_writes_leave_the_deck_a_200(sandbox: Sandbox, someone: Person) -> None:
    sql(sandbox, "alter table public.rec_requests add constraint test_no check (mode <> 'friends') not valid")
    try:
        deck = someone.deck(mode="friends", limit=5).json()
    finally:
        sql(sandbox, "alter table public.rec_requests drop constraint test_no")
    request = uuid.UUID(deck["recRequestId"])
    assert deck["ok"] is True
    assert not sql(sandbox, "select 1 from public.rec_requests where rec_request_id = $1", request)
    stored = sql(sandbox, "select 1 from public.rec_impressions where rec_request_id = $1", request)
    assert len(stored) == len(deck["cards"])


def test_a_failing_deck_function_is_a_500(sandbox: Sandbox, someone: Person) -> None:
    moved = "alter function public.media_swipe_deck_v3(uuid, integer, text, text, text) rename to deck_gone"
    back = "alter function public.deck_gone(uuid, integer, text, text, text) rename to media_swipe_deck_v3"
    sql(sandbox, moved)
    try:
        reply = someone.deck(limit=5, mode="trending")
    finally:
        sql(sandbox, back)
    assert (reply.status_code, reply.json()["code"]) == (500, "RPC_FAILED")
    assert "media_swipe_deck_v3" in reply.json()["message"]


# --- the other functions


def test_public_app_settings(sandbox: Sandbox) -> None:
    url, document = f"{sandbox.url}/functions/v1/public-app-settings", sandbox.discovery
    reply = httpx.post(url, json={}, headers={"apikey": document["anon_key"], "x-request-id": "abc"})
    body = reply.json()
    assert (body["ok"], len(body["settings"])) == (True, 25)
    assert body["settings"]["ux.presence.heartbeat_ms"] == 20000
    assert reply.headers["cache-control"] == "public, max-age=30, stale-while-revalidate=300"
    assert (reply.headers["x-function"], reply.headers["x-request-id"]) == ("public-app-settings", "abc")
    assert httpx.get(url).json()["code"] == "MISSING_APIKEY"
    assert httpx.get(url, headers={"apikey": document["service_key"]}).json()["code"] == "INVALID_APIKEY"


def test_direct_conversations(sandbox: Sandbox, someone: Person) -> None:
    path = "/functions/v1/create-direct-conversation"

    def call(body: Any, **headers: str) -> tuple[int, str]:
        reply = someone.client.post(path, json=body, headers={**someone.headers, **headers})
        return reply.status_code, reply.json().get("code") or reply.json()["conversationId"]

    body = {"email": f"d{uuid.uuid4().hex[:12]}@people.sandbox.test", "email_confirm": True}
    service = sandbox.discovery["service_key"]
    admin = {"apikey": service, "authorization": f"Bearer {service}"}
    other = httpx.post(f"{sandbox.url}/auth/v1/admin/users", json=body, headers=admin).json()["id"]
    status, conversation = call({"targetUserId": other})
    assert status == 200
    assert call({"targetUserId": other.upper()}) == (200, conversation)
    assert call({"targetUserId": someone.id}) == (400, "BAD_REQUEST_SELF_TARGET")
    assert call({"targetUserId": "x"}) == (400, "BAD_REQUEST_INVALID_BODY")
    assert call({"targetUserId": str(uuid.uuid4())}) == (404, "TARGET_NOT_FOUND")
    assert call({}, **{"content-type": "text/plain"}) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert someone.client.get(path, headers=someone.headers).json()["code"] == "METHOD_NOT_ALLOWED"
    block = "insert into public.blocked_users (blocker_id, blocked_id) values ($1, $2)"
    sql(sandbox, block, uuid.UUID(other), uuid.UUID(someone.id))
    assert call({"targetUserId": other}) == (403, "BLOCKED_BY_OTHER")
    sql(sandbox, block, uuid.UUID(someone.id), uuid.UUID(other))
    assert call({"targetUserId": other}) == (403, "BLOCKED_BY_SELF")


def test_experiment_assignment_is_stable_and_stored(sandbox: Sandbox, someone: Person) -> None:
    key = f"exp_{uuid.uuid4().hex[:8]}"
    variants = '[{"name": "a", "weight": 1}, {"name": "b", "weight": 3}]'
    new = "insert into public.rec_experiments (key, status, variants, salt) values ($1, $2, $3::text::jsonb, 's')"
    sql(sandbox, new, key, "active", variants)
    sql(sandbox, new, f"{key}_draft", "draft", variants)
    path = "/functions/v1/experiment-assign"
    keys = {"keys": [key, f"{key}_draft", 7, " "]}
    first = someone.client.post(path, json=keys, headers=someone.headers)
    parsed = experiments.parse_variants(json.loads(variants))
    assert first.json() == {"ok": True, "assignments": {key: experiments.choose(someone.id, key, "s", parsed)}}
    assert "x-request-id" not in first.headers
    assert someone.client.post(path, json=keys, headers=someone.headers).json() == first.json()
    assert someone.client.post(path, content=b"{", headers=someone.headers).json()["assignments"] == {}
    assert someone.client.get(path, headers=someone.headers).status_code == 405
    expired = Keys(sandbox.discovery["jwt_secret"]).access_token(someone.id, "a@b.test", lifetime_s=-1, issuer="t")
    reply = someone.client.post(path, json=keys, headers={"authorization": f"Bearer {expired}"})
    assert (reply.status_code, reply.json()["code"]) == (500, "INTERNAL_ERROR")
    reply = someone.client.post(path, json=keys, headers={"apikey": sandbox.discovery["anon_key"]})
    assert (reply.status_code, reply.json()["code"]) == (401, "UNAUTHORIZED")


def test_an_unknown_function(sandbox: Sandbox) -> None:
    reply = httpx.post(f"{sandbox.url}/functions/v1/nope")
    assert reply.status_code == 404
    assert reply.json() == {"code": "NOT_FOUND", "message": "Requested function was not found"}


# --- envelope


def test_cross_origin_requests(sandbox: Sandbox, someone: Person) -> None:
    known = someone.client.post(
        EVENT, json={"items": []}, headers={**someone.headers, "origin": "https://movinesta.app"}
    )
    assert known.headers["access-control-allow-origin"] == "https://movinesta.app"
    assert known.headers["access-control-allow-credentials"] == "true"
    unknown = someone.client.post(EVENT, json={"items": []}, headers={**someone.headers, "origin": "https://evil.test"})
    assert unknown.json()["ok"] is True
    assert "access-control-allow-origin" not in unknown.headers
    refused = someone.client.options(DECK, headers={"origin": "https://evil.test"})
    assert (refused.status_code, refused.text) == (403, "CORS origin not allowed")
    assert someone.client.options(EVENT, headers={"origin": "https://evil.test"}).text == "ok"


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("https://x.movinesta.app", True),
        ("http://x.movinesta.app", False),
        ("https://movinesta.app.evil.test", False),
        ("http://localhost:5173", True),
        ("null", False),
        ("https://[", False),
    ],
)
def test_origins(origin: str, expected: bool) -> None:
    assert cors.allowed(origin) is expected


# --- limits and switches that show in functions


@pytest.fixture(scope="module")
def limited() -> Iterator[Sandbox]:
    switches = Switches.parse(
        ["event_limit_per_minute=3", "deck_limit_per_minute=2", "event_silent_loss=2", "unique_client_id=on"]
    )
    with Sandbox(
        SandboxOptions(people=8, catalogue=40, switches=switches, pool_size=1, acquire_timeout_s=0.3)
    ) as running:
        yield running


def steady_minute() -> None:
    """Wait for the next calendar minute when this one is about to end: counters start anew with it."""
    rest = 60 - time.time() % 60
    if rest < 6:
        time.sleep(rest + 0.1)


def test_the_event_limit_shows_inside_a_200(limited: Sandbox) -> None:
    steady_minute()
    person = enter(limited, 1)
    assert [codes(person.event({"items": []})) for _ in range(3)] == [[], [], []]
    reply = person.client.post(EVENT, content=b"{ unread", headers={**person.headers, "x-request-id": "r"})
    body = reply.json()
    assert (reply.status_code, codes(body), body["shouldRetry"]) == (200, ["RATE_LIMIT"], True)
    assert body["acceptedClientEventIds"] == body["rejectedClientEventIds"] == body["retryClientEventIds"] == []
    assert 1 <= body["retryAfterSeconds"] <= 60
    assert reply.headers["retry-after"] == str(body["retryAfterSeconds"])
    assert body["requestId"] == "r"
    assert codes(enter(limited, 2).event({"items": []})) == []


def test_the_deck_limit_is_a_bare_429_and_bad_bodies_count(limited: Sandbox) -> None:
    steady_minute()
    person = enter(limited, 3)
    assert person.client.post(DECK, content=b"{", headers=person.headers).status_code == 400
    assert person.deck(limit=2).status_code == 200
    reply = person.deck(limit=2)
    assert (reply.status_code, set(reply.json())) == (429, {"ok", "code", "retryAfterSeconds"})
    assert reply.json()["code"] == "RATE_LIMIT"
    assert "retry-after" not in reply.headers


def test_silent_loss_acknowledges_what_it_forgets(limited: Sandbox) -> None:
    steady_minute()
    person = enter(limited, 4)
    events = [like() for _ in range(10)]
    reply = person.event({"items": [person.item(event) for event in events]})
    assert (reply["sent"], reply["issues"]) == (10, [])
    assert sum(len(person.stored(event["clientEventId"])) for event in events) == 5


def test_a_unique_client_id_makes_a_retried_message_a_conflict(limited: Sandbox) -> None:
    person = enter(limited, 5)
    other = enter(limited, 6)
    made = person.client.post(
        "/functions/v1/create-direct-conversation", json={"targetUserId": other.id}, headers=person.headers
    ).json()
    client_id = str(uuid.uuid4())
    body = {"type": "text", "text": "hi", "clientId": client_id}
    message = {
        "conversation_id": made["conversationId"],
        "user_id": person.id,
        "sender_id": person.id,
        "body": body,
        "meta": body,
        "message_type": "text",
        "text": "hi",
        "client_id": client_id,
    }
    replies = [person.client.post("/rest/v1/messages", json=message, headers=person.headers) for _ in range(2)]
    assert [reply.status_code for reply in replies] == [201, 409]


def test_an_exhausted_pool_rejects_events_for_good(limited: Sandbox) -> None:
    """T01: overload reads as a permanent rejection, and the limiter fails open."""
    steady_minute()
    blocked, person = enter(limited, 7), enter(limited, 0)

    async def hold() -> tuple[dict[str, Any], dict[str, Any]]:
        connection = await asyncpg.connect(limited.discovery["dsn"])
        loop = asyncio.get_running_loop()
        try:
            async with connection.transaction():
                await connection.execute("lock table public.media_events in access exclusive mode")
                waiting = loop.run_in_executor(None, blocked.event, {"items": [blocked.item(like())]})
                await asyncio.sleep(0.3)
                refused = await loop.run_in_executor(
                    None, person.event, {"items": [person.item(like(), like(dwellMs=1))]}
                )
            return await waiting, refused
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as pool:
        served, refused = pool.submit(asyncio.run, hold()).result()
    assert codes(refused) == ["BULK_UPSERT_FAILED", "DB_REJECTED"]
    assert refused["issues"][0]["meta"]["code"] == "PGRST003"
    assert len(refused["rejectedClientEventIds"]) == 1  # the other one fell to this sandbox's silent loss
    assert served["sent"] == 1


# --- pure parts


def test_the_memory_limiter_rolls_from_the_first_hit() -> None:
    now = [100.0]
    limiter = MemoryLimiter(lambda: now[0])
    assert [limiter.hit("k", "a", 2).ok for _ in range(3)] == [True, True, False]
    now[0] += 10
    assert limiter.hit("k", "a", 2).retry_after_s == 50
    assert limiter.hit("k", "b", 2).ok
    now[0] += 50
    assert limiter.hit("k", "a", 2).ok


def test_whom_a_request_counts_for() -> None:
    forged = "Bearer x.eyJzdWIiOiJ2aWN0aW0ifQ.y"
    assert subject_key({"authorization": forged}) == "user:victim"
    assert subject_key({"authorization": "Bearer x.!.y", "x-forwarded-for": "1.2.3.4, 5.6.7.8"}) == "ip:1.2.3.4"
    assert subject_key({"x-real-ip": "9.9.9.9"}) == "ip:9.9.9.9"
    assert subject_key({}) == "unknown"


def test_settings_fall_back_to_their_defaults() -> None:
    assert len(defaults(PUBLIC).values) == 25
    rows = {"ux.search.page_size": "3", "ux.typing.heartbeat_ms": "500", "ops.unknown": "1"}
    values = merged(PUBLIC, 7, rows).values
    assert (values["ux.search.page_size"], values["ux.typing.heartbeat_ms"]) == (20, 500)
    assert "ops.unknown" not in values
    server = merged(SERVER_ONLY, 7, {"ops.rate_limits": '{"actions": {"swipe_deck": 7}}'})
    assert (server.rate_limit("swipe_deck", 120), server.rate_limit("swipe_event", 1000)) == (7, 1000)


@pytest.mark.parametrize(
    ("value", "text"),
    [(7.0, "7"), (7.5, "7.5"), (1e21, "1e+21"), (1e20, "100000000000000000000"), (1.5e-7, "1.5e-7"), (1e-6, "0.000001"),
     (-0.0, "0"), (5e-324, "5e-324"), (123456789.125, "123456789.125"), (12345678901234567890, "12345678901234567000")],
)  # fmt: skip
def test_numbers_are_written_as_javascript_does(value: float, text: str) -> None:
    assert js.number(value) == text


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53))
def test_number_text_reads_back_as_the_same_number(value: float) -> None:
    assert js.to_number(js.number(value)) == value


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(_JSON)
def test_stringify_keeps_the_value(value: Any) -> None:
    try:
        text = js.stringify(value)
    except (TypeError, UnicodeEncodeError):  # lone surrogates, which no parser lets through
        return
    assert json.loads(text, parse_int=float) == value


@given(st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=4), _JSON, max_size=5))
def test_payload_text_has_the_documented_shape(payload: dict[str, Any]) -> None:
    try:
        text = event_keys.payload_json(payload)
    except (TypeError, UnicodeEncodeError):
        return
    kept = {
        key: value[:50] if isinstance(value, list)
        else {k: v for k, v in value.items() if not isinstance(v, list | dict)} if isinstance(value, dict)
        else value
        for key, value in payload.items()
    }  # fmt: skip
    assert (json.loads(text, parse_int=float) if text else {}) == kept


def card(source: str, number: int) -> dict[str, Any]:
    return {"source": source, "mediaItemId": str(number), "genres": [source], "actors": "", "director": None}


@given(
    st.lists(st.sampled_from(["for_you", "friends", "trending", "odd"]), max_size=30),
    st.sampled_from(["control", "balanced", "friends_heavy"]),
)
def test_reordering_never_loses_a_card(sources: list[str], variant: str) -> None:
    cards = [card(source, number) for number, source in enumerate(sources)]
    for reordered in (deck_order.mix(cards, variant).cards, deck_order.diversify(cards)):
        assert sorted(c["mediaItemId"] for c in reordered) == sorted(c["mediaItemId"] for c in cards)
    mixed = deck_order.mix(cards, variant).cards
    for source in set(sources):
        places = [int(c["mediaItemId"]) for c in mixed if c["source"] == source]
        assert places == sorted(places)


def test_variants_follow_their_weights() -> None:
    arms = experiments.parse_variants(
        [{"name": "a", "weight": 1}, {"name": "b", "weight": "3"}, {"name": "c", "weight": -1}]
    )
    chosen = [experiments.choose(str(uuid.UUID(int=number)), "k", "s", arms) for number in range(2000)]
    assert set(chosen) == {"a", "b"}
    assert 0.21 < chosen.count("a") / 2000 < 0.29
    assert experiments.parse_variants("nonsense")[0].name == "control"

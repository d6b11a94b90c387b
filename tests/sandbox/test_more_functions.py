"""onboarding-initial-likes and update-notification-prefs over real HTTP, failures of the shipped schema included."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.functions.routes import FUNCTIONS
from sandbox.server import Sandbox, SandboxOptions
from tests.sandbox.signed_in import Person, enter, sql

LIKES, PREFS = "onboarding-initial-likes", "update-notification-prefs"
SWITCHES = {"emailActivity": True, "emailRecommendations": True, "inAppSocial": True, "inAppSystem": True}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=30, catalogue=40)) as running:
        yield running


_people = iter(range(1000))


@pytest.fixture
def someone(sandbox: Sandbox) -> Iterator[Person]:
    person = enter(sandbox, next(_people) % 30)
    sql(sandbox, "delete from public.rate_limits where key = $1", f"user:{person.id}")
    yield person
    person.client.close()


def test_every_function_of_a_session_is_served() -> None:
    assert set(FUNCTIONS) == {
        *("media-swipe-deck", "media-swipe-event", "public-app-settings", "media-search", "tmdb-proxy"),
        *("catalog-sync", "catalog-sync-batch", "experiment-assign", "onboarding-initial-likes"),
        *("create-direct-conversation", "update-notification-prefs", "assistant-get-conversation"),
        *("assistant-chat-reply", "assistant-orchestrator", "assistant-suggestion-action"),
        *("assistant-message-action", "assistant-tool-result"),
    }


NAMES = (
    *("query", "page", "limit", "filters", "path", "params", "tmdbId", "imdbId", "contentType", "external", "items"),
    *("sessionId", "mediaItemIds", "preferredGenres", "inAppSocial", "conversationId", "userMessageId", "userText"),
    *("maxContextMessages", "stream", "surface", "context", "suggestionId", "kind", "actionId", "messageId"),
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(["/configuration", "/movie/7", "/search/multi", "movie", "shown", "dismiss", "execute", "title"])
    | st.uuids().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
    max_leaves=6,
)
DIES = {"media-search", "catalog-sync"}  # as shipped, of an expired token or of a title that TMDb does not know


@pytest.mark.parametrize("function", sorted(set(FUNCTIONS) - {"media-swipe-deck", "media-swipe-event"}))
def test_any_body_gets_an_answer_of_the_function_itself(sandbox: Sandbox, function: str) -> None:
    person = enter(sandbox, 29)

    @given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8) | VALUES)
    @settings(max_examples=12, deadline=None)
    def ask(body: Any) -> None:
        reply = person.raw(function, json.dumps(body).encode(), content_type="application/json")
        answer = reply.json()
        assert isinstance(answer["ok"], bool) if function not in DIES else True
        assert answer.get("ok") is (reply.status_code == 200) or answer["code"] == "WORKER_ERROR"

    ask()
    person.client.close()


# --- onboarding-initial-likes


def likes(person: Person, **body: Any) -> httpx.Response:
    picked = [str(uuid.uuid4()) for _ in range(5)]
    return person.call(LIKES, {"sessionId": str(uuid.uuid4()), "mediaItemIds": picked, **body})


def test_the_first_likes_always_fail_but_the_genres_stay(someone: Person) -> None:
    reply = likes(someone, preferredGenres=["Drama", "War", "Drama", 5, ""])
    assert reply.status_code == 500
    assert reply.json() == {
        "ok": False,
        "code": "UPSERT_FAILED",
        "message": "there is no unique or exclusion constraint matching the ON CONFLICT specification",
    }
    assert "x-request-id" not in reply.headers
    assert "x-request-id" not in reply.headers["access-control-allow-headers"]
    assert likes(someone, preferredGenres=["Comedy", "War"]).json()["code"] == "UPSERT_FAILED"
    rows = sql(someone.sandbox, "select recsys::text from public.user_preferences where user_id = $1", someone.id)
    assert json.loads(rows[0]["recsys"])["preferredGenres"] == ["Drama", "War", "Comedy"]
    assert not sql(someone.sandbox, "select 1 from public.media_events where dedupe_key like 'onb:%'")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "BAD_JSON"),
        (b"{", "BAD_JSON"),
        (b"null", "BAD_JSON"),
        (b"0", "BAD_JSON"),
        (b"{}", "MISSING_SESSION"),
        (b"[1]", "MISSING_SESSION"),
        (b'{"sessionId":" "}', "MISSING_SESSION"),
        (b'{"sessionId":"s"}', "MISSING_MEDIA_ITEM_IDS"),
        (b'{"sessionId":"s","mediaItemIds":["",7]}', "MISSING_MEDIA_ITEM_IDS"),
    ],
)
def test_bad_first_likes(someone: Person, body: bytes, code: str) -> None:
    reply = someone.raw(LIKES, body)
    assert (reply.status_code, reply.json()["code"]) == (400, code)


def test_who_may_send_first_likes(someone: Person) -> None:
    assert someone.call(LIKES, {}, method="OPTIONS").json() == {"ok": True}
    bearer_only = {"authorization": someone.headers["authorization"]}
    keyless = someone.client.post(f"/functions/v1/{LIKES}", json={}, headers=bearer_only)
    assert (keyless.status_code, keyless.json()["code"]) == (401, "INVALID_APIKEY")
    tokenless = someone.client.post(f"/functions/v1/{LIKES}", json={}, headers={"apikey": someone.headers["apikey"]})
    assert (tokenless.status_code, tokenless.json()["code"]) == (401, "UNAUTHORIZED")
    over = someone.client.post(f"/functions/v1/{LIKES}", json={}, headers=someone.expired())
    assert (over.status_code, over.json()["message"]) == (500, "JWT has expired")
    anonymous = someone.call(LIKES, {}, authorization=f"Bearer {someone.headers['apikey']}")
    assert anonymous.json()["code"] == "UNAUTHORIZED"


# --- update-notification-prefs


def test_switches_are_read_written_and_kept(someone: Person) -> None:
    reply = someone.call(PREFS, method="GET", x_request_id="r-9")
    body = reply.json()
    assert reply.headers["x-request-id"] == "r-9"
    updated = body["preferences"].pop("updatedAt")
    assert body == {"ok": True, "preferences": SWITCHES}
    written = someone.call(PREFS, {"inAppSocial": False, "other": "ignored"}).json()["preferences"]
    assert written.pop("updatedAt") > updated
    assert written == {"inAppSocial": False}  # as shipped: a write tells what is stored, without the defaults
    assert someone.call(PREFS, {"emailActivity": False}).status_code == 200
    stored = someone.call(PREFS, method="GET").json()["preferences"]
    assert {**SWITCHES, "inAppSocial": False, "emailActivity": False}.items() <= stored.items()
    shown = someone.client.get(
        f"/rest/v1/user_preferences?select=notifications&user_id=eq.{someone.id}", headers=someone.headers
    ).json()
    assert shown == [{"notifications": {"inAppSocial": False, "emailActivity": False}}]


@pytest.mark.parametrize("body", [[], None, "x", {"inAppSocial": "no"}, {"inAppSystem": None}, {"emailActivity": 1}])
def test_bad_switches(someone: Person, body: Any) -> None:
    reply = someone.raw(PREFS, json.dumps(body).encode(), content_type="application/json")
    assert (reply.status_code, reply.json()["code"]) == (400, "BAD_REQUEST_INVALID_BODY")


def test_switch_refusals(someone: Person) -> None:
    assert someone.raw(PREFS, b"{}").status_code == 415
    assert someone.raw(PREFS, b"{", content_type="application/json").status_code == 400
    assert someone.call(PREFS, method="DELETE").json()["code"] == "METHOD_NOT_ALLOWED"
    keyless = someone.client.get(f"/functions/v1/{PREFS}")
    assert keyless.json()["code"] == "MISSING_APIKEY"
    anonymous = someone.call(PREFS, method="GET", authorization=f"Bearer {someone.headers['apikey']}")
    assert (anonymous.status_code, anonymous.json()["code"]) == (401, "INVALID_SESSION")


@pytest.mark.parametrize(
    ("method", "action", "limit"), [("GET", "notification_prefs_read", 240), ("POST", "notification_prefs_update", 60)]
)
def test_switch_limits(someone: Person, method: str, action: str, limit: int) -> None:
    someone.spend(action, left=1, limit=limit)
    assert someone.call(PREFS, {}, method=method).status_code == 200
    reply = someone.call(PREFS, {}, method=method)
    assert (reply.status_code, reply.json()["code"]) == (429, "RATE_LIMIT")
    assert reply.headers["retry-after"] == str(reply.json()["retryAfterSeconds"])
    assert someone.call(PREFS, {}, method="POST" if method == "GET" else "GET").status_code == 200


def test_a_database_that_refuses_is_a_500() -> None:
    with Sandbox(SandboxOptions(people=2, catalogue=10)) as running:
        person = enter(running, 0)
        sql(running, "revoke insert, update on public.user_preferences from authenticated")
        reply = person.call(PREFS, {"inAppSocial": False})
        assert (reply.status_code, reply.json()["code"]) == (500, "PREFERENCES_SAVE_FAILED")
        sql(running, "revoke select on public.user_preferences from authenticated")
        reply = person.call(PREFS, method="GET")
        assert (reply.status_code, reply.json()["code"]) == (500, "PREFERENCES_LOAD_FAILED")
        # the genres of a newcomer are best effort: their failure does not change the answer
        assert likes(person, preferredGenres=["War"]).json()["code"] == "UPSERT_FAILED"

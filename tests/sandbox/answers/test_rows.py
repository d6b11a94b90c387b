"""What the functions write, looked up in the database: the rows that the real ones write, and no others."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.server import Sandbox, SandboxOptions
from tests.sandbox.signed_in import Person, enter, sql

SYNC, BATCH, SUGGESTION = "catalog-sync", "catalog-sync-batch", "assistant-suggestion-action"
EXTRA_MOVIE, UNKNOWN = 2_000_000_010, 999
TITLES = """
select id::text, kind::text, tmdb_id, omdb_imdb_id from public.media_items where tmdb_id is not null and kind = 'movie'
order by id limit 8
"""
VERSIONS = "select id::text, xmin::text from public.media_items order by id"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=20, catalogue=60)) as running:
        yield running


_people = iter(range(1000))


@pytest.fixture
def someone(sandbox: Sandbox) -> Iterator[Person]:
    person = enter(sandbox, next(_people) % 20)
    sql(sandbox, "delete from public.rate_limits")
    sql(sandbox, "delete from public.assistant_suggestions where user_id = $1", person.id)
    sql(sandbox, "delete from public.assistant_memory where user_id = $1", person.id)
    yield person
    person.client.close()


def versions(person: Person) -> dict[str, str]:
    """Which version of each title there is."""
    return {row["id"]: row["xmin"] for row in sql(person.sandbox, VERSIONS)}


def title_row(person: Person, title_id: str) -> dict[str, Any]:
    """All columns of a title."""
    found = sql(person.sandbox, "select to_jsonb(m)::text from public.media_items m where id = $1", title_id)
    return dict(json.loads(found[0][0]))


# --- catalog-sync


@pytest.mark.parametrize("options", [{"syncOmdb": False}, {"syncOmdb": False, "forceRefresh": False}])
def test_a_title_that_is_known_with_its_tmdb_reply_is_not_touched(someone: Person, options: dict[str, Any]) -> None:
    title = sql(someone.sandbox, TITLES)[0]
    sql(someone.sandbox, "update public.media_items set tmdb_raw = '{}' where id = $1", title["id"])
    before = versions(someone)
    for wanted in (
        {"tmdbId": title["tmdb_id"]},
        {"external": {"tmdbId": title["tmdb_id"], "type": "movie"}},
        {"imdbId": title["omdb_imdb_id"]},
    ):
        reply = someone.call(SYNC, {**wanted, "options": options})
        assert reply.json()["media_item_id"] == title["id"]
    someone.call(BATCH, {"items": [{"tmdbId": title["tmdb_id"], "contentType": "movie"}], "options": options})
    assert versions(someone) == before


def test_a_title_that_lacks_something_asked_for_is_written(someone: Person) -> None:
    title = sql(someone.sandbox, TITLES)[1]
    lacking = "update public.media_items set tmdb_raw = '{}', omdb_raw = null where id = $1"
    sql(someone.sandbox, lacking, title["id"])
    before = versions(someone)
    assert someone.call(SYNC, {"tmdbId": title["tmdb_id"]}).json()["media_item_id"] == title["id"]
    changed = {name for name, version in versions(someone).items() if before.get(name) != version}
    assert changed == {title["id"]}
    row = title_row(someone, title["id"])
    assert (row["tmdb_status"], row["tmdb_error"], row["omdb_status"]) == ("ok", None, "ok")
    assert row["tmdb_raw"]["id"] == title["tmdb_id"]
    assert row["omdb_raw"]["imdbID"] == row["omdb_imdb_id"] == title["omdb_imdb_id"]
    assert [genre["id"] for genre in row["tmdb_genres"]] == row["tmdb_genre_ids"]
    after = versions(someone)
    someone.call(SYNC, {"tmdbId": title["tmdb_id"]})
    assert versions(someone) == after


def test_a_title_unknown_to_tmdb_leaves_a_row_that_says_so(someone: Person) -> None:
    reply = someone.call(SYNC, {"tmdbId": UNKNOWN})
    assert reply.status_code == 200
    answer = reply.json()
    assert answer == {**answer, "ok": True, "kind": "movie", "tmdb_id": UNKNOWN, "omdb_imdb_id": None}
    row = title_row(someone, answer["media_item_id"])
    assert (row["tmdb_status"], row["tmdb_raw"], row["tmdb_title"]) == ("failed", None, None)
    assert row["tmdb_error"].startswith('TMDB request failed: 404 {"success":false')
    assert (row["tmdb_genres"], row["tmdb_genre_ids"], row["omdb_fetched_at"]) == ([], [], None)
    series = someone.call(SYNC, {"tmdbId": UNKNOWN, "contentType": "series"}).json()
    assert (series["kind"], series["media_item_id"] != answer["media_item_id"]) == ("series", True)


def test_a_new_title_is_added_with_what_was_said_of_it(someone: Person) -> None:
    answer = someone.call(SYNC, {"external": {"tmdbId": EXTRA_MOVIE, "type": "movie"}}).json()
    row = title_row(someone, answer["media_item_id"])
    assert row["tmdb_title"] == row["tmdb_original_title"] == row["omdb_title"] == row["tmdb_raw"]["title"]
    assert (row["tmdb_name"], row["tmdb_first_air_date"]) == (None, None)
    assert row["omdb_imdb_id"] == answer["omdb_imdb_id"] == f"tt{EXTRA_MOVIE}"
    without = someone.call(SYNC, {"tmdbId": EXTRA_MOVIE + 2, "options": {"syncOmdb": False}}).json()
    row = title_row(someone, without["media_item_id"])
    assert (row["omdb_raw"], row["omdb_title"], row["omdb_status"]) == (None, None, None)


@pytest.mark.parametrize(
    "body",
    [
        {"contentType": "anime", "tmdbId": 5},
        {"tmdbId": "5"},
        {"tmdbId": 5, "options": {"syncOmdb": "x"}},
        {"tmdbId": 0},
        {"tmdbId": 1.5},
        {"external": []},
        {"imdbId": 5},
    ],
)
def test_a_body_of_another_shape_writes_nothing(someone: Person, body: Any) -> None:
    before = versions(someone)
    nobody = {"authorization": "Bearer nonsense"}
    for reply in (someone.call(SYNC, body), someone.call(SYNC, body, **nobody)):
        assert (reply.status_code, reply.json()["code"]) == (400, "BAD_REQUEST_INVALID_BODY")
    assert versions(someone) == before


# --- the assistant


def suggestion(person: Person, *actions: Any, body: str = "B") -> str:
    """A stored suggestion with these buttons."""
    made = sql(
        person.sandbox,
        "insert into public.assistant_suggestions (user_id, surface, kind, title, body, actions, context_key) "
        "values ($1, 'home', 'k', 'T', $2, $3::text::jsonb, 'c') returning id::text",
        person.id,
        body,
        json.dumps(actions),
    )
    return str(made[0]["id"])


def remembered(person: Person) -> dict[str, Any]:
    """The assistant's memory of somebody."""
    rows = sql(
        person.sandbox, "select key, value::text as value from public.assistant_memory where user_id = $1", person.id
    )
    return {row["key"]: json.loads(row["value"]) for row in rows}


def outcome(person: Person, suggestion_id: str) -> dict[str, Any]:
    """What became of a suggestion."""
    found = sql(person.sandbox, "select outcome::text from public.assistant_suggestions where id = $1", suggestion_id)
    return dict(json.loads(found[0][0]))


@pytest.mark.parametrize(("length", "delta"), [(140, -0.03), (141, -0.08)])
def test_a_dismissal_is_remembered(someone: Person, length: int, delta: float) -> None:
    one = suggestion(someone, body="x" * length)
    assert someone.call(SUGGESTION, {"suggestionId": one, "kind": "dismiss"}).json() == {"ok": True}
    memory = remembered(someone)
    stats = memory["assistant_stats"]
    counts = {"dismissTotal": 1, "dismissBySurface": {"home": 1}, "dismissByKind": {"k": 1}}
    assert stats == {**counts, "lastDismissedAt": stats["lastDismissedAt"]}
    assert memory["assistant_style"] == {"verbosityPreference": pytest.approx(0.45 + delta)}


def test_an_execution_is_remembered_and_its_key_stored(someone: Person) -> None:
    title = sql(someone.sandbox, TITLES)[2]["id"]
    payload = {"titleId": title, "status": "want_to_watch"}
    one = suggestion(someone, {"id": "a", "type": "diary_set_status", "payload": payload})
    answer = someone.call(SUGGESTION, {"suggestionId": one, "kind": "execute", "actionId": "a"}).json()
    assert answer["result"] == {**payload, "contentType": "movie", "verified": True}
    done = outcome(someone, one)
    assert set(done) == {
        *("status", "actionId", "actionType", "actionKey", "startedAt", "finishedAt", "navigateTo", "result", "undo"),
    }
    assert (done["status"], done["actionType"], len(done["actionKey"])) == ("done", "diary_set_status", 35)
    memory = remembered(someone)
    assert memory["assistant_stats"]["acceptByKind"] == {"k": 1}
    assert memory["assistant_style"] == {"verbosityPreference": pytest.approx(0.47)}
    follow = "select kind, context_key from public.assistant_suggestions where user_id = $1 and id <> $2"
    assert [tuple(row) for row in sql(someone.sandbox, follow, someone.id, one)] == [("next_step", "c")]


def test_a_tool_that_fails_is_a_success_without_a_result(someone: Person) -> None:
    payload = {"titleId": str(uuid.uuid4()), "status": "watched"}
    one = suggestion(someone, {"id": "a", "type": "diary_set_status", "payload": payload})
    answer = someone.call(SUGGESTION, {"suggestionId": one, "kind": "execute", "actionId": "a"}).json()
    assert (answer["ok"], answer["result"], answer["navigateTo"]) == (True, None, None)
    assert outcome(someone, one)["status"] == "done"


def test_arguments_of_another_shape_are_listed_and_let_go(someone: Person) -> None:
    one = suggestion(someone, {"id": "a", "type": "diary_set_status", "payload": {"titleId": "x", "status": "seen"}})
    reply = someone.call(SUGGESTION, {"suggestionId": one, "kind": "execute", "actionId": "a"})
    assert (reply.status_code, reply.json()["code"]) == (400, "ACTION_FAILED")
    issues = json.loads(reply.json()["message"].removeprefix("INVALID_ARGS:"))
    assert [(issue["path"], issue["code"]) for issue in issues] == [
        (["titleId"], "invalid_string"),
        (["status"], "invalid_enum_value"),
    ]
    assert outcome(someone, one)["status"] == "failed"
    free = "select accepted_at is null as free from public.assistant_suggestions where id = $1"
    assert sql(someone.sandbox, free, one)[0]["free"] is True
    alerts = sql(someone.sandbox, "select title, source from public.ops_alerts where kind = 'assistant_failure'")
    assert ("Assistant Failure: ACTION_FAILED", f"assistant_telemetry:{SUGGESTION}") in [tuple(row) for row in alerts]


# --- preferences


def test_preferences_without_a_row_are_dated_now_and_not_written(someone: Person) -> None:
    sql(someone.sandbox, "delete from public.user_preferences where user_id = $1", someone.id)
    stored = "select notifications::text, updated_at from public.user_preferences where user_id = $1"
    preferences = someone.call("update-notification-prefs", method="GET").json()["preferences"]
    assert preferences["updatedAt"].endswith("Z")
    assert sql(someone.sandbox, stored, someone.id) == []
    someone.call("update-notification-prefs", {"inAppSocial": False, "other": 1})
    row = sql(someone.sandbox, stored, someone.id)[0]
    assert json.loads(row["notifications"])["inAppSocial"] is False
    assert row["updated_at"].microsecond % 1000 == 0

"""media-search, tmdb-proxy and the catalogue syncs over real HTTP: results, quotas, every refusal, in-band failures."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.functions import media_search_request
from sandbox.functions.media_search_request import BadSearch
from sandbox.functions.tmdb import extra_titles
from sandbox.functions.tmdb import fake as fake_tmdb
from sandbox.functions.tmdb import request as tmdb_request
from sandbox.functions.tmdb.request import Bounds
from sandbox.server import Sandbox, SandboxOptions
from sandbox.switches import Switches
from tests.sandbox.signed_in import Person, enter, sql

SEARCH, TMDB, SYNC, BATCH = "media-search", "tmdb-proxy", "catalog-sync", "catalog-sync-batch"
COLUMNS = {
    *("id", "kind", "tmdb_id", "tmdb_title", "tmdb_name", "tmdb_original_title", "tmdb_original_name"),
    *("tmdb_release_date", "tmdb_first_air_date", "tmdb_poster_path", "tmdb_backdrop_path", "tmdb_original_language"),
    *("tmdb_genre_ids", "tmdb_overview", "tmdb_genres", "omdb_title", "omdb_year", "omdb_language", "omdb_imdb_id"),
    *("omdb_imdb_rating", "omdb_rating_rotten_tomatoes", "omdb_poster", "omdb_rated", "omdb_plot", "omdb_genre"),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=40, catalogue=120)) as running:
        yield running


_people = iter(range(1000))


@pytest.fixture
def someone(sandbox: Sandbox) -> Iterator[Person]:
    """The next of the people, with every quota unspent."""
    person = enter(sandbox, next(_people) % 40)
    sql(sandbox, "delete from public.rate_limits where key = $1", f"user:{person.id}")
    yield person
    person.client.close()


@pytest.fixture(scope="module")
def titles(sandbox: Sandbox) -> list[Any]:
    return sql(
        sandbox,
        "select id::text, kind::text, tmdb_id, tmdb_media_type, coalesce(tmdb_title, tmdb_name) as name, omdb_imdb_id "
        # the seeded ones, whatever was synced before somebody asks for them
        "from public.media_items where tmdb_popularity is not null and tmdb_id < 2000000000 "
        "order by tmdb_popularity desc",
    )


def word_of_many(sandbox: Sandbox) -> str:
    """A word that several titles match, those of the overview included."""
    return str(
        sql(
            sandbox,
            "select word from ts_stat('select search_vector from public.media_items') where ndoc between 5 and 40 "
            "and word ~ '^[a-z]{5,}$' and websearch_to_tsquery('english', word)::text = quote_literal(word) "
            "order by ndoc desc, word limit 1",
        )[0]["word"]
    )


# --- media-search


def test_a_title_is_found_by_its_words(someone: Person, titles: list[Any]) -> None:
    reply = someone.call(SEARCH, {"query": f"  {titles[0]['name']} "})
    body = reply.json()
    assert reply.status_code == 200
    assert titles[0]["id"] in [row["id"] for row in body["results"]]
    assert (body["ok"], body["query"], body["page"], body["limit"]) == (True, titles[0]["name"], 1, 20)
    assert set(body["results"][0]) == COLUMNS
    assert reply.headers["x-movinesta-rerank"] == "disabled"


def test_pages_follow_each_other_and_tell_what_is_left(someone: Person) -> None:
    word = word_of_many(someone.sandbox)
    whole = someone.call(SEARCH, {"query": word, "limit": 50}).json()
    total = whole["totalCount"]
    assert total == len(whole["results"]) >= 5
    assert whole["hasMore"] is False
    first = someone.call(SEARCH, {"query": word, "limit": 3}).json()
    second = someone.call(SEARCH, {"query": word, "limit": 3, "page": 2}).json()
    assert first["hasMore"] is True
    assert (first["totalCount"], second["totalCount"]) == (total, total)
    shown = [row["id"] for row in first["results"] + second["results"]]
    assert shown == [row["id"] for row in whole["results"]][: len(shown)]


def test_filters_narrow(someone: Person) -> None:
    word = word_of_many(someone.sandbox)
    everything = someone.call(SEARCH, {"query": word, "limit": 50}).json()["results"]

    def narrowed(**filters: Any) -> list[dict[str, Any]]:
        return list(someone.call(SEARCH, {"query": word, "limit": 50, "filters": filters}).json()["results"])

    def year(row: dict[str, Any]) -> int:
        return int((row["tmdb_release_date"] or row["tmdb_first_air_date"])[:4])

    kind, genre, middle = everything[0]["kind"], everything[0]["tmdb_genre_ids"][0], year(everything[2])
    assert narrowed(type="all") == everything
    assert narrowed(type=kind) == [row for row in everything if row["kind"] == kind]
    assert narrowed(genreIds=[genre]) == [row for row in everything if genre in row["tmdb_genre_ids"]]
    assert narrowed(minYear=middle) == [row for row in everything if year(row) >= middle]
    assert narrowed(maxYear=middle) == [row for row in everything if year(row) <= middle]
    assert narrowed(originalLanguage="ja") == [row for row in everything if row["tmdb_original_language"] == "ja"]


def test_nothing_found_is_a_success(someone: Person) -> None:
    body = someone.call(SEARCH, {"query": "zzzqqqxxx"}).json()
    assert (body["results"], body["totalCount"], body["hasMore"]) == ([], 0, False)


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"query": "  "},
        {"query": 5},
        {"query": "a", "page": 0},
        {"query": "a", "limit": 51},
        {"query": "a", "limit": None},
        {"query": "a", "filters": {"type": "episode"}},
    ],
)
def test_bad_searches_are_refused_and_cost_nothing(someone: Person, body: Any) -> None:
    someone.spend("media_search", left=1, limit=120)
    reply = someone.call(SEARCH, body)
    assert (reply.status_code, reply.json()["code"]) == (400, "BAD_REQUEST_INVALID_BODY")
    assert someone.call(SEARCH, {"query": "zzz"}).status_code == 200


def test_search_needs_json(someone: Person) -> None:
    reply = someone.raw(SEARCH, b'{"query":"a"}', content_type="text/plain")
    assert (reply.status_code, reply.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    reply = someone.raw(SEARCH, b"{", content_type="application/json")
    assert (reply.status_code, reply.json()["code"]) == (400, "BAD_REQUEST_INVALID_BODY")
    assert someone.call(SEARCH, method="GET").status_code == 405
    assert someone.call(SEARCH, method="OPTIONS").text == "ok"


def test_search_limit_is_120_a_minute(someone: Person) -> None:
    someone.spend("media_search", left=1, limit=120)
    assert someone.call(SEARCH, {"query": "zzz"}).status_code == 200
    reply = someone.call(SEARCH, {"query": "zzz"})
    assert (reply.status_code, reply.json()["code"]) == (429, "RATE_LIMIT")
    assert reply.headers["retry-after"] == str(reply.json()["retryAfterSeconds"])


def test_who_may_search(someone: Person) -> None:
    body = {"query": "zzz"}
    assert someone.call(SEARCH, body, apikey="nonsense").json()["code"] == "INVALID_APIKEY"
    bearer = {"authorization": someone.headers["authorization"]}
    without_key = someone.client.post(f"/functions/v1/{SEARCH}", json=body, headers=bearer)
    assert without_key.status_code == 200
    anonymous = someone.call(SEARCH, body, authorization=f"Bearer {someone.headers['apikey']}")
    assert (anonymous.status_code, anonymous.json()["code"]) == (401, "UNAUTHORIZED")
    over = someone.client.post(f"/functions/v1/{SEARCH}", json=body, headers=someone.expired())
    assert (over.status_code, over.json()["code"]) == (500, "WORKER_ERROR")


def test_a_failing_query_is_named_and_the_request_id_is_lost(someone: Person) -> None:
    reply = someone.call(SEARCH, {"query": "zzz", "filters": {"minYear": 123456789}}, x_request_id="mine")
    assert (reply.status_code, reply.json()["code"]) == (500, "SEARCH_FAILED")
    assert reply.json()["requestId"] == reply.headers["x-request-id"] != "mine"
    beyond = someone.call(SEARCH, {"query": "zzz", "page": 2})
    assert (beyond.status_code, beyond.json()["code"]) == (500, "SEARCH_FAILED")
    assert someone.call(SEARCH, {"query": "zzz"}, x_request_id="mine").headers["x-request-id"] != "mine"


def test_rerank_switched_on_has_no_model_to_ask(someone: Person) -> None:
    word = word_of_many(someone.sandbox)
    try:
        sql(someone.sandbox, "update public.embedding_settings set rerank_search_enabled = true")

        def rerank(**body: Any) -> str:
            return str(someone.call(SEARCH, {"query": word, **body}).headers["x-movinesta-rerank"])

        assert rerank() == "error"
        assert rerank(skipRerank=True) == "skipRerank"
        assert rerank(limit=1) == "insufficient"
    finally:
        sql(someone.sandbox, "update public.embedding_settings set rerank_search_enabled = false")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=4))
def test_any_filter_value_is_parsed_or_refused(value: Any) -> None:
    names = ("type", "minYear", "maxYear", "originalLanguage", "genreIds")
    for name in names:
        try:
            search = media_search_request.parse({"query": "x", "filters": {name: value}})
        except BadSearch:
            assert name == "type"
        else:
            assert search.query == "x"


# --- tmdb-proxy


def tmdb(person: Person, path: str, **params: Any) -> Any:
    reply = person.call(TMDB, {"path": path, "params": params})
    assert reply.status_code == 200, reply.text
    assert reply.json()["ok"] is True
    return reply.json()["data"]


def test_configuration_may_be_cached(someone: Person) -> None:
    reply = someone.call(TMDB, {"path": "/configuration"})
    assert reply.json()["data"]["images"]["secure_base_url"].startswith("https://")
    assert reply.headers["cache-control"] == "public, max-age=86400, stale-while-revalidate=604800"


def test_searches_find_the_catalogue_and_what_it_lacks(someone: Person, titles: list[Any]) -> None:
    wanted = titles[0]
    found = tmdb(someone, "/search/multi", query=wanted["name"])
    assert {"id": wanted["tmdb_id"], "media_type": wanted["tmdb_media_type"]}.items() <= found["results"][0].items()
    known = {title["tmdb_id"] for title in titles}
    foreign = [result for result in found["results"] if result["id"] not in known]
    assert len(foreign) == extra_titles.PER_SEARCH
    assert found == tmdb(someone, "/search/multi", query=wanted["name"])
    assert all("media_type" not in result for result in tmdb(someone, "/search/movie", query="a")["results"])
    assert all("name" in result for result in tmdb(someone, "/search/tv", query="a")["results"])


def test_search_pages_hold_every_result_once(someone: Person) -> None:
    first = tmdb(someone, "/search/multi", query="a")
    ids = [result["id"] for result in first["results"]]
    for page in range(2, first["total_pages"] + 1):
        ids += [result["id"] for result in tmdb(someone, "/search/multi", query="a", page=page)["results"]]
    assert len(set(ids)) == len(ids)
    assert first["total_results"] - extra_titles.PER_SEARCH <= len(ids) <= first["total_results"]


@pytest.mark.parametrize("place", [0, 3, 7])
def test_details_and_their_sections(someone: Person, titles: list[Any], place: int) -> None:
    title = titles[place]
    path = f"/{title['tmdb_media_type']}/{title['tmdb_id']}"
    details = tmdb(someone, path, append_to_response="credits,external_ids,bad-one,unknown")
    assert details["id"] == title["tmdb_id"]
    assert details["credits"]["cast"]
    assert details["external_ids"]["imdb_id"] == title["omdb_imdb_id"]
    assert "unknown" not in details
    assert tmdb(someone, f"{path}/external_ids")["imdb_id"] == title["omdb_imdb_id"]
    for section in ("credits", "videos", "images", "similar", "recommendations", "keywords"):
        assert tmdb(someone, f"{path}/{section}")["id"] == title["tmdb_id"]


def test_people_lists_genres_and_trends(someone: Person) -> None:
    people = tmdb(someone, "/search/person", query="a")["results"]
    one = people[0]
    assert tmdb(someone, f"/person/{one['id']}")["name"] == one["name"]
    assert tmdb(someone, f"/person/{one['id']}/external_ids")["id"] == one["id"]
    genres = tmdb(someone, "/genre/movie/list")["genres"]
    genre = genres[0]["id"]
    assert all(genre in row["genre_ids"] for row in tmdb(someone, "/discover/movie", with_genres=genre)["results"])
    assert len(tmdb(someone, "/trending/all/week")["results"]) == 20
    assert {row["media_type"] for row in tmdb(someone, "/trending/tv/day")["results"]} == {"tv"}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 400, "BAD_REQUEST_INVALID_PATH"),
        (None, 400, "BAD_REQUEST_INVALID_PATH"),
        ({"path": "configuration"}, 400, "BAD_REQUEST_INVALID_PATH"),
        ({"path": "/movie/x"}, 400, "BAD_REQUEST_PATH_NOT_ALLOWED"),
        ({"path": "/movie/1/a/b"}, 400, "BAD_REQUEST_PATH_NOT_ALLOWED"),
        ({"path": "/configuration\n"}, 200, None),
        ({"path": "/configuration/x"}, 400, "BAD_REQUEST_PATH_NOT_ALLOWED"),
        ({"path": "/account"}, 400, "BAD_REQUEST_PATH_NOT_ALLOWED"),
        ({"path": "/search/multi"}, 400, "TMDB_BAD_REQUEST"),
        ({"path": "/movie/7"}, 404, "TMDB_NOT_FOUND"),
        ({"path": "/movie/99999999999999"}, 404, "TMDB_NOT_FOUND"),
        ({"path": "/movie/2000000000/nonsense"}, 404, "TMDB_NOT_FOUND"),
        ({"path": "/tv/2000000000"}, 404, "TMDB_NOT_FOUND"),
        ({"path": "/person/1"}, 404, "TMDB_NOT_FOUND"),
        ({"path": "/person/999999999999"}, 404, "TMDB_NOT_FOUND"),
    ],
)
def test_tmdb_refusals(someone: Person, body: Any, status: int, code: str | None) -> None:
    reply = someone.raw(TMDB, json.dumps(body).encode(), content_type="application/json", x_request_id="r-1")
    assert (reply.status_code, reply.json().get("code")) == (status, code)
    assert reply.headers["x-request-id"] == "r-1"
    if code == "TMDB_BAD_REQUEST":
        assert reply.json()["status"] == 422


def test_tmdb_methods_types_and_people(someone: Person) -> None:
    assert someone.call(TMDB, method="GET").json()["code"] == "METHOD_NOT_ALLOWED"
    assert someone.raw(TMDB, b"{}", content_type="text/plain").status_code == 415
    anonymous = someone.call(TMDB, {"path": "/configuration"}, authorization=f"Bearer {someone.headers['apikey']}")
    assert (anonymous.status_code, anonymous.json()["code"]) == (401, "INVALID_SESSION")


def test_tmdb_limit_follows_its_setting_and_only_allowed_paths_count(someone: Person) -> None:
    someone.spend("tmdb", left=1, limit=120)
    assert someone.call(TMDB, {"path": "/account"}).status_code == 400
    assert someone.call(TMDB, {"path": "/configuration"}).status_code == 200
    reply = someone.call(TMDB, {"path": "/configuration"})
    assert (reply.status_code, reply.json()["code"]) == (429, "RATE_LIMIT")
    assert "retry-after" in reply.headers
    key = "integrations.tmdb_proxy.max_per_minute"
    try:
        sql(
            someone.sandbox,
            "insert into public.app_settings (key, scope, value) values ($1, 'server_only', '200')",
            key,
        )
        assert someone.call(TMDB, {"path": "/configuration"}).status_code == 200
    finally:
        sql(someone.sandbox, "delete from public.app_settings where key = $1", key)


def test_settings_bound_what_tmdb_is_asked() -> None:
    limits = tmdb_request.bounds(
        {
            "integrations.tmdb_proxy.max_page": 3,
            "integrations.tmdb_proxy.max_query_len": 10,
            "integrations.tmdb_proxy.timeout_ms": 10,
            "integrations.tmdb_proxy.max_per_minute": "many",
        }
    )
    assert limits == Bounds(pages=3, query_chars=10)
    given = {
        "page": "9x",
        "query": " abcdefghijklmnop ",
        "api_key": "s",
        "year": None,
        "append_to_response": "a, b-c,d",
    }
    assert tmdb_request.parameters(given, limits) == {
        "language": "en-US",
        "page": "3",
        "query": "abcdefghij",
        "append_to_response": "a,d",
    }
    assert tmdb_request.parameters({"page": "x", "language": "de"}, limits) == {"language": "de"}


@given(st.text(max_size=30), st.sampled_from(["movie", "tv", "multi"]))
def test_foreign_titles_follow_from_the_question(query: str, kind: str) -> None:
    numbers = extra_titles.matches(query, kind)
    assert numbers == extra_titles.matches(query.upper().lower(), kind) or query.upper().lower() != query.lower()
    assert 1 <= len(numbers) <= extra_titles.PER_SEARCH
    for number in numbers:
        assert kind == "multi" or extra_titles.kind_of(number) == kind
        assert extra_titles.by_imdb_id(extra_titles.imdb_id(number)) == number
        assert extra_titles.row(number) == extra_titles.row(number)


@pytest.mark.parametrize(
    ("upstream", "status", "code", "wait"),
    [
        (401, 500, "TMDB_AUTH_FAILED", None),
        (403, 500, "TMDB_AUTH_FAILED", None),
        (418, 400, "TMDB_BAD_REQUEST", None),
        (429, 429, "TMDB_RATE_LIMIT", "5"),
        (503, 502, "TMDB_UPSTREAM_5XX", "2"),
    ],
)
def test_upstream_trouble(
    someone: Person, monkeypatch: pytest.MonkeyPatch, upstream: int, status: int, code: str, wait: str | None
) -> None:
    async def refusing(services: Any) -> None:
        wait_s = fake_tmdb._WAITS.get(upstream)
        raise fake_tmdb.UpstreamError(upstream, wait_s)

    monkeypatch.setattr(fake_tmdb, "latency", refusing)
    reply = someone.call(TMDB, {"path": "/configuration"})
    assert (reply.status_code, reply.json()["code"], reply.headers.get("retry-after")) == (status, code, wait)


def test_switches_slow_and_break_the_upstream() -> None:
    switches = Switches.parse(["tmdb_delay_ms=1300", "tmdb_status=0"])
    with Sandbox(SandboxOptions(people=2, catalogue=20, switches=switches)) as running:
        person = enter(running, 0)
        began = time.monotonic()
        assert person.call(TMDB, {"path": "/configuration"}).status_code == 200
        assert time.monotonic() - began >= 1.3
        sql(
            running,
            "insert into public.app_settings (key, scope, value) "
            "values ('integrations.tmdb_proxy.timeout_ms', 'server_only', '1000')",
        )
        reply = person.call(TMDB, {"path": "/configuration"})
        assert (reply.status_code, reply.json()["code"]) == (500, "INTERNAL_ERROR")


def test_the_status_switch_speaks_for_the_upstream() -> None:
    with Sandbox(SandboxOptions(people=2, catalogue=20, switches=Switches.parse(["tmdb_status=503"]))) as running:
        reply = enter(running, 0).call(TMDB, {"path": "/configuration"})
        assert (reply.status_code, reply.json()["code"]) == (502, "TMDB_UPSTREAM_5XX")


# --- catalog-sync


def test_a_foreign_title_is_taken_in_once(someone: Person) -> None:
    number = extra_titles.matches(str(uuid.uuid4()), "movie")[0]
    body = {"tmdbId": number, "contentType": "movie"}
    first, again = (someone.call(SYNC, body).json() for _ in range(2))
    assert first == again
    assert (first["kind"], first["tmdb_id"], first["omdb_imdb_id"]) == ("movie", number, f"tt{number}")
    rows = sql(someone.sandbox, "select id::text, tmdb_title from public.media_items where tmdb_id = $1", number)
    assert [row["id"] for row in rows] == [first["media_item_id"]]
    found = someone.call(SEARCH, {"query": rows[0]["tmdb_title"], "limit": 50}).json()["results"]
    assert first["media_item_id"] in [row["id"] for row in found]


def test_a_known_title_is_left_alone_once_it_is_known_well_enough(someone: Person, titles: list[Any]) -> None:
    # A film: TMDb says no IMDb id of series, so that a refresh takes theirs away, as shipped.
    title = [one for one in titles if one["tmdb_media_type"] == "movie"][-1]
    wanted = {"external": {"tmdbId": title["tmdb_id"]}, "contentType": "movie", "options": {"syncOmdb": False}}

    def version() -> str:
        return str(sql(someone.sandbox, "select xmin::text from public.media_items where id = $1", title["id"])[0][0])

    someone.call(SYNC, {**wanted, "options": {"forceRefresh": True}})
    before = version()
    reply = someone.call(SYNC, wanted).json()
    assert (reply["media_item_id"], reply["kind"]) == (title["id"], title["kind"])
    assert version() == before
    by_imdb = someone.call(SYNC, {"imdbId": title["omdb_imdb_id"], "options": {"syncOmdb": False}}).json()
    assert by_imdb["media_item_id"] == title["id"]
    assert version() == before
    someone.call(SYNC, {**wanted, "options": {"syncOmdb": False, "forceRefresh": True}})
    assert version() != before


def test_sync_refusals(someone: Person) -> None:
    reply = someone.call(SYNC, {"contentType": "movie"}, x_request_id="mine")
    assert (reply.status_code, reply.json()["code"]) == (400, "MISSING_IDS")
    assert reply.headers["x-request-id"] != "mine"
    assert someone.call(SYNC, [1]).json()["code"] == "BAD_REQUEST_INVALID_BODY"
    assert someone.raw(SYNC, b"{", content_type="application/json").json()["code"] == "BAD_REQUEST_INVALID_BODY"
    assert someone.raw(SYNC, b"{}").status_code == 415
    assert someone.call(SYNC, method="GET").status_code == 405
    unknown = someone.call(SYNC, {"tmdbId": 7, "contentType": "movie"}).json()
    noted = "select kind::text, tmdb_status, tmdb_error from public.media_items where id = $1"
    row = sql(someone.sandbox, noted, unknown["media_item_id"])[0]
    assert (row["kind"], row["tmdb_status"]) == ("movie", "failed")
    assert row["tmdb_error"].startswith("TMDB request failed: 404 ")
    odd = someone.call(SYNC, {"imdbId": "nonsense"})  # the row cannot be stored, and nothing catches that
    assert (odd.status_code, odd.json()["code"]) == (500, "WORKER_ERROR")
    lone = {"authorization": f"Bearer {someone.headers['apikey']}"}
    assert someone.call(SYNC, {}, **lone).json()["code"] == "INVALID_SESSION"


def test_sync_limit_has_neither_code_nor_hint_and_comes_before_the_person(someone: Person) -> None:
    someone.spend(SYNC, left=1, limit=60)
    assert someone.call(SYNC, {}).status_code == 400
    reply = someone.call(SYNC, {})
    assert (reply.status_code, set(reply.json())) == (429, {"ok", "error", "message", "requestId"})
    assert "retry-after" not in reply.headers
    forged = someone.client.post(f"/functions/v1/{SYNC}", json={}, headers=someone.expired())
    assert forged.status_code == 429


def test_a_batch_is_a_200_whatever_became_of_its_items(someone: Person, titles: list[Any]) -> None:
    title = titles[9]
    content = "movie" if title["tmdb_media_type"] == "movie" else "series"
    items = [
        {"tmdbId": title["tmdb_id"], "contentType": content},
        {"tmdbId": 7, "contentType": "anime"},
        {"contentType": "movie"},
        None,
        {"imdbId": title["omdb_imdb_id"]},
    ]
    reply = someone.call(BATCH, {"items": items, "options": {"syncOmdb": False}}, x_request_id="mine")
    assert reply.status_code == 200
    assert reply.headers["x-request-id"] != "mine"
    results = reply.json()["results"]
    assert [result["status"] for result in results] == ["fulfilled", "rejected", "fulfilled"], results
    assert [result["mediaItemId"] for result in results] == [title["id"], None, title["id"]]
    assert json.loads(results[1]["error"])["code"] == "BAD_REQUEST_INVALID_BODY"
    assert all("contentType" not in result for result in results)


def test_each_item_of_a_batch_spends_the_sync_quota(someone: Person, titles: list[Any]) -> None:
    someone.spend(SYNC, left=2, limit=60)
    items = [{"imdbId": title["omdb_imdb_id"]} for title in titles[:5]]
    results = someone.call(BATCH, {"items": items, "options": {"syncOmdb": False}}).json()["results"]
    assert sorted(result["status"] for result in results) == ["fulfilled"] * 2 + ["rejected"] * 3
    error = next(result["error"] for result in results if result["status"] == "rejected")
    assert json.loads(error)["message"] == "Rate limit exceeded"


@pytest.mark.parametrize("body", [{}, {"items": []}, {"items": {}}, {"items": [{"contentType": "movie"}, 5]}, []])
def test_batches_without_a_title_are_refused(someone: Person, body: Any) -> None:
    reply = someone.call(BATCH, body)
    assert (reply.status_code, reply.json()["code"]) == (400, "BAD_REQUEST_INVALID_BODY")
    assert someone.call(BATCH, method="GET").status_code == 405
    assert someone.raw(BATCH, b"{}").status_code == 415
    anonymous = someone.call(BATCH, {"items": [{"tmdbId": 7}]}, authorization=f"Bearer {someone.headers['apikey']}")
    assert anonymous.status_code == 401

"""Swipe events on their way into the database, and what the database does with them afterwards."""

from __future__ import annotations

import asyncio
import json
import math
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import functions
from sandbox.functions.events.input import Ingest, SwipeRow
from sandbox.functions.events.rows import labels_json, random_ids, rows_json, taste_json
from sandbox.tokens import Keys

HELPERS = Path(functions.__file__).parent / "helpers.sql"
INSERT = "select sandbox_internal.insert_events($1, $2, $3, $4, $5)"
AFTERMATH = "select sandbox_internal.aftermath($1, $2, $3, $4, $5, $6, $7, $8)"
SERVICE = '{"role": "service_role"}'
FORMAT = "^[0-9a-fA-F-]{36}:[0-9]+:[0-9a-fA-F-]{36}$"
_RATED = {"eventType": "rating_set", "rating0_10": 7.5, "inWatchlist": False}
_WATCHED = {"eventType": "dwell", "dwellMs": 12_500}


def claims(user: uuid.UUID) -> str:
    return json.dumps({"sub": str(user), "role": "authenticated"})


def in_database(database: Any, work: Callable[[asyncpg.Connection], Awaitable[None]]) -> None:
    async def main() -> None:
        connection = await asyncpg.connect(database.dsn())
        try:
            await connection.execute(HELPERS.read_text(encoding="utf-8"))
            await work(connection)
        finally:
            await connection.close()

    asyncio.run(main())


def rows_of(*events: dict[str, Any], **base: Any) -> list[SwipeRow]:
    ingest = Ingest(12_000, lambda: str(uuid.uuid4()))
    ids = {"sessionId": str(uuid.uuid4()), "mediaItemId": str(uuid.uuid4())}
    ingest.read({**ids, **base, "events": list(events)})
    assert not ingest.rejected
    return ingest.rows


@given(st.integers(0, 300))
def test_ids_are_random_uuids_of_version_4(count: int) -> None:
    made = [uuid.UUID(text) for text in random_ids(count)]
    assert len(set(made)) == count
    assert all(one.version == 4 and one.variant == uuid.RFC_4122 for one in made)


def test_every_bit_of_an_id_that_may_vary_does() -> None:
    made = [uuid.UUID(text).int for text in random_ids(500)]
    seen_set, seen_clear = 0, 0
    for one in made:
        seen_set |= one
        seen_clear |= ~one
    varying = seen_set & seen_clear & (2**128 - 1)
    assert varying == int("ffffffffffff0fff3fffffffffffffff", 16)


@given(
    payload=st.dictionaries(
        st.text(max_size=5), st.one_of(st.text(), st.floats(allow_nan=False), st.none()), max_size=3
    ),
    dwell=st.floats(min_value=0, max_value=1e300),
    source=st.text(),
)
def test_rows_arrive_with_the_values_they_had(payload: dict[str, Any], dwell: float, source: str) -> None:
    (row,) = rows_of({"eventType": "dwell", "dwellMs": dwell, "payload": payload}, source=source)
    (told,) = json.loads(rows_json([row]), parse_int=float)  # JavaScript's digits of large numbers are rounded ones
    assert told["source"] == source
    assert math.isclose(told["dwell_ms"], dwell)
    if payload and all(map(math.isfinite, (value for value in payload.values() if isinstance(value, float)))):
        assert told["payload"] == payload
    named = {"dwell_ms", "payload", "rating"}
    assert {name: told[name] for name in SwipeRow._fields if name not in named} == {
        name: value for name, value in row._asdict().items() if name not in named
    }


def test_labels_of_cards_that_were_never_served_are_left_out() -> None:
    assert labels_json({}) is None
    assert labels_json({"nonsense": {"swipe_like": None}}) is None


def test_stored_rows_keep_what_the_person_sent(own: Any) -> None:
    me = own.summary.people[0].id
    source = 'a "quoted" \\ {source}, ünï ✓'
    payload = {"text": source, "big": 1e21, "half": 0.5, "none": None, "list": [1, {"a": 2}]}
    rows = rows_of({**_RATED, "payload": payload}, {"eventType": "like"}, source=source)

    async def work(connection: asyncpg.Connection) -> None:
        async with connection.transaction():
            await connection.execute(INSERT, "authenticated", claims(me), me, datetime.now(UTC).date(), rows_json(rows))
        stored = await connection.fetch(
            "select * from public.media_events where session_id = $1 order by event_type", uuid.UUID(rows[0].session_id)
        )
        like, rated = stored
        assert (like["payload"], like["rating_0_10"], like["in_watchlist"], like["dwell_ms"]) == (None,) * 4
        assert json.loads(rated["payload"]) == payload
        assert (float(rated["rating_0_10"]), rated["in_watchlist"], rated["source"]) == (7.5, False, source)
        assert {row["user_id"] for row in stored} == {me}

    in_database(own, work)


def test_nobody_writes_events_for_somebody_else(own: Any) -> None:
    me, other = own.summary.people[0].id, own.summary.people[1].id

    async def work(connection: asyncpg.Connection) -> None:
        rows = rows_json(rows_of({"eventType": "like"}))
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(INSERT, "authenticated", claims(me), other, datetime.now(UTC).date(), rows)

    in_database(own, work)


def test_taste_is_learned_row_by_row_where_the_missing_table_exists(own: Any) -> None:
    """As shipped every taste call fails. Give the database its table, and each row's values must reach the function."""
    me = own.summary.people[0].id

    async def work(connection: asyncpg.Connection) -> None:
        film = str(await connection.fetchval("select media_item_id from public.media_embeddings limit 1"))
        strong = {"eventType": "watchlist", "inWatchlist": True}
        rows = rows_of(_WATCHED, _RATED, strong, {"eventType": "dislike"}, mediaItemId=film)
        call = (AFTERMATH, "authenticated", claims(me), SERVICE, me, taste_json(rows), None, 60, None)
        session = uuid.UUID(rows[0].session_id)
        learned = "select count(*) from public.media_session_vectors where session_id = $1"
        await connection.execute(*call)
        assert await connection.fetchval(learned, session) == 0
        await connection.execute("create table public.media_swipe_sessions (id uuid primary key, user_id uuid)")
        await connection.execute("insert into public.media_swipe_sessions values ($1, $2)", session, me)
        await connection.execute(
            "create table seen (type text, dwell integer, rating numeric, strong boolean);"
            "alter function public.media_update_taste_vectors_v1(uuid, uuid, public.media_event_type, numeric, integer,"
            " boolean) rename to taste_as_shipped;"
            "create function public.media_update_taste_vectors_v1(p_session_id uuid, p_media_item_id uuid,"
            " p_event_type public.media_event_type, p_rating_0_10 numeric default null,"
            " p_dwell_ms integer default null, p_is_strong_signal boolean default null) returns jsonb"
            " language plpgsql security definer as $$ begin"
            "  insert into public.seen values (p_event_type, p_dwell_ms, p_rating_0_10, p_is_strong_signal);"
            "  return public.taste_as_shipped(p_session_id, p_media_item_id, p_event_type, p_rating_0_10, p_dwell_ms,"
            "    p_is_strong_signal); end $$"
        )
        await connection.execute(*call)
        assert await connection.fetchval(learned, session) == 1
        assert [tuple(row) for row in await connection.fetch("select * from public.seen")] == [
            ("dwell", 12_500, None, False),
            ("rating_set", None, 7.5, False),
            ("watchlist", None, None, True),
            ("dislike", None, None, False),
        ]

    in_database(own, work)


def test_labels_are_added_to_cards_old_and_new(own: Any) -> None:
    me = own.summary.people[0].id
    old, new = (f"{uuid.uuid4()}:{place}:{uuid.uuid4()}" for place in (0, 17))

    async def work(connection: asyncpg.Connection) -> None:
        async def label(**labels: dict[str, None]) -> None:
            keyed = {{"old": old, "new": new}[name]: names for name, names in labels.items()}
            await connection.execute(
                AFTERMATH, "authenticated", claims(me), SERVICE, me, "[]", None, 60, labels_json(keyed)
            )

        await label(old={"swipe_skip": None})
        await label(old={"swipe_like": None, "swipe_skip": None}, new={"swipe_hide": None})
        stored = await connection.fetch(
            "select * from public.media_rank_feature_items_v2 where dedupe_key = any ($1) order by position", [old, new]
        )
        assert [json.loads(row["labels"]) for row in stored] == [["swipe_skip", "swipe_like"], ["swipe_hide"]]
        for row, key in zip(stored, (old, new), strict=True):
            assert f"{row['rec_request_id']}:{row['position']}:{row['media_item_id']}" == key
            assert row["user_id"] == me

    in_database(own, work)


def test_centroids_are_liked_titles_far_from_each_other(own: Any) -> None:
    me = own.summary.people[0].id

    async def work(connection: asyncpg.Connection) -> None:
        await connection.execute("delete from public.media_events where user_id = $1", me)
        films = await connection.fetch("select media_item_id as id from public.media_embeddings order by 1 limit 30")
        liked = [str(film["id"]) for film in films[::3]]
        rows = [rows_of({"eventType": "like"}, mediaItemId=film)[0] for film in (*liked, str(uuid.uuid4()))]
        await connection.execute(INSERT, "authenticated", claims(me), me, datetime.now(UTC).date(), rows_json(rows))
        pairs = await connection.fetch(
            "select a.media_item_id::text as a, b.media_item_id::text as b,"
            " a.embedding operator(extensions.<=>) b.embedding as far"
            " from public.media_embeddings a, public.media_embeddings b"
            " where a.media_item_id = any ($1::uuid[]) and b.media_item_id = any ($1::uuid[])",
            liked,
        )
        far = {(pair["a"], pair["b"]): pair["far"] for pair in pairs}
        expected = [min(liked)]
        while len(expected) < 3:
            rest = [film for film in liked if film not in expected]
            expected.append(max(rest, key=lambda film: min(far[film, chosen] for chosen in expected)))
        for _ in range(2):  # a refresh replaces what was there
            await connection.execute(AFTERMATH, "authenticated", claims(me), SERVICE, me, "[]", 3, 60, None)
            stored = await connection.fetch(
                "select exemplar_media_item_id::text from public.media_user_centroids"
                " where user_id = $1 order by centroid",
                me,
            )
            assert [row[0] for row in stored] == expected
        await connection.execute("delete from public.media_events where user_id = $1", me)
        await connection.execute(AFTERMATH, "authenticated", claims(me), SERVICE, me, "[]", 3, 60, None)
        gone = "select count(*) from public.media_user_centroids where user_id = $1"
        assert await connection.fetchval(gone, me) == 0

    in_database(own, work)


def test_the_served_key_check_takes_exactly_what_the_shipped_pattern_takes(database: Any) -> None:
    one, two = str(uuid.uuid4()), str(uuid.uuid4()).upper()
    keys = {
        f"{a}:{place}:{b}"
        for a in (one, two, "-" * 36)
        for b in (one, two)
        for place in ("0", "12", "5000", "12345", "9" * 20)
    }
    wrong = {f"{one}:{place}:{two}" for place in ("", "-1", "1a", " 1", "1:2", "\u0661")}
    wrong |= {f"{one}:1:{two}\n", f" {one}:1:{two}", f"{one}x:1:{two}", f"{one[:-1]}:1:{two}", f"{one[:-1]}:12:{two}"}
    wrong |= {f"{one}:1:{two}a", f"{one}:123:{two[:-1]}", f"{one}:123:{two[:-1]}:", f"{one[:-1]}g:1:{two}", "", one}
    wrong |= {f"{one[:-1]}ü:1:{two}", f"{one}:1:{two[:-1]}ü", f"{one[:-1]}::1:{two[:-1]}", f"{one}:1:{two}:", ":::"}

    async def work(connection: asyncpg.Connection) -> None:
        check = await connection.fetchval(
            "select pg_get_expr(conbin, conrelid) from pg_constraint"
            " where conname = 'media_events_served_dedupe_key_format_chk'"
            " and conrelid = 'public.media_events'::regclass"
        )
        for key in sorted(keys | wrong):
            judged = await connection.fetchrow(
                f"select {check} as taken, served_dedupe_key ~ '{FORMAT}' as fits"
                " from (select $1::text) t(served_dedupe_key)",
                key,
            )
            assert judged["taken"] == judged["fits"] == (key in keys), key

    in_database(database, work)


def test_a_token_names_the_session_it_is_given() -> None:
    keys = Keys("s" * 32)

    def told(**given: Any) -> dict[str, Any]:
        token = keys.access_token("someone", "a@b.c", lifetime_s=60, issuer="here", **given)
        return dict(json.loads(keys.principal(token).claims))

    assert told(session_id="one")["session_id"] == "one"
    assert uuid.UUID(told()["session_id"]) != uuid.UUID(told()["session_id"])
    assert told()["app_metadata"] == {"provider": "email", "providers": ["email"]}
    assert told(app_metadata={})["app_metadata"] == {}

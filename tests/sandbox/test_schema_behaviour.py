"""What the schema's newer parts do: titles' triggers, lists, goals, the provider's breakers, the service's jobs."""

from __future__ import annotations

import json
import re
import uuid
from typing import Any

import asyncpg
import pytest

from sandbox.principal import acting
from tests.sandbox.test_schema import ANON, SERVICE, direct, person, run, sign_up

TITLE = (
    "insert into public.media_items (kind, tmdb_id, tmdb_title)"
    " values ($1::text::public.media_kind, $2, $3) returning id"
)


async def film(pool: asyncpg.Pool, number: int, name: str = "A film") -> uuid.UUID:
    made: uuid.UUID = await pool.fetchval(TITLE, "movie", number, name)
    return made


def test_a_title_gets_its_kind_its_words_and_its_genres(database: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        await pool.execute(
            "insert into public.genres (id, name, slug) values (901, 'Noir', 'noir'), (902, 'Heist', 'heist')"
        )
        made = await pool.fetchrow(
            "insert into public.media_items (kind, tmdb_id, tmdb_media_type, tmdb_name, tmdb_tagline, tmdb_genre_ids,"
            " omdb_genre) values (null, 4711, 'tv', 'The Lighthouse Keeper', 'Storms pass', '{901}', 'heist, Unknown')"
            " returning id, kind::text"
        )
        assert made["kind"] == "series", "TMDb says what it is"
        found = (
            "select count(*) from public.media_items"
            " where id = $1 and search_vector @@ websearch_to_tsquery('english', $2)"
        )
        assert [await pool.fetchval(found, made["id"], word) for word in ("lighthouses", "storm", "desert")] == [
            1,
            1,
            0,
        ]
        genres = "select array_agg(genre_id order by genre_id) from public.media_genres where media_item_id = $1"
        assert await pool.fetchval(genres, made["id"]) == [901, 902]
        await pool.execute("update public.media_items set tmdb_name = 'In the Desert', tmdb_genre_ids = '{902}',"
            " omdb_genre = null"
                           " where id = $1", made["id"])  # fmt: skip
        assert [await pool.fetchval(found, made["id"], word) for word in ("lighthouses", "desert")] == [0, 1]
        assert await pool.fetchval(genres, made["id"]) == [902]
        await pool.execute("delete from public.media_items where id = $1", made["id"])
        noted = await pool.fetchval(
            "select action from public.admin_audit_log where target = $1", f"MEDIA_ITEM:{made['id']}"
        )
        assert noted == "DELETE_MEDIA_ITEM"

    run(database, work, "postgres")


@pytest.mark.parametrize(
    ("values", "constraint"),
    [
        ("('movie', null, null)", "external_id_required"),
        ("('movie', 0, null)", "tmdb_id_positive"),
        ("('movie', null, 'nm123')", "imdb_id_format"),
    ],
)
def test_what_a_title_may_not_be(database: Any, values: str, constraint: str) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        with pytest.raises(asyncpg.CheckViolationError, match=constraint):
            await pool.execute(f"insert into public.media_items (kind, tmdb_id, omdb_imdb_id) values {values}")

    run(database, work, "postgres")


def test_only_an_administrator_may_insert_titles(database: Any) -> None:
    upsert = (
        "insert into public.media_items (kind, tmdb_id) values ('movie', $1) on conflict (kind, tmdb_id) do nothing"
    )

    async def work(pool: asyncpg.Pool) -> None:
        (me,) = await sign_up(pool)
        async with asyncpg.create_pool(database.dsn(user="authenticator"), min_size=1, max_size=1) as client:
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                async with acting(client, person(me)) as db:
                    await db.execute(upsert, 90_001)
            async with acting(client, SERVICE) as db:
                await db.execute(upsert, 90_001)

    run(database, work, "postgres")


def test_lists_are_their_makers_and_public_ones_everybodys(database: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        me, other = await sign_up(pool, 2)
        title = await film(pool, 90_100)
        add = "insert into public.list_items (list_id, title_id, content_type) values ($1, $2, 'movie')"
        async with asyncpg.create_pool(database.dsn(user="authenticator"), min_size=1, max_size=1) as client:
            made = {}
            async with acting(client, person(me)) as db:
                for public in (True, False):
                    made[public] = await db.fetchval(
                        "insert into public.lists (user_id, name, is_public) values ($1, 'L', $2) returning id",
                        me,
                        public,
                    )
                    await db.execute(add, made[public], title)
            for principal in (person(other), ANON):
                async with acting(client, principal) as db:
                    assert [row["id"] for row in await db.fetch("select id from public.lists")] == [made[True]]
                    assert [row["list_id"] for row in await db.fetch("select list_id from public.list_items")] == [
                        made[True]
                    ]
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with acting(client, person(other)) as db:
                    await db.execute(add, made[True], title)
            async with acting(client, person(other)) as db:
                assert await db.execute("delete from public.lists where id = $1", made[True]) == "DELETE 0"
            async with acting(client, person(me)) as db:
                assert await db.execute("delete from public.lists") == "DELETE 2"
        assert await pool.fetchval("select count(*) from public.list_items where title_id = $1", title) == 0

    run(database, work, "postgres")


def test_goals_count_what_is_watched_once_and_on_their_list(database: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        (me,) = await sign_up(pool)
        listed, other = await film(pool, 90_200), await film(pool, 90_201)
        chosen = await pool.fetchval("insert into public.lists (user_id, name) values ($1, 'L') returning id", me)
        await pool.execute(
            "insert into public.list_items (list_id, title_id, content_type) values ($1, $2, 'movie')", chosen, listed
        )
        goal = (
            "insert into public.assistant_goals (user_id, kind, title, meta)"
            " values ($1, 'watch_count', $2, $3) returning id"
        )
        notes = {
            "any": {"targetCount": 3},
            "listed": {"listId": str(chosen), "target_count": 1},
            "odd": {"listId": "none"},
        }
        goals = {name: await pool.fetchval(goal, me, name, json.dumps(meta)) for name, meta in notes.items()}
        see = (
            "insert into public.library_entries (user_id, title_id, content_type, status)"
            " values ($1, $2, 'movie', 'watched')"
            " on conflict (user_id, title_id) do update set status = excluded.status"
        )
        for title in (listed, other, listed):
            await pool.execute(see, me, title)
        counted = "select progress_count, target_count from public.assistant_goals where id = $1"
        assert {name: tuple(await pool.fetchrow(counted, one)) for name, one in goals.items()} == {
            "any": (2, 3), "listed": (1, 1), "odd": (2, 0),
        }  # fmt: skip

    run(database, work, "postgres")


def test_the_watchlist_leaves_activity_as_shipped(database: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        (me,) = await sign_up(pool)
        title = await film(pool, 90_300)
        await pool.execute(
            "insert into public.library_entries (user_id, title_id, content_type) values ($1, $2, 'movie')", me, title
        )
        for status in ("dropped", "watching", "want_to_watch", "watched"):
            await pool.execute(
                "update public.library_entries set status = $2::text::public.library_status where user_id = $1",
                me,
                status,
            )
        rows = await pool.fetch("select event_type::text, payload from public.activity_events where user_id = $1"
                                " order by created_at, id", me)  # fmt: skip
        told = [(row["event_type"], sorted(json.loads(row["payload"]))) for row in rows]
        assert sorted(told) == [
            ("watched", ["completed_at", "status"]), ("watchlist_added", ["status"]), ("watchlist_added", ["status"]),
            ("watchlist_removed", ["status"]),
        ]  # fmt: skip

    run(database, work, "postgres")


def test_a_suggestion_says_what_it_said(database: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        (me,) = await sign_up(pool)
        made = await pool.fetchval(
            "insert into public.assistant_suggestions (user_id, surface, kind, title, body)"
            " values ($1, 'home', 'k', 't', 'b')"
            " returning id", me,
        )  # fmt: skip
        async with asyncpg.create_pool(database.dsn(user="authenticator"), min_size=1, max_size=1) as client:
            async with acting(client, person(me)) as db:
                await db.execute(
                    "update public.assistant_suggestions set dismissed_at = now(), model = '' where id = $1", made
                )
            for change in ("title = 'x'", "model = 'm'", "score = 2", "usage = '{\"a\": 1}'"):
                with pytest.raises(asyncpg.RaiseError, match="immutable"):
                    async with acting(client, person(me)) as db:
                        await db.execute(f"update public.assistant_suggestions set {change} where id = $1", made)
            async with acting(client, SERVICE) as db:
                await db.execute("update public.assistant_suggestions set title = 'x' where id = $1", made)

    run(database, work, "postgres")


def test_the_providers_breaker_opens_and_closes(database: Any) -> None:
    fail = "select * from public.openrouter_circuit_on_failure_v1('m', 'E', 'text')"

    async def work(pool: asyncpg.Pool) -> None:
        (me,) = await sign_up(pool)
        async with asyncpg.create_pool(database.dsn(user="authenticator"), min_size=1, max_size=1) as client:
            for asked in (fail, "select public.openrouter_circuit_on_success_v1('m')"):
                with pytest.raises(asyncpg.RaiseError, match="Not authorized"):
                    async with acting(client, person(me)) as db:
                        await db.fetch(asked)
            async with acting(client, SERVICE) as db:
                rows = [await db.fetchrow(fail) for _ in range(3)]
                assert [(row["failure_count"], row["open_until"] is not None) for row in rows] == [
                    (1, False), (2, False), (3, True),
                ]  # fmt: skip
                assert await db.fetchval("select public.openrouter_circuit_should_skip_v1('m')") is True
                await db.execute("select public.openrouter_circuit_on_success_v1('m')")
                assert await db.fetchval("select public.openrouter_circuit_should_skip_v1('m')") is False
                assert (
                    await db.fetchval("select failure_count from public.openrouter_circuit_breakers where model = 'm'")
                    == 0
                )
                assert await db.fetchval("select public.openrouter_circuit_cleanup_v1(1)") == 0
            with pytest.raises(asyncpg.UndefinedObjectError, match="ops_alerts_active_dedupe_key_uniq"):
                async with acting(client, SERVICE) as db:  # as shipped: no alert is ever raised
                    await db.execute("select public.ops_alert_raise_v1('k', 'warn', 't', 'd', 's', 'key')")

    run(database, work, "postgres")


def test_replies_that_are_due_are_claimed_once(own: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        me = own.summary.people[0].id
        conversation = await direct(pool, me, own.summary.assistant_id)
        job = (
            "insert into public.assistant_reply_jobs (user_id, conversation_id, user_message_id,"
            " dedupe_key, next_run_at)"
            " values ($1, $2, gen_random_uuid(), $3, now() + $4::text::interval)"
        )
        for key, wait in (("due", "-1 s"), ("later", "1 hour")):
            await pool.execute(job, me, conversation, key, wait)
        claim = "select dedupe_key, status, attempts from public.assistant_claim_reply_jobs_v1()"
        assert [tuple(row) for row in await pool.fetch(claim)] == [("due", "processing", 1)]
        assert await pool.fetch(claim) == []

    run(own, work, "postgres")


def test_trends_come_from_the_days(own: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        async with acting(pool, SERVICE) as db:
            rows = await db.fetch("select * from public.media_item_trending_72h order by trend_score desc")
            assert len(rows) > 100
            assert rows[0]["likes"] > rows[-1]["likes"]
            before = await db.fetchval("select max(computed_at) from public.media_trending_scores")
            await db.execute("select public.refresh_media_trending_scores()")
            assert await db.fetchval("select max(computed_at) > $1 from public.media_trending_scores", before)
            best = await db.fetch(
                "select media_item_id from public.media_trending_scores order by score_72h desc limit 20"
            )
            assert {row[0] for row in best} & {row["media_item_id"] for row in rows[:40]}

    run(own, work)


def test_the_seed_fills_lists_and_ratings_as_omdb_writes_them(seeded: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        public = await pool.fetchrow(
            "select count(*) filter (where is_public) as shown, count(*) as made,"
            " (select count(*) from public.list_items) as items from public.lists"
        )
        assert 0 < public["shown"] < public["made"] < public["items"]
        rated = await pool.fetch(
            "select omdb_rating_rotten_tomatoes as tomatoes, omdb_ratings, tmdb_genres, tmdb_raw"
            " from public.media_items"
        )
        for row in rated:
            values = {one["Source"]: one["Value"] for one in json.loads(row["omdb_ratings"])}
            assert values["Rotten Tomatoes"] == row["tomatoes"]
            assert re.fullmatch("[0-9]{1,3}%", row["tomatoes"])
            assert json.loads(row["tmdb_genres"]) == json.loads(row["tmdb_raw"])["genres"]
        assert await pool.fetchval("select sum(lists_count) from public.user_stats") == public["made"]

    run(seeded, work, "postgres")

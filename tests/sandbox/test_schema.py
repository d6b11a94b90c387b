"""The schema is the application's as shipped: probes, invariants, policies, triggers, limits. Contract 8, 5.4, 2.5."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from sandbox import schema
from sandbox.errors import SandboxError
from sandbox.principal import Principal, acting

ANON = Principal("anon", None, '{"role": "anon"}')
SERVICE = Principal("service_role", None, '{"role": "service_role"}')

# Written for this test from the facts of contract 8.4; the values are those of the shipped dump.
SHIPPED = {
    "media_events_triggers": (
        "select count(*) from pg_trigger where not tgisinternal and (tgrelid = 'public.media_events'::regclass"
        " or tgrelid in (select inhrelid from pg_inherits where inhparent = 'public.media_events'::regclass))",
        "0",
    ),
    "uq_user_dedupe_without_day": (
        "select count(*) from pg_index i where indrelid = 'public.media_events'::regclass and indisunique and"
        " (select array_agg(attname::text order by attname) from pg_attribute where attrelid = i.indrelid"
        " and attnum = any (i.indkey)) = array['dedupe_key', 'user_id']",
        "0",
    ),
    "uq_messages_client_id": (
        "select count(*) from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)"
        " where i.indrelid = 'public.messages'::regclass and i.indisunique and a.attname = 'client_id'",
        "0",
    ),
    "ratings_select_policy": (
        "select count(*) from pg_policies where tablename = 'ratings' and cmd in ('SELECT', 'ALL')",
        "0",
    ),
    "reviews_select_policy": (
        "select count(*) from pg_policies where tablename = 'reviews' and cmd in ('SELECT', 'ALL')",
        "0",
    ),
    "profiles_select_policies": (
        "select string_agg(policyname, ',') from pg_policies where tablename = 'profiles' and cmd in ('SELECT', 'ALL')",
        "profiles_select_self_only",
    ),
    "media_swipe_sessions_table": (
        "select coalesce(to_regclass('public.media_swipe_sessions')::text, 'absent')",
        "absent",
    ),
    "rerank_cache_authenticated_select": (
        "select has_table_privilege('authenticated', 'public.media_rerank_cache', 'select')",
        "False",
    ),
    "check_rate_limit_anon_execute": (
        "select has_function_privilege('anon', 'public.check_rate_limit(text,text,integer)', 'execute')",
        "True",
    ),
    "read_receipts_delete_policy": (
        "select count(*) from pg_policies where tablename = 'message_read_receipts' and cmd in ('DELETE', 'ALL')",
        "0",
    ),
    "media_events_partitions": (
        "select string_agg(inhrelid::regclass::text, ' ' order by inhrelid::regclass::text) from pg_inherits"
        " where inhparent = 'public.media_events'::regclass",
        "media_events_2026_01 media_events_2026_02 media_events_2026_03 media_events_2026_04 media_events_2026_05"
        " media_events_2026_06 media_events_default",
    ),
    "rec_impressions_partitions": (
        "select string_agg(inhrelid::regclass::text, ' ' order by inhrelid::regclass::text) from pg_inherits"
        " where inhparent = 'public.rec_impressions'::regclass",
        "rec_impressions_2026_01 rec_impressions_2026_02 rec_impressions_2026_03 rec_impressions_default",
    ),
    "rerank_swipe_enabled": ("select rerank_swipe_enabled from public.embedding_settings where id = 1", "False"),
    "realtime_tables": (
        "select string_agg(tablename, ',' order by tablename) from pg_publication_tables"
        " where pubname = 'supabase_realtime'",
        "conversation_participants,conversations,message_delivery_receipts,message_reactions,message_read_receipts,"
        "messages",
    ),
    "authenticated_statement_timeout": (
        "select s.setconfig::text from pg_db_role_setting s join pg_roles r on r.oid = s.setrole"
        " where r.rolname = 'authenticated'",
        "{statement_timeout=8s}",
    ),
    "tables_without_rls": (
        "select count(*) from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')"
        " and not relrowsecurity",
        "0",
    ),
    "replica_identity_full": (
        "select string_agg(relname, ' ' order by relname) from pg_class where relreplident = 'f'"
        " and relnamespace = 'public'::regnamespace",
        "conversation_participants conversations message_reactions messages",
    ),
}
INDEXES = {
    "media_events_default": 8,
    "rec_impressions_default": 4,
    "rec_requests": 3,
    "media_rank_feature_items_v2": 4,
    "media_feedback": 7,
    "library_entries": 9,
    "ratings": 10,
    "activity_events": 8,
    "messages": 16,
    "message_delivery_receipts": 8,
    "message_read_receipts": 8,
    "message_reactions": 7,
    "conversations": 4,
    "conversation_participants": 4,
    "assistant_reply_jobs": 14,
    "profiles": 7,
}
# The invariants of contract 8.3 that need no ledger of a run and have to find nothing.
NOTHING_WRONG = {
    "I01": "select user_id, dedupe_key, event_day from media_events group by 1, 2, 3 having count(*) > 1",
    "I07": "select id from media_events where served_dedupe_key is not null and ("
    " split_part(served_dedupe_key, ':', 3)::uuid <> media_item_id"
    " or split_part(served_dedupe_key, ':', 2)::int <> position"
    " or split_part(served_dedupe_key, ':', 1)::uuid <> rec_request_id)",
    "I09": "select user_id, dedupe_key from rec_impressions group by 1, 2 having count(*) > 1",
    "I10": "select rec_request_id from rec_impressions group by 1 having min(position) <> 0"
    " or max(position) <> count(*) - 1 or count(distinct media_item_id) <> count(*)",
    "I15": "select id from media_events where event_day <> (created_at at time zone 'utc')::date",
    "I17": "select e.id from media_events e left join media_items m on m.id = e.media_item_id where m.id is null",
    "I18": "select conversation_id, user_id, client_id from messages where client_id is not null"
    " group by 1, 2, 3 having count(*) > 1",
    "I20": "select m.id from messages m where m.sender_id <> m.user_id or not exists (select 1"
    " from conversation_participants p where p.conversation_id = m.conversation_id and p.user_id = m.user_id)",
    "I21": "select c.id from conversations c join messages m on m.conversation_id = c.id"
    " where c.updated_at < m.created_at",
    "I22": "select c.id from conversations c join conversation_participants p on p.conversation_id = c.id"
    " where not c.is_group group by c.id having array_agg(p.user_id order by p.user_id)"
    " is distinct from c.direct_participant_ids",
    "I23": "select 1 from message_delivery_receipts group by conversation_id, message_id, user_id having count(*) > 1",
    "I24": "select r.id from message_delivery_receipts r join messages m on m.id = r.message_id"
    " where m.conversation_id <> r.conversation_id or m.user_id = r.user_id or r.delivered_at < m.created_at"
    " or not exists (select 1 from conversation_participants p"
    " where p.conversation_id = r.conversation_id and p.user_id = r.user_id)",
    "I25": "select r.user_id from message_read_receipts r join messages m on m.id = r.last_read_message_id"
    " where m.conversation_id <> r.conversation_id",
    "I26": "select r.user_id from message_read_receipts r join messages m on m.id = r.last_read_message_id"
    " where r.last_read_at < m.created_at - interval '2 seconds' or r.last_read_at > now() + interval '2 seconds'",
    "I28": "select 1 from message_reactions group by message_id, user_id, emoji having count(*) > 1",
    "I29": "select 1 from library_entries group by user_id, title_id having count(*) > 1",
    "I35": "select 1 from messages where triggered_by_message_id is not null"
    " group by conversation_id, triggered_by_message_id having count(*) > 1",
    "I37": "select id from assistant_reply_jobs where status = 'processing' and updated_at < now() - interval '10 min'",
    "I38": "select m.id from messages m join conversation_participants p on p.conversation_id = m.conversation_id"
    " and p.user_id = get_assistant_user_id_v1() where m.user_id <> p.user_id",
    "I40": "select user_id from media_user_centroids group by 1 having count(*) > 5",
}
Work = Callable[[asyncpg.Pool], Awaitable[Any]]


def run(database: Any, work: Work, user: str = "authenticator") -> Any:
    """Do the work with a pool that logs in as the sandbox's server does."""

    async def main() -> Any:
        async with asyncpg.create_pool(database.dsn(user=user), min_size=1, max_size=3) as pool:
            return await work(pool)

    return asyncio.run(main())


def person(identity: uuid.UUID) -> Principal:
    claims = {"sub": str(identity), "role": "authenticated", "email": "someone@people.sandbox.test"}
    return Principal("authenticated", str(identity), json.dumps(claims))


async def sign_up(pool: asyncpg.Pool, count: int = 1, local: str | None = None) -> list[uuid.UUID]:
    """New people, as the admin API makes them: through the trigger."""
    made = []
    for _ in range(count):
        email = f"{local or 't' + uuid.uuid4().hex[:12]}@people.sandbox.test"
        made.append(await pool.fetchval("insert into auth.users (email) values ($1) returning id", email))
    return made


async def direct(pool: asyncpg.Pool, one: uuid.UUID, other: uuid.UUID) -> uuid.UUID:
    found: uuid.UUID = await pool.fetchval("select public.create_direct_conversation_v1($1, $2)", one, other)
    return found


async def title(pool: asyncpg.Pool) -> uuid.UUID:
    made: uuid.UUID = await pool.fetchval(
        "insert into public.media_items (tmdb_title, tmdb_genre_ids) values ('A', '{18}') returning id"
    )
    return made


MESSAGE = (
    "insert into public.messages (conversation_id, user_id, sender_id, body, meta, text, client_id, message_type)"
    " values ($1, $2, $2, $3, $4, $5, $6, $7)"
)


async def send(connection: asyncpg.Connection, conversation: uuid.UUID, author: uuid.UUID, **change: Any) -> None:
    client_id = str(uuid.uuid4())
    body = change.get("body", {"type": "text", "text": "hi", "clientId": client_id})
    meta = change.get("meta", body)
    kind = change.get("kind", "text")
    await connection.execute(MESSAGE, conversation, author, json.dumps(body), json.dumps(meta), "hi", client_id, kind)


def test_probes_give_the_values_of_the_shipped_dump(database: Any) -> None:
    async def work(pool: asyncpg.Pool) -> dict[str, str]:
        return {name: str(await pool.fetchval(sql)) for name, (sql, _) in SHIPPED.items()}

    assert run(database, work, "postgres") == {name: value for name, (_, value) in SHIPPED.items()}


def test_number_of_indexes(database: Any) -> None:
    sql = (
        "select c.relname, count(*) from pg_index i join pg_class c on c.oid = i.indrelid"
        " where c.relname = any($1) group by 1"
    )
    rows = run(database, lambda pool: pool.fetch(sql, list(INDEXES)), "postgres")
    assert dict(map(tuple, rows)) == INDEXES


@pytest.mark.parametrize("name", sorted(NOTHING_WRONG))
def test_invariants_hold_on_the_seed(seed_template: Any, name: str) -> None:
    assert run(seed_template, lambda pool: pool.fetch(NOTHING_WRONG[name]), "postgres") == []


def test_applying_again_changes_nothing(database: Any) -> None:
    count = "select count(*) from pg_class"
    before = run(database, lambda pool: pool.fetchval(count))
    asyncio.run(schema.apply(database.dsn()))
    assert run(database, lambda pool: pool.fetchval(count)) == before


def test_a_broken_file_is_named(own: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "scripts", lambda: [("77_wrong.sql", "select 1;\n\nselect nonsense;")])

    async def work(pool: asyncpg.Pool) -> None:
        await pool.execute("alter table public.media_events rename to elsewhere")

    run(own, work, "postgres")
    with pytest.raises(SandboxError, match="nonsense") as caught:
        asyncio.run(schema.apply(own.dsn()))
    assert caught.value.where == "77_wrong.sql, line 3"


def test_sign_up_makes_profile_preferences_and_counters(database: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        local = "a" * 13 + uuid.uuid4().hex[:8]  # 21, the most that fits
        (made,) = await sign_up(pool, local=local)
        profile = await pool.fetchrow("select * from public.profiles where id = $1", made)
        assert profile["username"] == f"{local}_{str(made)[:8]}"
        assert len(profile["username"]) == 30
        assert profile["display_name"] == local
        settings = await pool.fetchval("select settings from public.user_preferences where user_id = $1", made)
        assert json.loads(settings) == {"privacy_profile": "public"}
        assert await pool.fetchval("select count(*) from public.user_stats where user_id = $1", made) == 1
        for bad in ("dot.dot", "plus+x", "dash-x", "Upper", "b" * 22):
            with pytest.raises(asyncpg.CheckViolationError, match="profiles_username_format_chk"):
                await sign_up(pool, local=bad)
        assert await pool.fetchval("select count(*) from auth.users where email ~ '^(dot|plus|dash|Upper|bbb)'") == 0

    run(database, work, "postgres")


def test_removing_an_account_removes_what_it_owns(own: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        await pool.execute("delete from auth.users where email like 'p%'")
        for table in ("profiles", "messages", "library_entries", "activity_events", "follows", "user_stats"):
            left = await pool.fetchval(f"select count(*) from public.{table}")
            assert left == (1 if table in ("profiles", "user_stats") else 0), table  # the assistant stays

    run(own, work, "postgres")


def test_user_stats_cannot_be_updated(database: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        (made,) = await sign_up(pool)
        with pytest.raises(asyncpg.UndefinedColumnError, match="updated_at"):
            await pool.execute("update public.user_stats set ratings_count = 1 where user_id = $1", made)

    run(database, work, "postgres")


def test_people_see_their_own_rows_only(seeded: Any) -> None:
    one, other = (p.id for p in seeded.summary.people[:2])

    async def work(pool: asyncpg.Pool) -> None:
        async with acting(pool, person(one)) as db:
            assert [row["id"] for row in await db.fetch("select id from public.profiles")] == [one]
            assert [row["id"] for row in await db.fetch("select id from public.profiles_public")] == [one]
            for table in ("media_events", "library_entries", "activity_events", "user_preferences"):
                owners = {row[0] for row in await db.fetch(f"select distinct user_id from public.{table}")}
                assert owners == {one}, table
            for table in ("ratings", "reviews", "rate_limits"):
                assert await db.fetchval(f"select count(*) from public.{table}") == 0, table
            foreign = await db.fetchval(
                "select count(*) from public.messages m where not exists (select 1"
                " from public.conversation_participants p where p.user_id = $1"
                " and p.conversation_id = m.conversation_id)",
                one,
            )
            assert foreign == 0
            assert await db.fetchval("select count(*) from public.messages") > 0
            assert await db.execute("update public.profiles set bio = 'x' where id = $1", other) == "UPDATE 0"
        async with acting(pool, ANON) as db:
            assert await db.fetchval("select count(*) from public.messages") == 0
            assert await db.fetchval("select count(*) from public.media_items") == 0, "titles are for who is signed in"
        async with acting(pool, SERVICE) as db:
            assert await db.fetchval("select count(distinct user_id) from public.messages") > 30

    run(seeded, work)


@pytest.mark.parametrize(
    "sql",
    [
        "select * from public.media_rerank_cache",
        "select * from public.embedding_settings",
        "select * from public.media_trending_scores",
        "select * from public.rec_requests",
        "select * from public.media_item_daily",
        "select * from public.media_item_trending_72h",
        "delete from public.assistant_goals",
        "select * from public.openrouter_request_log where false; update public.openrouter_request_log set fn = 'x'",
        "update public.conversations set title = 'x'",
        "select public.rate_limit_check_v1('k', 1, 60)",
        "select * from auth.users",
        "select * from public.get_conversation_summaries_for_user_v2(auth.uid())",
    ],
)
def test_rights_the_client_does_not_have(seeded: Any, sql: str) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        async with acting(pool, person(seeded.summary.people[0].id)) as db:
            await db.execute(sql)

    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        run(seeded, work)


def test_ratings_take_inserts_but_no_upserts(own: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        me = own.summary.people[0].id
        fresh = await pool.fetchval(
            "select m.id from public.media_items m where not exists (select 1 from public.ratings r"
            " where r.title_id = m.id and r.user_id = $1) order by m.id limit 1", me,
        )  # fmt: skip
        plain = "insert into public.ratings (user_id, title_id, content_type, rating) values ($1, $2, 'movie', $3)"
        client = await asyncpg.create_pool(own.dsn(user="authenticator"), min_size=1, max_size=1)
        async with client:
            async with acting(client, person(me)) as db:
                await db.execute(plain, me, fresh, 7.5)
            with pytest.raises(asyncpg.InsufficientPrivilegeError, match="row-level security"):
                async with acting(client, person(me)) as db:
                    await db.execute(
                        f"{plain} on conflict (user_id, title_id) do update set rating = excluded.rating", me, fresh, 8
                    )
            with pytest.raises(asyncpg.CheckViolationError):
                async with acting(client, person(me)) as db:
                    await db.execute(plain.replace("$3", "7.3"), me, uuid.uuid4())
        rows = await pool.fetch(
            "select event_type::text from public.activity_events where user_id = $1 and media_item_id = $2"
            " and created_at > now() - interval '1 minute'", me, fresh,
        )  # fmt: skip
        assert [row[0] for row in rows] == ["rating_created"]

    run(own, work, "postgres")


def test_library_changes_become_activity(database: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        (me,) = await sign_up(pool)
        film = await title(pool)
        upsert = (
            "insert into public.library_entries (user_id, title_id, status, content_type, updated_at)"
            " values ($1, $2, $3, 'movie', '2001-01-01') on conflict (user_id, title_id) do update"
            " set status = excluded.status, updated_at = excluded.updated_at"
        )
        client = await asyncpg.create_pool(database.dsn(user="authenticator"), min_size=1, max_size=1)
        async with client:
            for status in ("want_to_watch", "want_to_watch", "watched", "dropped", "want_to_watch"):
                async with acting(client, person(me)) as db:
                    await db.execute(upsert, me, film, status)
            async with acting(client, person(me)) as db:
                updated = await db.fetchval("select updated_at from public.library_entries where title_id = $1", film)
                assert updated > datetime.now(UTC) - timedelta(minutes=5), "the client's own time is lost on update"
                await db.execute("delete from public.library_entries where title_id = $1", film)
        kinds = await pool.fetch("select event_type::text from public.activity_events where user_id = $1", me)
        assert sorted(row[0] for row in kinds) == [
            "watched", "watchlist_added", "watchlist_added", "watchlist_removed",
        ]  # fmt: skip
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await pool.execute(upsert, me, uuid.uuid4(), "watched")

    run(database, work, "postgres")


EVENT = (
    "insert into public.media_events (user_id, session_id, media_item_id, event_type, dedupe_key, event_day,"
    " rec_request_id, served_dedupe_key) values ($1, gen_random_uuid(), gen_random_uuid(), 'like', $2, $3, $4, $5)"
)


def test_events_are_unique_per_key_and_day_and_land_in_the_default_partition(database: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        (me, other) = await sign_up_as_postgres(database, 2)
        today = datetime.now(UTC).date()
        client = person(me)
        async with acting(pool, client) as db:
            await db.execute(EVENT, me, "k", today, None, None)
            await db.execute(EVENT, me, "k", today + timedelta(days=1), None, None)
            ignored = await db.execute(
                f"{EVENT} on conflict (user_id, dedupe_key, event_day) do nothing", me, "k", today, None, None
            )
            assert ignored == "INSERT 0 0"
        with pytest.raises(asyncpg.UniqueViolationError, match="dedupe"):
            async with acting(pool, client) as db:
                await db.execute(EVENT, me, "k", today, None, None)
        with pytest.raises(asyncpg.InvalidColumnReferenceError):
            async with acting(pool, client) as db:
                await db.execute(f"{EVENT} on conflict (user_id, dedupe_key) do nothing", me, "k", today, None, None)
        with pytest.raises(asyncpg.CheckViolationError, match="served_dedupe_key_required"):
            async with acting(pool, client) as db:
                await db.execute(EVENT, me, "r", today, uuid.uuid4(), None)
        with pytest.raises(asyncpg.CheckViolationError, match="served_dedupe_key_format"):
            async with acting(pool, client) as db:
                await db.execute(EVENT, me, "f", today, None, "nonsense")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with acting(pool, client) as db:
                await db.execute(EVENT, other, "k", today, None, None)
        async with acting(pool, SERVICE) as db:
            await db.execute(EVENT, me, "march", datetime(2026, 3, 9).date(), None, None)
            parts = await db.fetch(
                "select dedupe_key, tableoid::regclass::text from public.media_events where user_id = $1"
                " and event_day <= $2 order by 1", me, today,
            )  # fmt: skip
        expected = f"media_events_{today:%Y_%m}" if today < datetime(2026, 7, 1).date() else "media_events_default"
        assert [tuple(row) for row in parts] == [("k", expected), ("march", "media_events_2026_03")]

    run(database, work)


async def sign_up_as_postgres(database: Any, count: int) -> list[uuid.UUID]:
    async with asyncpg.create_pool(database.dsn(), min_size=1, max_size=1) as pool:
        return await sign_up(pool, count)


def test_a_member_sends_reads_and_marks(database: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        me, you, third = await sign_up(pool, 3)
        conversation = await direct(pool, me, you)
        assert await direct(pool, you, me) == conversation
        pair = await pool.fetchval(
            "select direct_participant_ids from public.conversations where id = $1", conversation
        )
        assert pair == sorted([me, you])
        async with asyncpg.create_pool(database.dsn(user="authenticator"), min_size=1, max_size=1) as client:
            async with acting(client, person(me)) as db:
                await db.execute(
                    MESSAGE.replace("values ($1, $2, $2,", "values ($1, $2, gen_random_uuid(),"),
                    *(conversation, me, '{"text": "hi"}', "{}", "hi", "c1", "text"),
                )
                row = await db.fetchrow("select * from public.messages where conversation_id = $1", conversation)
                assert row["sender_id"] == me, "a spoofed sender is overwritten"
            async with acting(client, person(you)) as db:
                await db.execute("select public.mark_conversation_read($1, $2)", conversation, row["id"])
                await db.execute(
                    "insert into public.message_delivery_receipts (conversation_id, message_id, user_id)"
                    " values ($1, $2, $3)", conversation, row["id"], you,
                )  # fmt: skip
                deleted = await db.execute("delete from public.message_read_receipts where user_id = $1", you)
                assert deleted == "DELETE 0", "no DELETE policy: 204 and nothing happens"
                (summary,) = await db.fetch("select * from public.get_conversation_summaries_v2($1)", me)
                assert summary["self_last_read_message_id"] == row["id"], "whose list: the caller's"
                assert summary["last_message_body"] == "hi"
            async with acting(client, person(third)) as db:  # who is no member may write ...
                await db.execute(MESSAGE, conversation, third, '{"text": "boo"}', "{}", "boo", "c2", "text")
                assert await db.fetchval("select count(*) from public.messages") == 0
            with pytest.raises(asyncpg.InsufficientPrivilegeError):  # ... but not read it back
                async with acting(client, person(third)) as db:
                    await db.fetch(f"{MESSAGE} returning id", conversation, third, "{}", "{}", "x", "c3", "text")
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with acting(client, person(third)) as db:
                    await db.execute("select public.mark_conversation_read($1, $2)", conversation, row["id"])
            with pytest.raises(asyncpg.RaiseError, match="Not authorized"):
                async with acting(client, person(third)) as db:
                    await db.fetch("select * from public.get_conversation_summaries($1)", me)

    run(database, work, "postgres")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"body": {"type": "text", "text": "x" * 16_000}, "meta": {}}, "Message too large"),
        ({"attachment_url": "https://elsewhere.test/a.png"}, "external_attachment_url_not_allowed"),
        ({"attachment_url": "HTTP://elsewhere.test/a.png"}, "external_attachment_url_not_allowed"),
        ({"attachment_url": "message_attachments/../a.png"}, "Invalid attachment path"),
        ({"body": {"type": "system", "text": "x"}}, "system_message_not_allowed"),
        ({"body": {"type": "text", "deleted": True}}, "deleted_flag_not_allowed_on_insert"),
        ({"body": {"type": "text", "deleted": False}}, "Cannot set edit/delete fields on insert"),
        ({"body": {"type": "text", "editedAt": "now"}}, "Cannot set edit/delete fields on insert"),
        ({"body": {"type": "text", "deletedAt": None}}, "Cannot set edit/delete fields on insert"),
    ],
)
def test_what_a_message_may_not_be(database: Any, change: dict[str, Any], message: str) -> None:
    async def attempt(client: asyncpg.Pool, me: uuid.UUID, conversation: uuid.UUID) -> None:
        async with acting(client, person(me)) as db:
            if "attachment_url" in change:
                insert = (
                    "insert into public.messages (conversation_id, user_id, body, attachment_url)"
                    " values ($1, $2, '{}', $3)"
                )
                await db.execute(insert, conversation, me, change["attachment_url"])
            else:
                await send(db, conversation, me, **change)

    async def work(pool: asyncpg.Pool) -> None:
        me, you = await sign_up(pool, 2)
        conversation = await direct(pool, me, you)
        async with asyncpg.create_pool(database.dsn(user="authenticator"), min_size=1, max_size=1) as client:
            with pytest.raises(asyncpg.RaiseError) as caught:
                await attempt(client, me, conversation)
            assert (caught.value.sqlstate, str(caught.value)) == ("P0001", message)
            async with acting(client, person(me)) as db:
                await db.execute(
                    "insert into public.messages (conversation_id, user_id, body, message_type, attachment_url)"
                    " values ($1, $2, '{}', 'image', $3)",
                    *(conversation, me, f"message_attachments/{conversation}/{me}/1-a.png"),
                )

    run(database, work, "postgres")


def test_other_limits_of_messages_and_reactions(database: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        me, you, third = await sign_up(pool, 3)
        here, there = await direct(pool, me, you), await direct(pool, me, third)
        with pytest.raises(asyncpg.CheckViolationError, match="meta"):
            await send(pool, here, me, meta={"x": "y" * 16_400})
        with pytest.raises(asyncpg.InvalidTextRepresentationError):
            await pool.execute("insert into public.messages (conversation_id, user_id, body, message_type)"
                               " values ($1, $2, '{}', 'audio'::text::public.message_type)", here, me)  # fmt: skip
        await send(pool, here, me)
        message = await pool.fetchval("select id from public.messages where conversation_id = $1", here)
        with pytest.raises(asyncpg.RaiseError):
            await pool.execute("update public.messages set conversation_id = $2 where id = $1", message, there)
        react = (
            "insert into public.message_reactions (conversation_id, message_id, user_id, emoji)"
            " values ($1, $2, $3, '🔥')"
        )
        with pytest.raises(asyncpg.RaiseError):
            await pool.execute(react, there, message, me)
        await pool.execute(react, here, message, me)
        with pytest.raises(asyncpg.UniqueViolationError):
            await pool.execute(react, here, message, me)
        for wrong in ([me], [me, you, third]):
            with pytest.raises(asyncpg.CheckViolationError):
                await pool.execute("insert into public.conversations (direct_participant_ids) values ($1)", wrong)

    run(database, work, "postgres")


def test_the_conversations_time_follows_messages_of_overlapping_transactions(database: Any) -> None:
    """The transaction that began first commits last: its older time must not win (I21)."""

    async def work(pool: asyncpg.Pool) -> None:
        me, you = await sign_up(pool, 2)
        conversation = await direct(pool, me, you)
        async with pool.acquire() as slow:
            begun = slow.transaction()
            await begun.start()
            await slow.fetchval("select now()")
            await asyncio.sleep(0.02)
            await send(pool, conversation, you)
            await send(slow, conversation, me)
            await begun.commit()
        assert await pool.fetchval(
            "select c.updated_at >= max(m.created_at) from public.conversations c"
            " join public.messages m on m.conversation_id = c.id where c.id = $1 group by c.updated_at",
            conversation,
        )

    run(database, work, "postgres")


def test_the_assistants_queue(own: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        me = own.summary.people[0].id
        conversation = await direct(pool, me, own.summary.assistant_id)
        jobs = "select status, job_kind, count(*) from public.assistant_reply_jobs group by 1, 2 order by 1, 2"

        async def texts(count: int) -> list[tuple[Any, ...]]:
            for _ in range(count):
                await send(pool, conversation, me)
            return [tuple(row) for row in await pool.fetch(jobs)]

        # All in one window of the limiter, whatever the clock says.
        seconds = datetime.now(UTC).second
        if seconds > 50:
            await asyncio.sleep(61 - seconds)
        assert await texts(1) == [("pending", "reply", 1)]
        async with asyncpg.create_pool(own.dsn(user="authenticator"), min_size=1, max_size=1) as client:
            async with acting(client, person(me)) as db:
                status = json.loads(await db.fetchval("select public.assistant_reply_status_v1($1)", conversation))
                assert (status["ok"], status["is_queued"], status["jobKind"]) == (True, True, "reply")
            async with acting(client, person(own.summary.people[1].id)) as db:
                status = json.loads(await db.fetchval("select public.assistant_reply_status_v1($1)", conversation))
                assert status == {"ok": False, "code": "FORBIDDEN"}
        assert await texts(11) == [("done", "reply", 11), ("pending", "reply", 1)]
        assert await texts(1) == [("done", "reply", 12), ("pending", "rate_limit_notice", 1)]
        assert await texts(2) == [("done", "rate_limit_notice", 1), ("done", "reply", 12)]
        await send(pool, conversation, me, kind="image")
        await send(pool, conversation, own.summary.assistant_id)
        assert await texts(0) == [("done", "rate_limit_notice", 1), ("done", "reply", 12)]

    run(own, work, "postgres")


def test_the_rate_limiter(database: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        key = f"user:{uuid.uuid4()}"
        if datetime.now(UTC).second > 55:
            await asyncio.sleep(6)
        async with acting(pool, ANON) as db:  # anybody may count for anybody
            rows = [
                await db.fetchrow("select * from public.check_rate_limit($1, 'swipe_deck', 2)", key) for _ in range(4)
            ]
        assert [(row["ok"], row["remaining"]) for row in rows] == [(True, 1), (True, 0), (False, 0), (False, 0)]
        assert rows[0]["retry_after_seconds"] == 0
        assert 1 <= rows[3]["retry_after_seconds"] <= 60
        assert rows[3]["reset_at"].second == 0
        async with acting(pool, SERVICE) as db:
            assert await db.fetchval("select count from public.rate_limits where key = $1", key) == 4
            await db.execute("update public.rate_limits set window_start = window_start - interval '1 minute'")
            again = await db.fetchrow("select * from public.check_rate_limit($1, 'swipe_deck', 2)", key)
            assert (again["ok"], again["remaining"]) == (True, 1)
            for allowed in (True, False):
                reply = json.loads(await db.fetchval("select public.rate_limit_check_v1($1, 1, 3600)", key))
                assert reply["allowed"] is allowed

    run(database, work)


def test_settings_version_moves_once_per_statement(own: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        version = "select version from public.app_settings_meta where id = 1"
        before = await pool.fetchval(version)
        await pool.execute("update public.app_settings set description = 'x'")
        assert await pool.fetchval(version) == before + 1
        await pool.execute("delete from public.app_settings where false")
        assert await pool.fetchval(version) == before + 2

    run(own, work, "postgres")


def test_what_always_fails_as_shipped(own: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        me = own.summary.people[0]
        taste = (
            "select public.media_update_taste_vectors_v1(p_session_id => $1, p_media_item_id => $2,"
            " p_event_type => 'like'"
        )
        film = await pool.fetchval("select id from public.media_items limit 1")
        async with asyncpg.create_pool(own.dsn(user="authenticator"), min_size=1, max_size=1) as client:
            with pytest.raises(asyncpg.UndefinedTableError, match="media_swipe_sessions"):
                async with acting(client, person(me.id)) as db:
                    await db.execute(f"{taste}, p_is_strong_signal => false)", me.session_id, film)
            async with acting(client, person(me.id)) as db:  # the other overload works
                reply = await db.fetchval(f"{taste}, p_in_watchlist => null)", me.session_id, film)
                assert json.loads(reply) == {"ok": True}
                await db.execute("select public.media_refresh_user_centroids_v1($1, 3, 60)", me.id)
                assert await db.fetchval("select count(*) from public.media_user_centroids") <= 3
        with pytest.raises(asyncpg.UndefinedColumnError, match="status"):
            await pool.execute("select public.run_scheduled_maintenance()")
        month = (datetime.now(UTC).replace(day=1) + timedelta(days=32)).replace(day=1)
        await pool.execute(EVENT, me.id, "next month", month.date(), None, None)
        with pytest.raises(asyncpg.CheckViolationError, match="default partition"):
            await pool.execute("select public.create_media_events_partition_if_needed()")
        await pool.execute("delete from public.media_events where dedupe_key = 'next month'")
        await pool.execute("select public.create_media_events_partition_if_needed()")
        assert await pool.fetchval("select to_regclass($1)::text", f"public.media_events_{month:%Y_%m}")

    run(own, work, "postgres")


def test_the_rollup_adds_up(database: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        add = "select public.swipe_ingest_rollup_add_v1('2031-01-01 10:20+00', 1, 2, 3, 4, '{\"BAD_INPUT\": 2}', 0.1)"
        async with acting(pool, ANON) as db:
            await db.execute(add)
            await db.execute(add)
        async with acting(pool, SERVICE) as db:
            row = await db.fetchrow(
                "select * from public.swipe_ingest_hourly_metrics where bucket_start > '2031-01-01'"
            )
            assert [row[i] for i in range(1, 5)] == [2, 4, 6, 8]
            assert await db.fetchval("select count from public.swipe_ingest_hourly_issue_counts") == 4

    run(database, work)

"""The seed: the same every time, quick, and enough for every screen. And what the deck and the feed make of it."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import re
import time
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import schema
from sandbox.errors import SandboxError
from sandbox.principal import Principal, acting
from sandbox.seed import SeedPerson, SeedPlan, already_seeded, seed
from sandbox.seed.catalogue import DIMENSIONS, embeddings, titles, trending
from sandbox.seed.conversations import inbox
from sandbox.seed.people import follows, people

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PATTERN = "p{index:06d}@people.sandbox.test"
# Made by the database, not by the plan: ids of activity rows, and when a statement ran.
NOT_COMPARED = {"activity_events": {"id"}, "app_settings_meta": {"updated_at"}, "assistant_settings": {"updated_at"}}
Work = Callable[[asyncpg.Pool], Awaitable[Any]]


def person(someone: SeedPerson) -> Principal:
    return Principal("authenticated", str(someone.id), json.dumps({"sub": str(someone.id), "role": "authenticated"}))


def run(database: Any, work: Work, user: str = "authenticator") -> Any:
    async def main() -> Any:
        async with asyncpg.create_pool(database.dsn(user=user), min_size=1, max_size=2) as pool:
            return await work(pool)

    return asyncio.run(main())


def overloaded() -> bool:
    """More runnable tasks than processors in the last minute: wall-clock limits then say nothing about us."""
    return os.getloadavg()[0] > 1.2 * (os.cpu_count() or 1)


async def digest(dsn: str) -> dict[str, str]:
    """A hash per table over all its rows in order of their text."""
    connection = await asyncpg.connect(dsn)
    try:
        columns = await connection.fetch(
            "select table_schema, table_name, array_agg(column_name::text order by ordinal_position) as names"
            " from information_schema.columns c join information_schema.tables using (table_schema, table_name)"
            " where table_schema in ('public', 'auth') and table_type = 'BASE TABLE'"
            " and table_name not in ('embedding_settings') group by 1, 2"
        )
        found = {}
        for table in columns:
            names = [f'"{n}"' for n in table["names"] if n not in NOT_COMPARED.get(table["table_name"], ())]
            name = f"{table['table_schema']}.{table['table_name']}"
            rows = await connection.fetch(f"select row({', '.join(names)})::text as r from {name} order by 1")
            found[name] = hashlib.sha256("\n".join(row["r"] for row in rows).encode()).hexdigest()
        return found
    finally:
        await connection.close()


@pytest.fixture
def empty(server: Any, schema_template: str) -> Any:
    """Makes a new database with the schema; gives its connection string."""
    made: list[str] = []

    async def statement(sql: str) -> None:
        connection = await asyncpg.connect(server.dsn())
        try:
            await connection.execute(sql)
        finally:
            await connection.close()

    def make() -> str:
        made.append(f"seed_{uuid.uuid4().hex[:8]}")
        asyncio.run(statement(f"create database {made[-1]} template {schema_template}"))
        return str(server.dsn(made[-1]))

    yield make
    for name in made:
        asyncio.run(statement(f"drop database {name} with (force)"))


def test_same_seed_same_rows(empty: Any) -> None:
    def rows(number: int) -> dict[str, str]:
        dsn = empty()
        asyncio.run(seed(dsn, people=12, catalogue=40, seed=number, password="x", now=NOW))
        return asyncio.run(digest(dsn))

    first, second, other = rows(1), rows(1), rows(2)
    assert first == second
    changed = {name for name in first if first[name] != other[name]}
    for table in ("media_items", "profiles", "messages", "follows", "library_entries", "media_events", "ratings"):
        assert f"public.{table}" in changed


def test_seeding_is_quick(empty: Any) -> None:
    durations = []
    for _ in range(3):
        dsn = empty()
        summary = asyncio.run(seed(dsn, people=200, catalogue=600, seed=3, password="x"))
        durations.append(summary.seconds)
        if summary.seconds < 3:
            break
    if min(durations) >= 3 and overloaded():
        pytest.skip("this machine is too busy to time anything")
    assert min(durations) < 3, durations
    assert len(summary.people) == 200
    assert summary.rows["public.media_items"] == 600
    assert asyncio.run(already_seeded(dsn))
    with pytest.raises(SandboxError, match="already"):
        asyncio.run(seed(dsn, people=1, catalogue=1, seed=3, password="x"))


def test_who_comes_after_the_full_lives_has_a_little_of_everything_and_no_index_is_lost(empty: Any) -> None:
    each = {
        "library_entries": "select count(*) from public.library_entries l where l.user_id = u.id",
        "events": "select count(*) from public.media_events e where e.user_id = u.id",
        "follows": "select count(*) from public.follows f where f.follower_id = u.id",
        "direct": "select count(*) from public.conversation_participants p join public.conversations c"
        " on c.id = p.conversation_id where p.user_id = u.id and not c.is_group",
        "unread_or_read": "select count(*) from public.message_read_receipts r where r.user_id = u.id",
    }
    counts = ", ".join(f"({query}) as {name}" for name, query in each.items())
    indexes = "select array_agg(indexdef order by indexdef) from pg_indexes where schemaname = 'public'"

    async def look(dsn: str, query: str) -> list[asyncpg.Record]:
        connection = await asyncpg.connect(dsn)
        try:
            return list(await connection.fetch(query))
        finally:
            await connection.close()

    dsn = empty()
    before = asyncio.run(look(dsn, indexes))
    asyncio.run(seed(dsn, people=60, catalogue=80, seed=3, password="x", now=NOW, full_lives=20))
    assert asyncio.run(look(dsn, indexes)) == before
    rows = asyncio.run(look(dsn, f"select u.email, {counts} from auth.users u where u.email like 'p0%' order by 1"))
    few = [dict(row) for row in rows[20:]]
    assert len(few) == 40
    assert all(row[name] >= 1 for row in few for name in each), few
    assert all(row["direct"] >= 2 for row in few)
    assert max(row["library_entries"] for row in few) <= 2 < min(row["library_entries"] for row in rows[:20])


@pytest.mark.parametrize(("count", "films"), [(1, 1), (2, 3), (4, 10)])
def test_small_numbers_work(empty: Any, count: int, films: int) -> None:
    dsn = empty()
    summary = asyncio.run(seed(dsn, people=count, catalogue=films, seed=5, password="x", embeddings=False))
    assert summary.rows["public.profiles"] == count + 1
    assert summary.rows["public.media_items"] == films
    assert summary.rows["public.media_embeddings"] == 0


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("p.{index}@x.test", "cannot sign up"),
        ("person_with_a_long_name{index}@x.test", "cannot sign up"),
        ("p{index}", "cannot sign up"),
        ("same@x.test", "same e-mail"),
        ("p{number}@x.test", "not understood"),
        ("p{index@x.test", "not understood"),
    ],
)
def test_a_pattern_that_cannot_sign_up_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(SandboxError, match=message) as caught:
        SeedPlan(3, 3, 1, NOW, pattern)
    assert caught.value.where == "email_pattern"
    assert caught.value.remedy


def test_nonsense_counts_are_refused() -> None:
    with pytest.raises(SandboxError, match="0 people"):
        SeedPlan(0, 3, 1, NOW, PATTERN)


@settings(max_examples=25, deadline=None)
@given(count=st.integers(1, 40), number=st.integers(0, 10**9))
def test_plans_are_consistent(count: int, number: int) -> None:
    plan = SeedPlan(count, 8, number, NOW, PATTERN)
    everybody = people(plan)
    ids = {someone.id for someone in everybody}
    assert len(ids) == count
    assert all(someone.id.version == 4 and someone.id.variant == uuid.RFC_4122 for someone in everybody)
    links = [(one, other) for one, other, _ in follows(plan, everybody)]
    assert len(links) == len(set(links))
    assert all(one != other and {one, other} <= ids for one, other in links)
    least = min(4, count - 1)
    assert all(Counter(one for one, _ in links)[someone] >= least for someone in ids)
    rows = inbox(plan, everybody)
    direct = [row[6] for row in rows.conversations if not row[2]]
    assert all(pair == sorted(set(pair)) and len(pair) == 2 for pair in direct)
    talking = Counter(member for pair in direct for member in pair)
    assert all(talking[someone] >= min(2, count - 1) for someone in ids)
    assert all(row[1] < NOW for row in rows.messages)
    receivers = [(row[3], row[4]) for row in rows.message_delivery_receipts]
    assert len(receivers) == len(set(receivers))


def test_fame_is_unequal() -> None:
    plan = SeedPlan(300, 1, 4, NOW, PATTERN)
    counts = sorted(Counter(other for _, other, _ in follows(plan, people(plan))).values(), reverse=True)
    assert 10 <= sum(counts) / 300 <= 14
    assert sum(counts[:30]) > 0.3 * sum(counts), "a tenth of the people holds a third of the followers"


def test_more_people_do_not_change_the_catalogue() -> None:
    few, many = (titles(SeedPlan(count, 20, 9, NOW, PATTERN)) for count in (2, 50))
    assert few == many
    plan = SeedPlan(2, 20, 9, NOW, PATTERN)
    assert all(identity in {t.id for t in few} for identity, _ in trending(plan, few))
    for _, text in embeddings(plan, few):
        places = [int(part.partition(":")[0]) for part in text[1 : text.index("}")].split(",")]
        assert places == sorted(set(places))
        assert 1 <= places[0] <= places[-1] <= DIMENSIONS


def test_everybody_can_sign_in_and_is_past_onboarding(seeded: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        rows = await pool.fetch(
            "select email, encrypted_password, encrypted_password = extensions.crypt($1, encrypted_password) as right,"
            " encrypted_password = extensions.crypt('wrong', encrypted_password) as wrong,"
            " raw_user_meta_data ->> 'onboarded' as onboarded, email_confirmed_at"
            " from auth.users where email like 'p%'",
            seeded.password,
        )
        assert len(rows) == 60
        for row in rows:
            assert (row["right"], row["wrong"], row["onboarded"]) == (True, False, "true")
            assert row["email_confirmed_at"]
            assert seeded.password not in row["encrypted_password"]
        salts = {await pool.fetchval("select extensions.gen_salt('bf', 4)") for _ in range(5)}
        assert len(salts) == 5
        assert all(re.fullmatch(r"\$sandbox-sha256\$[0-9a-f]{24}\$", salt) for salt in salts)
        assert len(await pool.fetchval("select extensions.gen_random_bytes(70)")) == 70
        assistant = await pool.fetchval("select public.get_assistant_user_id_v1()")
        assert assistant == seeded.summary.assistant_id
        password = await pool.fetchval("select encrypted_password from auth.users where id = $1", assistant)
        assert password is None

    run(seeded, work, "postgres")


def test_screens_have_something_to_show(seed_template: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        full_pages = 0
        for someone in seed_template.summary.people:
            async with acting(pool, person(someone)) as db:
                full_pages += await db.fetchval("select count(*) > 40 from public.get_home_feed_v2($1, 40)", someone.id)
                rows = await db.fetch("select * from public.get_conversation_summaries_v2()")
                assert sum(not row["is_group"] for row in rows) >= 2
                assert all(row["last_message_body"] for row in rows)
                stats = await db.fetchrow("select * from public.get_diary_stats($1)", someone.id)
                assert stats["total_watched"] > 0
        assert full_pages > 50

    run(seed_template, work)


def test_summaries_tell_the_whole_conversation(seeded: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        me = seeded.summary.people[7]
        async with acting(pool, person(me)) as db:
            rows = await db.fetch("select * from public.get_conversation_summaries_v2($1)", uuid.uuid4())
            by_argument = await db.fetch("select * from public.get_conversation_summaries_v2()")
            assert [row["conversation_id"] for row in by_argument] == [row["conversation_id"] for row in rows]
            older = await db.fetch("select * from public.get_conversation_summaries($1)", me.id)
            assert {row["conversation_id"] for row in older} == {row["conversation_id"] for row in rows}
            assert [row["updated_at"] for row in rows] == sorted((row["updated_at"] for row in rows), reverse=True)
            for row in rows:
                members = json.loads(row["participants"])
                assert set(members[0]) == {"id", "displayName", "username", "avatarUrl", "isSelf"}
                assert [m["id"] for m in members if m["isSelf"]] == [str(me.id)]
                assert all(m["displayName"] for m in members)
                receipts = json.loads(row["participant_receipts"])
                assert {r["userId"] for r in receipts} == {m["id"] for m in members}
                last = await db.fetchrow(
                    "select * from public.messages where conversation_id = $1"
                    " order by created_at desc, id desc limit 1",
                    row["conversation_id"],
                )
                assert (last["id"], last["text"]) == (row["last_message_id"], row["last_message_body"])
        service = Principal("service_role", None, '{"role": "service_role"}')
        async with acting(pool, service) as db:
            theirs = await db.fetch("select * from public.get_conversation_summaries_v2($1)", me.id)
            assert len(theirs) == len(rows), "the service may ask for anybody"

    run(seeded, work)


def test_previews_of_images_and_deleted_messages(database: Any) -> None:
    sql = "select public.message_preview($1::public.message_type, $2)"

    async def work(pool: asyncpg.Pool) -> list[Any]:
        cases = (
            ("image", "words of it are not shown"),
            ("text+image", "look"),
            ("text+image", ""),
            ("system", None),
            ("text", "hello"),
            ("text", None),
        )
        return [await pool.fetchval(sql, *case) for case in cases]

    assert run(database, work) == ["📷 Photo", "look", "📷 Photo", "System message", "hello", ""]


def test_the_feed_pages_without_gap_or_repeat(seeded: Any) -> None:
    sql = "select * from public.get_home_feed_v2($1, $2, $3, $4)"

    async def work(pool: asyncpg.Pool) -> None:
        me, other = seeded.summary.people[3], seeded.summary.people[4]
        async with acting(pool, person(me)) as db:
            whole = await db.fetch(sql, me.id, 500, None, None)
            assert len(whole) == 201 or len(whole) <= 200, "at most 200, and one more to tell that there is more"
            keys = [(row["created_at"], row["id"]) for row in whole]
            assert keys == sorted(keys, reverse=True)
            paged: list[Any] = []
            cursor: tuple[Any, Any] = (None, None)
            for _ in range(30):
                rows = await db.fetch(sql, me.id, 20, *cursor)
                page, more = rows[:20], len(rows) > 20
                paged += page
                if not more or len(paged) >= len(whole):
                    break
                cursor = (page[-1]["created_at"], page[-1]["id"])
            assert [row["id"] for row in paged[: len(whole)]] == [row["id"] for row in whole[: len(paged)]]
            assert len({row["id"] for row in paged}) == len(paged)
            older = "select created_at from public.get_home_feed($1, $2, $3)"
            v1 = [row["created_at"] for row in await db.fetch(older, me.id, 41, None)]
            assert len(v1) == 42, "one more than asked for"
            assert v1 == sorted(v1, reverse=True)
            rest = [row["created_at"] for row in await db.fetch(older, me.id, 5, v1[4])]
            assert rest == [at for at in v1 if at < v1[4]][:6]
            actor, item = (json.loads(whole[0][name]) for name in ("actor_profile", "media_item"))
            assert len(actor) == 9
            assert len(item) == 19
            assert actor["display_name"], "the feed shows others although their profiles are closed"
        for principal in (person(other), Principal("anon", None, '{"role": "anon"}')):
            for name in ("get_home_feed_v2", "get_home_feed"):
                with pytest.raises(asyncpg.RaiseError, match="Not authorized"):
                    async with acting(pool, principal) as db:
                        await db.fetch(f"select * from public.{name}($1)", me.id)

    run(seeded, work)


def test_the_feed_keeps_private_people_out(own: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        me, friend = own.summary.people[:2]
        await pool.execute("insert into public.follows values ($1, $2) on conflict do nothing", me.id, friend.id)
        for kind, shown in (("public", True), ("followers_only", True), ("private", False)):
            await pool.execute(
                "update public.user_preferences set settings = jsonb_build_object('privacy_profile', $2::text)"
                " where user_id = $1", friend.id, kind,
            )  # fmt: skip
            async with pool.acquire() as connection, connection.transaction():
                await connection.execute("select set_config('request.jwt.claims', $1, true)", person(me).claims)
                rows = await connection.fetch("select user_id from public.get_home_feed_v2($1, 200)", me.id)
            assert (friend.id in {row["user_id"] for row in rows}) is shown

    run(own, work, "postgres")


DECK = "select * from public.media_swipe_deck_v3($1, $2, $3, $4, $5)"


async def deal(pool: asyncpg.Pool, someone: SeedPerson, limit: int = 36, mode: str = "combined",
               kind: str | None = None, deck_seed: str | None = "s") -> list[asyncpg.Record]:  # fmt: skip
    async with acting(pool, person(someone)) as db:
        rows: list[asyncpg.Record] = await db.fetch(DECK, someone.session_id, limit, mode, kind, deck_seed)
        return rows


@pytest.mark.parametrize(
    ("mode", "sources"),
    [
        ("combined", {"for_you", "trending", "friends"}),
        ("for_you", {"for_you"}),
        ("friends", {"friends"}),
        ("trending", {"trending"}),
    ],
)
def test_decks_by_mode(seeded: Any, mode: str, sources: set[str]) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        someone = seeded.summary.people[11]
        rows = await deal(pool, someone, mode=mode)
        ids = [row["media_item_id"] for row in rows]
        assert len(ids) == len(set(ids)) == 36
        assert {row["source"] for row in rows} == sources
        assert all(bool(row["friend_ids"]) == (row["source"] == "friends") for row in rows)
        again = await deal(pool, someone, mode=mode)
        assert [row["media_item_id"] for row in again] == ids, "same seed, same deck"
        other = await deal(pool, someone, mode=mode, deck_seed="t")
        assert [row["media_item_id"] for row in other] != ids
        daily = [await deal(pool, someone, mode=mode, deck_seed=None) for _ in range(2)]
        assert daily[0] == daily[1]
        series = await deal(pool, someone, mode=mode, kind="series")
        assert {row["kind"] for row in series} == {"series"}

    run(seeded, work)


def test_decks_leave_out_what_was_served_or_disliked(own: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        someone = own.summary.people[2]
        async with asyncpg.create_pool(own.dsn(user="authenticator"), min_size=1, max_size=1) as client:
            shown: set[uuid.UUID] = set()
            for _ in range(3):
                rows = await deal(client, someone, 20)
                ids = {row["media_item_id"] for row in rows}
                assert len(ids) == 20
                assert not ids & shown
                shown |= ids
                await pool.executemany(
                    "insert into public.rec_impressions (rec_request_id, user_id, session_id, deck_id, media_item_id,"
                    " position, dedupe_key) values ($1, $2, $3, $1, $4, $5, $6)",
                    [(uuid.uuid4(), someone.id, someone.session_id, item, n, str(item)) for n, item in enumerate(ids)],
                )
            await pool.execute("update public.rec_impressions set created_at = created_at - interval '31 minutes'")
            rows = await deal(client, someone, 20)
            assert {row["media_item_id"] for row in rows} & shown, "after half an hour they may come again"
            refused = rows[0]["media_item_id"]
            await pool.execute(
                "insert into public.media_events (user_id, session_id, media_item_id, event_type, dedupe_key)"
                " values ($1, $2, $3, 'dislike', 'no')", someone.id, someone.session_id, refused,
            )  # fmt: skip
            assert refused not in {row["media_item_id"] for row in await deal(client, someone, 120)}

    run(own, work, "postgres")


def test_no_genre_and_no_collection_takes_the_deck_over(own: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        first = await pool.fetch(
            "select media_item_id from public.media_trending_scores order by score_72h desc limit 60"
        )
        await pool.execute(
            "update public.media_items set omdb_genre = 'Horror, Drama' where id = any($1)", [r[0] for r in first]
        )
        await pool.execute(
            """update public.media_items set tmdb_belongs_to_collection = '{"id": 9}' where id = any($1)""",
            [r[0] for r in first[:9]],
        )
        async with asyncpg.create_pool(own.dsn(user="authenticator"), min_size=1, max_size=1) as client:
            rows = await deal(client, own.summary.people[0], 40, "trending")
        ids = [row["media_item_id"] for row in rows]
        horror = await pool.fetchval(
            "select count(*) from public.media_items where id = any($1) and omdb_genre = 'Horror, Drama'", ids
        )
        same = await pool.fetchval(
            "select count(*) from public.media_items where id = any($1) and tmdb_belongs_to_collection ->> 'id' = '9'",
            ids,
        )
        assert len(ids) == 40
        assert horror <= 14
        assert same <= 2

    run(own, work, "postgres")


def test_without_vectors_the_first_like_pins_the_deck_to_the_popular_list(own: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        await pool.execute("truncate public.media_embeddings, public.media_user_vectors, public.media_trending_scores")
        old, new = own.summary.people[:2]
        await pool.execute("delete from public.media_events where user_id = $1", new.id)
        async with asyncpg.create_pool(own.dsn(user="authenticator"), min_size=1, max_size=1) as client:
            pinned = [await deal(client, old, 20, "for_you", deck_seed=s) for s in ("a", "b")]
            learning = await deal(client, new, 20, "for_you")
            async with acting(client, Principal("anon", None, '{"role": "anon"}')) as db:
                anonymous = await db.fetch(DECK, None, 20, "combined", None, "a")
        assert pinned[0] == pinned[1] == anonymous
        assert {row["source"] for row in anonymous} == {"popular"}
        assert {row["source"] for row in learning} == {"for_you"}

    run(own, work, "postgres")


@pytest.mark.slow
def test_decks_are_fast(empty: Any) -> None:
    dsn = empty()
    summary = asyncio.run(seed(dsn, people=200, catalogue=600, seed=3, password="x"))

    async def p95() -> float:
        async with asyncpg.create_pool(dsn, min_size=1, max_size=1) as pool:
            seconds = []
            for number in range(60):
                before = time.perf_counter()
                rows = await deal(pool, summary.people[number], 72, deck_seed=f"r{number}")
                seconds.append(time.perf_counter() - before)
                assert len(rows) == 72
            return sorted(seconds)[56]

    tries = [asyncio.run(p95())]
    while tries[-1] >= 0.06 and len(tries) < 4:
        tries.append(asyncio.run(p95()))
    if tries[-1] >= 0.06 and overloaded():
        pytest.skip("this machine is too busy to time anything")
    assert tries[-1] < 0.06, tries


def test_events_of_the_seed_lie_in_the_past_and_in_their_partition(seeded: Any) -> None:
    async def work(pool: asyncpg.Pool) -> None:
        row = await pool.fetchrow(
            "select min(created_at) lo, max(created_at) hi from public.media_events where source = 'seed'"
        )
        assert datetime.now(UTC) - timedelta(days=45) < row["lo"] < row["hi"] < datetime.now(UTC)
        parts = await pool.fetch(
            "select distinct tableoid::regclass::text from public.media_events where event_day >= '2026-07-01'"
        )
        assert [part[0] for part in parts] in ([], ["media_events_default"])

    run(seeded, work, "postgres")


def test_the_schema_is_needed_first(server: Any) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        asyncio.run(seed(server.dsn(), people=1, catalogue=1, seed=1, password="x"))
    assert schema.FOLDER.is_dir()

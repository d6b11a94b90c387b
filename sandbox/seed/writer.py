"""Writes a plan into a database: COPY for everything, triggers where they make rows."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson

from sandbox.errors import SandboxError
from sandbox.seed import catalogue as catalogue_rows
from sandbox.seed import conversations as conversation_rows
from sandbox.seed import history as history_rows
from sandbox.seed import lists as list_rows
from sandbox.seed import people as people_rows
from sandbox.seed.plan import FULL_LIVES, SeedPerson, SeedPlan, SeedSummary, uuid4_from
from sandbox.settings import REGISTRY

ASSISTANT_EMAIL = "movinesta_ai@people.sandbox.test"
ASSISTANT_USERNAME = "movinesta"
ASSISTANT_NAME = "MoviNesta AI"


async def already_seeded(dsn: str) -> bool:
    """Whether the database holds people or titles."""
    connection = await asyncpg.connect(dsn)
    try:
        return bool(await connection.fetchval(_FULL))
    finally:
        await connection.close()


async def seed(
    dsn: str,
    *,
    people: int,
    catalogue: int,
    seed: int,
    email_pattern: str = "p{index:06d}@people.sandbox.test",
    password: str,
    now: datetime | None = None,
    embeddings: bool = True,
    full_lives: int = FULL_LIVES,
) -> SeedSummary:
    """Fill an empty database that has the schema. Everybody can sign in with `password` and is past onboarding.

    now: the youngest instant in any row, default the present. Same arguments and same `now`, same rows.
    embeddings: give titles and people a place in taste space. Without them, people who have swiped get the popular
        list as their for_you deck, as on a deployment whose embeddings were never made (contract 2.5).
    full_lives: how many people, the first ones, have weeks of life behind them; the others have a few rows each.
    :raises SandboxError: when the database holds people or titles already, or the e-mail pattern is no good.
    """
    started = time.perf_counter()
    plan = SeedPlan(people, catalogue, seed, now or datetime.now(UTC), email_pattern, full_lives)
    connection = await asyncpg.connect(dsn)
    try:
        if await connection.fetchval(_FULL):
            raise SandboxError(
                "the database holds people or titles already", where="seed", remedy="start with an empty data folder"
            )
        async with connection.transaction():
            everybody, assistant = await _write(connection, plan, password, embeddings)
        await connection.execute(f"vacuum (analyze) {', '.join(_VACUUMED)}")
        rows = {table: int(await connection.fetchval(f"select count(*) from {table}")) for table in _VACUUMED}
    finally:
        await connection.close()
    return SeedSummary(tuple(everybody), assistant, rows, time.perf_counter() - started)


_FULL = "select exists (select 1 from auth.users) or exists (select 1 from public.media_items)"
_VACUUMED = (
    "auth.users",
    *(
        f"public.{table}"
        for table in (
            *("profiles", "user_preferences", "user_stats", "follows", "app_settings"),
            *("media_items", "media_trending_scores", "media_embeddings", "media_user_vectors", "media_events"),
            *("library_entries", "ratings", "reviews", "activity_events", "lists", "list_items"),
            *("media_item_daily", "media_genres"),
            *conversation_rows.COLUMNS,
        )
    ),
)


async def _write(
    connection: asyncpg.Connection, plan: SeedPlan, password: str, embeddings: bool
) -> tuple[list[SeedPerson], uuid.UUID]:
    titles = catalogue_rows.titles(plan)
    await _copy(connection, "genres", ("id", "name", "slug"), catalogue_rows.genres())
    await _titles(connection, titles)
    computed = plan.now - timedelta(minutes=10)
    trends = catalogue_rows.trending(plan, titles)
    await _copy(connection, "media_item_daily", catalogue_rows.DAILY_COLUMNS, catalogue_rows.days(plan, trends))
    scores = ((title, score, computed) for title, score in trends)
    await _copy(connection, "media_trending_scores", ("media_item_id", "score_72h", "computed_at"), scores)
    everybody = people_rows.people(plan)
    assistant = await _accounts(connection, plan, everybody, password)
    async with _without_indexes(connection, _GROWING if plan.people > plan.full_lives else ()):
        await _lives(connection, plan, everybody, titles)
    async with _without_triggers(connection):
        await _touch_up(connection, plan, everybody, assistant)
    if embeddings:
        await _embed(connection, plan, titles)
    await _settings(connection, plan)
    return everybody, assistant


async def _titles(connection: asyncpg.Connection, titles: list[catalogue_rows.SeedTitle]) -> None:
    """The catalogue. Its genres are written in one go: title by title they would cost as much as all the rest."""
    await connection.execute("alter table public.media_items disable trigger trg_sync_title_genres")
    await _copy(connection, "media_items", catalogue_rows.COLUMNS, (title.row for title in titles))
    await connection.execute("alter table public.media_items enable trigger trg_sync_title_genres")
    await connection.execute(
        "insert into public.media_genres (media_item_id, genre_id, created_at)"
        " select m.id, g.id, m.created_at from public.media_items m"
        " join public.genres g on g.id = any (m.tmdb_genre_ids)"
    )


async def _lives(
    connection: asyncpg.Connection, plan: SeedPlan, everybody: list[SeedPerson], titles: list[catalogue_rows.SeedTitle]
) -> None:
    """What everybody has done so far."""
    past = history_rows.history(plan, everybody, titles)
    for table in ("library_entries", "ratings", "reviews"):  # their triggers write the home feeds
        await _copy(connection, table, history_rows.COLUMNS[table], getattr(past, table))
    inbox = conversation_rows.inbox(plan, everybody)
    async with _without_triggers(connection):
        await _copy(connection, "media_events", history_rows.COLUMNS["media_events"], past.media_events)
        kept = list_rows.lists(plan, everybody, titles)
        for table, columns in list_rows.COLUMNS.items():
            await _copy(connection, table, columns, getattr(kept, table))
        for table, columns in conversation_rows.COLUMNS.items():
            await _copy(connection, table, columns, getattr(inbox, table))
        follows = people_rows.follows(plan, everybody)
        await _copy(connection, "follows", ("follower_id", "followed_id", "created_at"), follows)


_GROWING = (
    *("activity_events", "library_entries", "ratings", "reviews", "media_events", "follows"),
    *list_rows.COLUMNS,
    *conversation_rows.COLUMNS,
)

_INDEXES = """
select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as made_by
from pg_index i
join pg_class t on t.oid = i.indrelid
where t.relname = any($1) and t.relnamespace = 'public'::regnamespace
  and not exists (select 1 from pg_constraint c where c.conindid = i.indexrelid)
  and not exists (select 1 from pg_inherits h where h.inhrelid = i.indexrelid)
order by 1
"""


@asynccontextmanager
async def _without_indexes(connection: asyncpg.Connection, tables: Sequence[str]) -> AsyncIterator[None]:
    """Sorting once at the end is several times cheaper than growing each index row by row. Constraints' own stay."""
    indexes = await connection.fetch(_INDEXES, list(tables))
    await connection.execute("set local maintenance_work_mem = '128MB'")
    for index in indexes:
        await connection.execute(f"drop index {index['name']}")
    yield
    for index in indexes:
        # Of a partitioned table PostgreSQL writes ONLY, which would leave the partitions without theirs.
        await connection.execute(index["made_by"].replace(" ON ONLY ", " ON ", 1))


@asynccontextmanager
async def _without_triggers(connection: asyncpg.Connection) -> AsyncIterator[None]:
    """For rows that are right by construction: their own times survive, and foreign keys are not looked up."""
    await connection.execute("set local session_replication_role = replica")
    yield
    await connection.execute("set local session_replication_role = origin")


async def _copy(
    connection: asyncpg.Connection,
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    schema: str = "public",
) -> None:
    await connection.copy_records_to_table(table, schema_name=schema, columns=list(columns), records=rows)


async def _accounts(
    connection: asyncpg.Connection, plan: SeedPlan, everybody: list[SeedPerson], password: str
) -> uuid.UUID:
    """Sign everybody up. The password is hashed once: one salt for all is no loss among synthetic people."""
    rng = plan.stream("accounts")
    salt = f"$sandbox-sha256${rng.getrandbits(96):024x}$"
    hashed = await connection.fetchval("select extensions.crypt($1, $2)", password, salt)
    assistant = uuid4_from(rng)
    rows = [
        (person.id, person.email, hashed, _metadata(person.display_name), people_rows.joined_at(plan, person))
        for person in everybody
    ]
    # Nobody signs in as the assistant: it has no password.
    rows.append((assistant, ASSISTANT_EMAIL, None, _metadata(ASSISTANT_NAME), plan.now - timedelta(days=365)))
    await _copy(
        connection,
        "users",
        ("id", "email", "encrypted_password", "raw_user_meta_data", "created_at", "updated_at", "email_confirmed_at"),
        ((*row, row[-1], row[-1]) for row in rows),
        schema="auth",
    )
    return assistant


def _metadata(name: str) -> str:
    return orjson.dumps({"display_name": name, "onboarded": True}).decode()


async def _touch_up(
    connection: asyncpg.Connection, plan: SeedPlan, everybody: list[SeedPerson], assistant: uuid.UUID
) -> None:
    """What sign-up does not know: names, privacy, last presence, counters, who the assistant is."""
    private = people_rows.privacy(plan, everybody)
    await connection.execute(
        "update public.user_preferences u set settings = u.settings || jsonb_build_object('privacy_profile', p.kind)"
        " from unnest($1::uuid[], $2::text[]) p (id, kind) where u.user_id = p.id",
        list(private),
        list(private.values()),
    )
    rng = plan.stream("presence")
    await connection.execute(
        "update public.profiles p set last_seen_at = s.at, display_name = s.name"
        " from unnest($1::uuid[], $2::timestamptz[], $3::text[]) s (id, at, name) where p.id = s.id",
        [person.id for person in everybody],
        [plan.now - timedelta(hours=rng.uniform(0.1, 72)) for _ in everybody],
        [person.display_name for person in everybody],
    )
    named = "update public.profiles set username = $2, display_name = $3 where id = $1"
    await connection.execute(named, assistant, ASSISTANT_USERNAME, ASSISTANT_NAME)
    await connection.execute(
        "update public.assistant_system_config set assistant_user_id = $1, updated_at = $2 where id = 1",
        assistant,
        plan.now,
    )
    await connection.execute(_STATS)


_STATS = """
update public.user_stats s set
  followers_count = (select count(*) from public.follows f where f.followed_id = s.user_id),
  following_count = (select count(*) from public.follows f where f.follower_id = s.user_id),
  ratings_count = (select count(*) from public.ratings r where r.user_id = s.user_id),
  reviews_count = (select count(*) from public.reviews r where r.user_id = s.user_id),
  watchlist_count = (
    select count(*) from public.library_entries l where l.user_id = s.user_id and l.status = 'want_to_watch'
  ),
  lists_count = (select count(*) from public.lists l where l.user_id = s.user_id),
  messages_sent_count = (select count(*) from public.messages m where m.user_id = s.user_id)
"""

_EMBEDDINGS = """
insert into public.media_embeddings (media_item_id, embedding, provider, model, dimensions, task, updated_at)
select v.id, extensions.l2_normalize(v.vector::extensions.sparsevec)::extensions.halfvec,
  s.active_provider, s.active_model, s.active_dimensions, s.active_task, $3
from unnest($1::uuid[], $2::text[]) v (id, vector), public.embedding_settings s
where s.id = 1
"""
_USER_VECTORS = """
insert into public.media_user_vectors (user_id, taste, provider, model, dimensions, task, updated_at)
select e.user_id, extensions.l2_normalize(extensions.avg(m.embedding)), s.active_provider, s.active_model,
  s.active_dimensions, s.active_task, $1
from public.media_events e
join public.media_embeddings m on m.media_item_id = e.media_item_id
cross join public.embedding_settings s
where s.id = 1 and (e.event_type = 'like' or e.in_watchlist)
group by e.user_id, s.id
"""


async def _embed(connection: asyncpg.Connection, plan: SeedPlan, titles: list[catalogue_rows.SeedTitle]) -> None:
    """Places in taste space. Building the index once is several times cheaper than growing it row by row."""
    index = await connection.fetchval("select pg_get_indexdef('public.media_embeddings_hnsw_idx'::regclass)")
    await connection.execute("drop index public.media_embeddings_hnsw_idx")
    vectors = catalogue_rows.embeddings(plan, titles)
    await connection.execute(_EMBEDDINGS, [v[0] for v in vectors], [v[1] for v in vectors], plan.now)
    await connection.execute(index)
    await connection.execute(_USER_VECTORS, plan.now)


async def _settings(connection: asyncpg.Connection, plan: SeedPlan) -> None:
    """The registry's defaults as rows, so that changing one is an UPDATE as in the admin pages."""
    rows = (
        (setting.key, setting.scope, orjson.dumps(setting.default).decode(), plan.now) for setting in REGISTRY.values()
    )
    await _copy(connection, "app_settings", ("key", "scope", "value", "updated_at"), rows)

"""Each question to the catalogue of a real Postgres: silent where all is well, and naming what was made wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import asyncpg
import pytest

from harness.core.errors import TargetError
from harness.core.target_guard import HERE
from harness.egress.gate import Gate
from harness.preflight.ask import preflight
from harness.preflight.lints import LINTS
from harness.preflight.model import Lint, PreflightFinding
from sandbox.postgres import Postgres

GATE = Gate(HERE)
HEALTHY = """
create role anon;
create role authenticated;
create schema extensions;
create schema auth;
create schema storage;
create table auth.users (id uuid primary key, email text);
create table storage.buckets (id text primary key, public boolean);
create function auth.uid() returns uuid language sql stable as $$ select null::uuid $$;
revoke create on schema public from public;
grant usage on schema public, auth to anon, authenticated;
alter default privileges in schema public grant select, insert, update, delete on tables to anon, authenticated;

create table public.people (id uuid primary key, name text);
create table public.messages (
  id uuid primary key, conversation_id uuid not null, user_id uuid not null references public.people, body text,
  created_at timestamptz not null default now()
);
create index on public.messages (conversation_id, created_at desc);
create index on public.messages (user_id);
create table public.swipe_events (id uuid primary key, user_id uuid, created_at timestamptz);
create index on public.swipe_events (user_id, created_at desc);
alter table public.people enable row level security;
alter table public.messages enable row level security;
alter table public.swipe_events enable row level security;
create policy own on public.people for select to authenticated using (id = (select auth.uid()));
create policy own on public.messages for all to authenticated
  using (user_id = (select auth.uid())) with check (user_id = (select auth.uid()));
create policy own on public.swipe_events for select to authenticated using (user_id = (select auth.uid()));
create policy anybody on public.swipe_events for insert to authenticated with check (user_id = (select auth.uid()));
create function public.greet(p_name text) returns text language sql as $$ select 'hello ' || p_name $$;
create function public.mine() returns bigint language sql security definer set search_path = '' as
  $$ select count(*) from public.messages where user_id = (select auth.uid()) $$;
revoke execute on function public.mine() from public;
create view public.own_messages with (security_invoker = on) as select id, body from public.messages;
insert into storage.buckets values ('avatars', false);
"""

BROKEN: dict[str, tuple[str, str, str]] = {
    # lint: (what is made wrong, the object that is named, a part of the evidence)
    "rls_disabled_in_public": (
        "create table public.notes (id int primary key)",
        "public.notes",
        "anon may SELECT, INSERT, UPDATE, DELETE",
    ),
    "policy_exists_rls_disabled": (
        "alter table public.messages disable row level security",
        "public.messages",
        "1 policies: own",
    ),
    "rls_enabled_no_policy": (
        "create table public.inbox (id int primary key); alter table public.inbox enable row level security",
        "public.inbox",
        "authenticated may",
    ),
    "rls_policy_always_true": (
        "create policy free on public.people for delete to authenticated using (true)",
        "public.people.free",
        "for delete to authenticated using (true)",
    ),
    "auth_rls_initplan": (
        "create policy slow on public.people for update to authenticated using (id = auth.uid())",
        "public.people.slow",
        "auth.uid()",
    ),
    "multiple_permissive_policies": (
        "create policy second on public.people for select to authenticated using (name = 'x')",
        "public.people select authenticated",
        "own, second",
    ),
    "rls_references_user_metadata": (
        """create function auth.jwt() returns jsonb language sql stable as $$ select '{}'::jsonb $$;
        create policy staff on public.messages for select to anon
          using (((select auth.jwt()) -> 'user_metadata' ->> 'staff') = 'yes')""",
        "public.messages.staff",
        "user_metadata",
    ),
    "definer_function_for_anyone": (
        """create function public.wipe(p_id uuid) returns void language sql security definer set search_path = '' as
        $$ delete from public.messages where user_id = p_id $$""",
        "public.wipe(uuid)",
        "it writes: delete from public.messages",
    ),
    "function_search_path_mutable": (
        """create function public.loose() returns int language sql security definer as $$ select 1 $$;
        revoke execute on function public.loose() from public""",
        "public.loose()",
        "without SET search_path",
    ),
    "security_definer_view": (
        "create view public.all_messages as select id from public.messages",
        "public.all_messages",
        "owned by postgres",
    ),
    "auth_users_exposed": (
        "create view public.accounts with (security_invoker = on) as select id, email from auth.users",
        "public.accounts",
        "anon may SELECT",
    ),
    "materialized_view_in_api": (
        "create materialized view public.counts as select count(*) from public.messages",
        "public.counts",
        "anon may SELECT",
    ),
    "debug_object_in_api": (
        """create table public.debug_log (id int primary key); alter table public.debug_log enable row level security;
        create policy own on public.debug_log for select to authenticated using (id = 1)""",
        "public.debug_log",
        "anon may",
    ),
    "schema_open_for_creation": (
        "grant create on schema public to authenticated",
        "public",
        "authenticated may create",
    ),
    "extension_in_public": ("create extension pg_trgm schema public", "pg_trgm", "in schema public"),
    "unindexed_foreign_keys": (
        """alter table public.swipe_events add column friend uuid constraint of_friend references public.people""",
        "public.swipe_events.of_friend",
        "columns friend",
    ),
    "duplicate_index": (
        "create index once on public.people (name); create index twice on public.people (name)",
        "public.once, public.twice",
        "on public.people",
    ),
    "no_primary_key": (
        """create table public.loose_rows (n int); alter table public.loose_rows enable row level security;
        create policy own on public.loose_rows for select to authenticated using (n = 1)""",
        "public.loose_rows",
        "about 0 rows",
    ),
    "latest_per_group_index": (
        "drop index public.messages_conversation_id_created_at_idx",
        "public.messages (conversation_id, created_at)",
        "no index begins with",
    ),
    "dead_rows": (
        """alter table public.people set (autovacuum_enabled = off);
        insert into public.people select gen_random_uuid(), n::text from generate_series(1, 12000) n;
        delete from public.people where name <> '1'""",
        "public.people",
        "last vacuum never",
    ),
    "sequence_near_its_end": (
        "create sequence public.tickets maxvalue 1000; select setval('public.tickets', 900)",
        "public.tickets",
        "900 of 1000",
    ),
    "public_bucket": ("update storage.buckets set public = true", "bucket avatars", "public"),
}
ALSO: dict[str, set[str]] = {
    # what the same mistake breaks as well
    "policy_exists_rls_disabled": {"rls_disabled_in_public"},
    "rls_references_user_metadata": set(),
}
NOT_HERE = {"unused_index": "asks of statistics that are a day old at least"}


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        asyncio.run(_execute(server.dsn(), HEALTHY))
        yield server


async def _execute(dsn: str, sql: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(sql)
    await connection.close()


@pytest.fixture
def database(postgres: Postgres, request: pytest.FixtureRequest) -> Iterator[str]:
    """A copy of the healthy database, with what the test makes wrong in it."""
    asyncio.run(_execute(postgres.dsn("template1"), "create database broken template postgres"))
    try:
        yield postgres.dsn("broken")
    finally:
        asyncio.run(_execute(postgres.dsn("template1"), "drop database broken with (force)"))


def asked(dsn: str, lints: tuple[Lint, ...] = LINTS) -> list[PreflightFinding]:
    answers = preflight(dsn, GATE, lints)
    assert answers.asked == len(lints)
    assert not answers.unasked
    return list(answers.findings)


def test_a_healthy_database_has_no_finding(postgres: Postgres) -> None:
    assert asked(postgres.dsn()) == []


def test_every_question_is_tried_here() -> None:
    assert {lint.id for lint in LINTS} == BROKEN.keys() | NOT_HERE.keys()


@pytest.mark.parametrize("id_", BROKEN)
def test_what_is_wrong_is_named_and_nothing_else(id_: str, database: str) -> None:
    sql, named, evidence = BROKEN[id_]
    asyncio.run(_execute(database, sql))
    if id_ == "dead_rows":
        asyncio.run(asyncio.sleep(1.2))  # what a connection counted reaches the others within a second
    found = asked(database)
    (finding,) = [one for one in found if one.lint == id_]
    assert finding.object == named
    assert evidence in finding.evidence
    assert finding.remedy
    assert {one.lint for one in found} - {id_} == ALSO.get(id_, set())


def test_questions_read_and_nothing_more(postgres: Postgres) -> None:
    writes = Lint("x", "low", "t", "w", "10", "insert into auth.users values (gen_random_uuid(), 'x') returning email")
    with pytest.raises(TargetError, match="ReadOnlySQLTransactionError"):
        preflight(postgres.dsn(), GATE, (writes,))


def test_what_could_not_be_asked_is_said(postgres: Postgres) -> None:
    absent = Lint("no_table", "low", "t", "w", "10", "select 1 from public.not_there")
    answers = preflight(postgres.dsn(), GATE, (absent,))
    assert answers.unasked == ("no_table: there is no such table here",)
    assert answers.asked == 0


def test_a_database_that_is_not_there() -> None:
    with pytest.raises(TargetError, match="does not answer"):
        preflight("postgresql://u:p@127.0.0.1:1/x", GATE)

"""What stays of deleted people is removed, all of it and nothing else, from a real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.config.load import load_target
from harness.core.target import Target
from harness.load.discovery import discover
from harness.provision.leftovers import BY_USER, Leftovers, RestJob, found, removed
from sandbox.options import SandboxOptions
from sandbox.server import Sandbox
from tests.sandbox.signed_in import sql

TARGET = """
name = "left"
url = "{url}"
environment = "local"
[keys]
anon_env = "LEFT_ANON"
service_env = "LEFT_SERVICE"
[people]
password_env = "LEFT_PASSWORD"
tag = "left"
domain = "left.example.com"
"""
NOT_THEIRS = {"app_admins": "who may administer the app; synthetic people never do"}
REFERRING_TO_NOBODY = """
select distinct c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
  and a.attname = 'user_id' and not a.attisdropped and not exists (
    select 1 from pg_constraint f where f.conrelid = c.oid and f.contype = 'f' and a.attnum = any(f.conkey)
      and f.confdeltype = 'c')
"""
NEEDED = """
select a.attname as name, t.typname as type, t.typtype::text as kind from pg_attribute a
join pg_type t on t.oid = a.atttypid
where a.attrelid = ('public.' || $1)::regclass and a.attnum > 0 and not a.attisdropped and a.attnotnull
  and not a.atthasdef and a.attgenerated = '' and a.attname <> 'user_id'
"""
REFERS = {
    "media_item_id": "(select id from public.media_items limit 1)",
    "conversation_id": "(select id from public.conversations limit 1)",
    "message_id": "(select id from public.messages limit 1)",
    "user_message_id": "(select id from public.messages limit 1)",
}
SOME = {
    "uuid": "gen_random_uuid()",
    "text": "md5(random()::text)",
    "int4": "1",
    "int8": "1",
    "float4": "1",
    "float8": "1",
    "numeric": "1",
    "jsonb": "'{}'",
    "date": "current_date",
    "timestamptz": "now()",
    "bool": "false",
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=4, catalogue=60)) as running:
        yield running


@pytest.fixture
def target(sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    known = discover(sandbox.url)
    monkeypatch.setenv("LEFT_ANON", known.anon_key.reveal())
    monkeypatch.setenv("LEFT_SERVICE", known.service_key.reveal())
    monkeypatch.setenv("LEFT_PASSWORD", "a-password-of-theirs")
    file = tmp_path / "target.toml"
    file.write_text(TARGET.format(url=sandbox.url), encoding="utf-8")
    return load_target(str(file))


def add(sandbox: Sandbox, table: str, user: str) -> None:
    """A row of theirs, with whatever the table insists on."""
    needed = sql(sandbox, NEEDED, table)
    values = {row["name"]: REFERS.get(row["name"]) or _some(row["type"], row["kind"]) for row in needed}
    names = ", ".join(["user_id", *values])
    told = ", ".join([f"'{user}'", *values.values()])
    sql(sandbox, f"insert into public.{table} ({names}) values ({told})")


def _some(kind_of_value: str, kind: str) -> str:
    return f"(enum_range(null::public.{kind_of_value}))[1]" if kind == "e" else SOME[kind_of_value]


def rows_of(sandbox: Sandbox, user: str) -> dict[str, int]:
    counted = {
        table: sql(sandbox, f"select count(*) as rows from public.{table} where user_id = $1::uuid", user)[0]["rows"]
        for table in BY_USER
    }
    return {table: rows for table, rows in counted.items() if rows}


def test_every_table_that_no_deletion_reaches_is_known(sandbox: Sandbox) -> None:
    """A table that a later schema brings has to be named in one of both."""
    names = {row["name"] for row in sql(sandbox, REFERRING_TO_NOBODY)}
    assert names - set(NOT_THEIRS) == set(BY_USER)


def test_their_rows_go_from_all_of_them_and_nobody_elses(sandbox: Sandbox, target: Target) -> None:
    ours, theirs = (str(row["id"]) for row in sql(sandbox, "select id from auth.users order by email limit 2"))
    before = rows_of(sandbox, ours)
    for user in (ours, theirs):
        for table in BY_USER:
            add(sandbox, table, user)
    left = rows_of(sandbox, theirs)
    assert set(left) == set(BY_USER)
    with RestJob(target) as job:
        assert found(job, [ours]).people == (ours,)
        gone = removed(job, Leftovers(people=(ours,)))
        assert {table: gone[table] for table in BY_USER} == {table: before.get(table, 0) + 1 for table in BY_USER}
        assert removed(job, Leftovers(people=(ours,))) == {}, "it may be repeated"
    assert rows_of(sandbox, ours) == {}
    assert rows_of(sandbox, theirs) == left

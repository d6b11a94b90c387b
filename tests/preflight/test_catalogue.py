"""A deployment held against a kept catalogue: what was taken away, opened or added is named."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from harness.cli import cli
from harness.core.errors import ExitCode
from harness.preflight.catalogue import Catalogue, drift
from sandbox.options import SandboxOptions
from sandbox.server.instance import Sandbox

KINDS = st.sampled_from(
    ["rls", "policy", "grant", "function", "constraint", "index", "column", "trigger", "view", "new"]
)
OBJECTS = st.dictionaries(st.builds("{} {}".format, KINDS, st.text(min_size=1)), st.text(max_size=400), max_size=8)
TABLES = ("messages", "conversations", "ratings", "library_entries")
INDEXES = (
    "messages_conversation_created_idx",
    "messages_conversation_created_asc_idx",
    "messages_user_created_idx",
    "messages_client_id_idx",
)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=5)) as running:
        yield running


def changed(sandbox: Sandbox, *statements: str) -> None:
    async def work() -> None:
        connection = await asyncpg.connect(sandbox.discovery["dsn"])
        for statement in statements:
            await connection.execute(statement)
        await connection.close()

    asyncio.run(work())


def run(sandbox: Sandbox, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["preflight", "--url", sandbox.url, *arguments])


def test_a_target_with_nine_things_wrong_has_each_of_them_named(sandbox: Sandbox, tmp_path: Path) -> None:
    """Row-level security off on four tables, a public table for debugging, four indexes of messages gone: a smoke run
    passed on it (field notes, blind spots)."""
    kept = tmp_path / "catalogue.json"
    assert run(sandbox, "--save", str(kept), "--fail-on", "never").exit_code == ExitCode.PASS
    same = json.loads(run(sandbox, "--against", str(kept), "--json", "--fail-on", "never").output)
    assert not [one for one in same["findings"] if one["lint"].startswith("catalogue_")]

    indexes = asyncio.run(_definitions(sandbox.discovery["dsn"]))
    off = [f"alter table public.{table} disable row level security" for table in TABLES]
    debug = ["create table public.debug_dump (id int, row text)", "grant all on public.debug_dump to anon"]
    changed(sandbox, *off, *debug, *(f"drop index public.{name}" for name in INDEXES))
    try:
        broken = json.loads(run(sandbox, "--against", str(kept), "--json").output)["findings"]
        found = {(one["lint"], one["object"]): one for one in broken}
        for table in TABLES:
            for lint, about in (
                ("rls_disabled_in_public", f"public.{table}"),
                ("policy_exists_rls_disabled", f"public.{table}"),
                ("catalogue_changed", f"rls public.{table}"),
            ):
                assert found[lint, about]["remedy"] == f"alter table public.{table} enable row level security;"
                assert found[lint, about]["severity"] == "high"
            assert "SELECT" in found["rls_disabled_in_public", f"public.{table}"]["evidence"]
        assert (
            "anon may SELECT, INSERT, UPDATE, DELETE" in found["debug_object_in_api", "public.debug_dump"]["evidence"]
        )
        assert ("catalogue_added", "grant public.debug_dump anon") in found
        for name in INDEXES:
            remedy = found["catalogue_missing", f"index public.{name}"]["remedy"]
            assert remedy == indexes[name].replace("INDEX", "INDEX CONCURRENTLY", 1) + ";"
        assert run(sandbox, "--against", str(kept)).exit_code == ExitCode.TARGET
    finally:
        on = [f"alter table public.{table} enable row level security" for table in TABLES]
        changed(sandbox, *on, "drop table public.debug_dump", *(indexes[name] for name in INDEXES))
    again = json.loads(run(sandbox, "--against", str(kept), "--json", "--fail-on", "never").output)
    assert again["findings"] == same["findings"]


async def _definitions(dsn: str) -> dict[str, str]:
    connection = await asyncpg.connect(dsn)
    rows = await connection.fetch("select indexname, indexdef from pg_indexes where indexname = any($1)", INDEXES)
    await connection.close()
    return {row["indexname"]: row["indexdef"] for row in rows}


def test_two_sandboxes_are_alike(sandbox: Sandbox, tmp_path: Path) -> None:
    kept = tmp_path / "catalogue.json"
    run(sandbox, "--save", str(kept), "--fail-on", "never")
    with Sandbox(SandboxOptions(people=5, seed=2)) as other:
        found = json.loads(run(other, "--against", str(kept), "--json", "--fail-on", "never").output)["findings"]
    assert not [one for one in found if one["lint"].startswith("catalogue_")]


def test_what_is_no_kept_catalogue_is_refused(sandbox: Sandbox, tmp_path: Path) -> None:
    path = tmp_path / "c.json"
    for text in ("{}x", '{"version": 2}', '{"objects": {"a": 1}}'):
        path.write_text(text, encoding="utf-8")
        assert "no kept catalogue" in str(run(sandbox, "--against", str(path)).exception)


@given(OBJECTS, OBJECTS)
def test_a_difference_is_a_finding_and_nothing_else_is(before: dict[str, str], now: dict[str, str]) -> None:
    found = drift(Catalogue(objects=before), Catalogue(objects=now))
    assert sorted(one.object for one in found) == sorted(
        key for key in before.keys() | now.keys() if before.get(key) != now.get(key)
    )
    assert all(one.remedy for one in found)
    assert drift(Catalogue(objects=now), Catalogue(objects=now)) == []

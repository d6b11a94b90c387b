"""What is read from the target after a run, against the sandbox: nothing that a check needs is left out."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from harness.evidence import store
from harness.evidence.collect import collect
from harness.evidence.tables import CONVERSATIONS, MESSAGES, PARTICIPANTS
from harness.record.store import RunStore, open_run
from reports.integrity import conversations
from sandbox.options import SandboxOptions
from sandbox.quirks import Quirks
from sandbox.server import Sandbox
from tests.reports import build

PAST = "2026-01-05 10:00:00+00"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    quirks = Quirks.parse(["conversation_not_bumped=on"])
    with Sandbox(SandboxOptions(people=30, catalogue=120, quirks=quirks)) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run that began just now."""
    folder = build.save(build.realistic(), tmp_path / "run")
    RunStore(folder, open_run(folder).manifest).update(zero_epoch_s=time.time())
    return folder


async def message(dsn: str) -> str:
    """Somebody writes into an old group; its id."""
    connection = await asyncpg.connect(dsn)
    try:
        conversation = await connection.fetchval("select id from conversations where is_group order by id limit 1")
        async with connection.transaction():
            await connection.execute("set local session_replication_role = replica")  # no trigger makes it newer
            await connection.execute(f"update conversations set updated_at = '{PAST}' where id = $1", conversation)
        member = await connection.fetchval(
            "select user_id from conversation_participants where conversation_id = $1 limit 1", conversation
        )
        await connection.execute(
            "insert into messages (conversation_id, user_id, body) values ($1, $2, $3)", conversation, member, '"hi"'
        )
        return str(conversation)
    finally:
        await connection.close()


@pytest.mark.parametrize("way", ["PostgREST", "Postgres"])
def test_a_conversation_that_nothing_made_newer_is_read_and_found(sandbox: Sandbox, folder: Path, way: str) -> None:
    key, dsn = sandbox.discovery["service_key"], sandbox.discovery["dsn"]
    old = asyncio.run(message(dsn))
    found = collect(folder, sandbox.url, service_key=key) if way == "PostgREST" else collect(folder, "", dsn=dsn)
    assert (found.source, found.problem) == (way, "")
    rooms, messages, members = (store.kept(folder, table) for table in (CONVERSATIONS, MESSAGES, PARTICIPANTS))
    assert rooms is not None
    assert messages is not None
    assert members is not None
    stale = conversations.stale(rooms.to_pandas(), messages.to_pandas())
    assert [str(uuid.UUID(bytes=raw)) for raw in stale["id"]] == [old]
    assert members.num_rows > 1

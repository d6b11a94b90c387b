"""The database's side of the feed by itself: the stream, the catalogue, and what a row's visibility waits for."""

from __future__ import annotations

import asyncio
import uuid

import asyncpg
import pytest

from sandbox.realtime.catalogue import PublicationCatalogue
from sandbox.realtime.pgoutput import RowChange
from sandbox.realtime.wal import FeedError, WalStream
from tests.sandbox.conftest import Seeded

LIMIT_S = 20.0
ONE = "select conversation_id, user_id from public.conversation_participants order by 1, 2 limit 1"
INSERT = """
insert into public.messages (user_id, sender_id, conversation_id, body, text)
values ($1, $1, $2, '{"n": [1, 2]}', $3) returning id, pg_current_xact_id()::text as xid
"""


async def next_of(stream: WalStream, table: str) -> list[RowChange]:
    """The next transaction that touches the table: its changes there."""
    async for changes in stream.transactions():
        found = [change for change in changes if change.relation.table == table]
        if found:
            return found
    raise AssertionError("the stream ended")


def test_the_stream_tells_committed_changes_only_and_whole_transactions(own: Seeded) -> None:
    async def run() -> None:
        stream = await WalStream.open(own.dsn())
        connection = await asyncpg.connect(own.dsn())
        try:
            conversation, person = await connection.fetchrow(ONE)
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(INSERT.partition("returning")[0], person, conversation, "rolled back")
            await transaction.rollback()
            async with connection.transaction():
                first = await connection.fetchrow(INSERT, person, conversation, "one")
                await connection.execute("update public.messages set text = 'two' where id = $1", first["id"])
            async with asyncio.timeout(LIMIT_S):
                inserted, updated = await next_of(stream, "messages")
            assert (inserted.type, updated.type) == ("INSERT", "UPDATE")
            assert inserted.new is not None
            assert updated.new is not None
            assert updated.old is not None
            assert (inserted.new["text"], updated.old["text"], updated.new["text"]) == ("one", "one", "two")
            assert inserted.new["body"] == '{"n": [1, 2]}'
            assert inserted.xid == int(first["xid"])
            assert inserted.relation.identity == "f"
        finally:
            await connection.close()
            stream.close()

    asyncio.run(run())


def test_values_too_large_to_be_repeated_come_from_the_row_before(own: Seeded) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(own.dsn())
        stream = await WalStream.open(own.dsn())
        try:
            conversation, person = await connection.fetchrow(ONE)
            await connection.execute("alter table public.messages alter column text set storage external")
            row = await connection.fetchrow(INSERT, person, conversation, "x" * 9_000)
            await connection.execute("update public.messages set client_id = 'c' where id = $1", row["id"])
            async with asyncio.timeout(LIMIT_S):
                await next_of(stream, "messages")
                (updated,) = await next_of(stream, "messages")
            assert updated.new is not None
            assert (updated.new["client_id"], updated.new["text"]) == ("c", "x" * 9_000)
        finally:
            await connection.close()
            stream.close()

    asyncio.run(run())


def test_asking_for_a_row_waits_until_its_commit_is_seen_by_all(own: Seeded) -> None:
    async def run() -> None:
        stream = await WalStream.open(own.dsn())
        writer = await asyncpg.connect(own.dsn())
        catalogue = await PublicationCatalogue.open(own.dsn())
        try:
            conversation, person = await writer.fetchrow(ONE)
            table = (await catalogue.published())["public", "messages"]
            transaction = writer.transaction()
            await transaction.start()
            row = await writer.fetchrow(INSERT, person, conversation, "one")
            early = RowChange(None, "INSERT", 0.0, {"id": str(row["id"])}, None, int(row["xid"]))  # type: ignore[arg-type]
            claims = f'{{"role": "authenticated", "sub": "{person}"}}'
            stranger = f'{{"role": "authenticated", "sub": "{uuid.UUID(int=7)}"}}'
            callers = [("authenticated", claims), ("authenticated", stranger), ("anon", "{}"), ("service_role", "{}")]
            asked = asyncio.ensure_future(catalogue.visible(table, early, callers))
            await asyncio.sleep(0.3)
            assert not asked.done()
            await transaction.commit()
            assert await asyncio.wait_for(asked, LIMIT_S) == [True, False, False, True]
            assert table.keys == ("id",)
            assert table.types["message_type"] == "message_type"
            assert table.keys_readable("authenticated")
            assert not table.keys_readable("nobody")
        finally:
            await writer.close()
            catalogue.close()
            stream.close()

    asyncio.run(run())


def test_a_stream_that_cannot_be_opened_says_where(tmp_path: object) -> None:
    with pytest.raises(FeedError, match="cannot reach PostgreSQL"):
        asyncio.run(WalStream.open(f"postgresql://postgres@/x?host={tmp_path}&port=1"))


def test_a_stream_that_is_refused_says_why(own: Seeded) -> None:
    with pytest.raises(FeedError) as caught:
        asyncio.run(WalStream.open(own.dsn("no_such_database")))
    assert "no_such_database" in str(caught.value)

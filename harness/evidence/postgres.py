"""Reads the target straight from its Postgres: the fast way, where somebody gives a connection string."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import asyncpg
import orjson
import pyarrow as pa

from harness.core.errors import TargetError
from harness.evidence.rows import batch
from harness.evidence.tables import TEXT_IDS, StoredTable

BATCH_ROWS = 20_000
CONNECT_TIMEOUT_S = 10.0


class PostgresReader:
    """One target's tables. An async context manager; entering it connects. :raises TargetError: when that fails."""

    source = "Postgres"

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    async def __aenter__(self) -> Self:
        try:
            self._connection = await asyncpg.connect(self._dsn, timeout=CONNECT_TIMEOUT_S)
            await self._connection.set_type_codec("jsonb", schema="pg_catalog", encoder=str, decoder=orjson.loads)
        except (OSError, asyncpg.PostgresError, TimeoutError, ValueError) as error:
            raise TargetError(
                f"the target's database cannot be reached: {type(error).__name__}",  # its text may quote the DSN
                where="keys.dsn_env",
                remedy="correct the connection string, or leave it out to read through PostgREST",
            ) from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._connection.close()

    async def between(self, table: StoredTable, since: str, until: str) -> AsyncIterator[pa.RecordBatch]:
        """Rows whose time lies from `since` up to and without `until`, both ISO 8601."""
        where = f"where {table.since} >= $1 and {table.since} < $2"
        async for rows in self._rows(table, where, datetime.fromisoformat(since), datetime.fromisoformat(until)):
            yield rows

    async def belonging(self, table: StoredTable, column: str, ids: Sequence[str]) -> AsyncIterator[pa.RecordBatch]:
        """Rows whose `column` is one of `ids`."""
        type_, wanted = ("text", list(ids)) if column in TEXT_IDS else ("uuid", [UUID(id_) for id_ in ids])
        async for rows in self._rows(table, f"where {column} = any($1::{type_}[])", wanted):
            yield rows

    async def on_days(
        self, table: StoredTable, column: str, ids: Sequence[str], first: date, last: date
    ) -> AsyncIterator[pa.RecordBatch]:
        """Rows of events whose `column` is one of `ids`, from the first to the last day."""
        where = f"where {column} = any($1::uuid[]) and event_day between $2 and $3"
        async for rows in self._rows(table, where, [UUID(id_) for id_ in ids], first, last):
            yield rows

    async def clock(self) -> datetime:
        """What the database's clock says now."""
        now: datetime = await self._connection.fetchval("select clock_timestamp()")
        return now

    async def count(self, table: StoredTable, since: str, until: str) -> int:
        """How many rows `between` would bring."""
        found: int = await self._connection.fetchval(
            f"select count(*) from public.{table.name} where {table.since} >= $1 and {table.since} < $2",
            datetime.fromisoformat(since),
            datetime.fromisoformat(until),
        )
        return found

    async def _rows(self, table: StoredTable, where: str, *arguments: Any) -> AsyncIterator[pa.RecordBatch]:
        columns = ", ".join(column.expression for column in table.read)
        async with self._connection.transaction(readonly=True):
            cursor = await self._connection.cursor(f"select {columns} from public.{table.name} {where}", *arguments)
            while rows := await cursor.fetch(BATCH_ROWS):
                yield batch(table, rows)

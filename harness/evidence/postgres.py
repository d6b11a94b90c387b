"""Reads the target straight from its Postgres: the fast way, where somebody gives a connection string."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import asyncpg
import orjson
import pyarrow as pa

from harness.core.errors import TargetError
from harness.egress import database
from harness.egress.gate import LOOPBACK, Gate
from harness.evidence.rows import batch
from harness.evidence.tables import REMOVED_FILES, TEXT_IDS, StoredTable

BATCH_ROWS = 20_000
CONNECT_TIMEOUT_S = 10.0
STATEMENT_TIMEOUT_S = 120.0
"""Of one statement, or one portion of its rows, told to the server; so long after it we stop waiting ourselves."""
LOCK_TIMEOUT_S = 15.0
"""Of a table that somebody else has locked."""
CLOSE_TIMEOUT_S = 5.0
DATABASE_FAULTS = (asyncpg.PostgresError, asyncpg.InterfaceError)
"""What a database may answer instead of rows, lost connections included."""
HELP: tuple[tuple[type[Exception], str], ...] = (
    (asyncpg.InsufficientPrivilegeError, "grant the connection's role select on it"),
    (asyncpg.UndefinedTableError, "apply the app's migrations, or name the database that the target uses"),
    (asyncpg.UndefinedColumnError, "apply the app's migrations"),
    (asyncpg.LockNotAvailableError, "end what has locked it"),
    (asyncpg.QueryCanceledError, "look for a missing index, or read when the database is less busy"),
)
REMEDY = "read it again with `harness check RUN` when the database answers"


class PostgresReader:
    """One target's tables. An async context manager; entering it connects. :raises TargetError: when that fails."""

    source = "Postgres"

    def __init__(self, dsn: str, gate: Gate = LOOPBACK) -> None:
        self._dsn, self._gate = dsn, gate

    async def __aenter__(self) -> Self:
        try:
            self._connection = await database.connect(
                self._gate,
                self._dsn,
                timeout=CONNECT_TIMEOUT_S,
                command_timeout=STATEMENT_TIMEOUT_S + CONNECT_TIMEOUT_S,
            )
            await self._connection.set_type_codec("jsonb", schema="pg_catalog", encoder=str, decoder=orjson.loads)
        except (OSError, *DATABASE_FAULTS, TimeoutError, ValueError) as error:
            raise TargetError(
                f"the target's database cannot be reached: {type(error).__name__}",  # its text may quote the DSN
                where="keys.dsn_env",
                remedy="correct the connection string, or leave it out to read through PostgREST",
            ) from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._connection.close(timeout=CLOSE_TIMEOUT_S)
        except (OSError, *DATABASE_FAULTS, TimeoutError):
            self._connection.terminate()  # it was lost; what was read is not worse for it

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

    async def files(self, bucket: str, names: Sequence[str]) -> set[str]:
        """Which of these files storage has. :raises TargetError: the database does not let it be read."""
        async with self._reading(REMOVED_FILES):
            found = await self._connection.fetch(
                "select name from storage.objects where bucket_id = $1 and name = any($2::text[])", bucket, list(names)
            )
        return {row["name"] for row in found}

    async def clock(self) -> datetime:
        """What the database's clock says now."""
        now: datetime = await self._connection.fetchval("select clock_timestamp()")
        return now

    async def count(self, table: StoredTable, since: str, until: str) -> int:
        """How many rows `between` would bring."""
        async with self._reading(table):
            found: int = await self._connection.fetchval(
                f"select count(*) from public.{table.name} where {table.since} >= $1 and {table.since} < $2",
                datetime.fromisoformat(since),
                datetime.fromisoformat(until),
            )
        return found

    async def _rows(self, table: StoredTable, where: str, *arguments: Any) -> AsyncIterator[pa.RecordBatch]:
        columns = ", ".join(column.expression for column in table.read)
        async with self._reading(table):
            cursor = await self._connection.cursor(f"select {columns} from public.{table.name} {where}", *arguments)
            while rows := await cursor.fetch(BATCH_ROWS):
                yield batch(table, rows)

    @asynccontextmanager
    async def _reading(self, table: StoredTable) -> AsyncIterator[None]:
        """A transaction that changes nothing and waits for nobody for ever. :raises TargetError: the database's."""
        try:
            async with self._connection.transaction(readonly=True):
                await self._connection.execute(
                    f"set local statement_timeout = {round(STATEMENT_TIMEOUT_S * 1000)};"
                    f"set local lock_timeout = {round(LOCK_TIMEOUT_S * 1000)}"
                )
                yield
        except (*DATABASE_FAULTS, TimeoutError, OSError) as error:
            if isinstance(error, TimeoutError):
                what = f"it did not answer within {STATEMENT_TIMEOUT_S + CONNECT_TIMEOUT_S:g} s"
            else:
                what = f"{type(error).__name__}: {error}"
            remedy = next((help_ for kind, help_ in HELP if isinstance(error, kind)), REMEDY)
            raise TargetError(
                f"the target's database did not let its data be read: {what}", where=table.name, remedy=remedy
            ) from error

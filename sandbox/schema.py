"""Builds the application's schema in an empty database from the SQL files beside this module."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from sandbox.errors import SandboxError

FOLDER = Path(__file__).parent / "sql"


async def apply(dsn: str) -> None:
    """Run every file of `sql/` in order of its number, all in one transaction; needs a superuser's connection string.

    Does nothing when the schema is there already, so that a kept data folder can be started again.

    :raises SandboxError: naming file and line, when PostgreSQL refuses a statement.
    """
    connection = await asyncpg.connect(dsn)
    try:
        if await connection.fetchval("select to_regclass('public.media_events')"):
            return
        async with connection.transaction():
            for file in sorted(FOLDER.glob("*.sql")):
                await _run(connection, file)
    finally:
        await connection.close()


async def _run(connection: asyncpg.Connection, file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    try:
        await connection.execute(text)
    except asyncpg.PostgresError as error:
        position = int(getattr(error, "position", None) or 0)
        line = text.count("\n", 0, position) + 1 if position else 0
        where = f"{file.name}, line {line}" if line else file.name
        raise SandboxError(f"the schema could not be built: {error}", where=where, remedy="correct the file") from error

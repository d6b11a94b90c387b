"""Builds the application's schema in an empty database from the SQL files beside this module."""

from __future__ import annotations

from pathlib import Path

import asyncpg

from sandbox.errors import SandboxError

FOLDER = Path(__file__).parent / "sql"

_ONE_PASSWORD = """
do $$
declare
  wanted text;
  who name;
begin
  select rolpassword into wanted from pg_catalog.pg_authid where rolname = session_user;
  for who in
    select rolname from pg_catalog.pg_authid where rolcanlogin and wanted is not null
      and rolpassword is distinct from wanted
  loop
    execute format('alter role %I password %L', who, wanted);
  end loop;
end
$$
"""
"""The application's roles log in with the superuser's password, of which only the verifier is known here."""


async def apply(dsn: str) -> None:
    """Run every file of `sql/` in order of its number, all in one transaction; needs a superuser's connection string.

    Does nothing when the schema is there already, so that a kept data folder can be started again.

    :raises SandboxError: naming the file, and the line where it is known, when PostgreSQL refuses a statement.
    """
    connection = await asyncpg.connect(dsn)
    try:
        if not await connection.fetchval("select to_regclass('public.media_events')"):
            async with connection.transaction():
                for name, text in scripts():
                    await _run(connection, name, text)
        await connection.execute(_ONE_PASSWORD)
    finally:
        await connection.close()


def scripts() -> list[tuple[str, str]]:
    """(file name, text) of the schema's files, in the order in which they run."""
    return [(file.name, file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.sql"))]


async def _run(connection: asyncpg.Connection, name: str, text: str) -> None:
    try:
        await connection.execute(text)
    except asyncpg.PostgresError as error:
        position = int(getattr(error, "position", None) or 0)
        where = f"{name}, line {text.count(chr(10), 0, position) + 1}" if position else name
        raise SandboxError(f"the schema could not be built: {error}", where=where, remedy="correct the file") from error

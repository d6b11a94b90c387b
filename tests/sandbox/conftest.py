"""A started PostgreSQL with schema and seed: one server per test process, a database for each need.

database  the schema, no rows: make your own people in it
seeded    schema and 60 people, 300 titles; for reading, and for writing what no other test counts
own       a private copy of `seeded` for one test, dropped afterwards: change what you like
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg
import pytest

from sandbox import schema
from sandbox.postgres import Postgres
from sandbox.seed import SeedSummary, seed

PASSWORD = "correct horse 7"
SEED_AT = datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True)
class Database:
    """One database of the shared server."""

    postgres: Postgres
    name: str

    def dsn(self, database: str | None = None, user: str = "postgres") -> str:
        """A connection string; with user="authenticator" the login that the sandbox's server uses."""
        return self.postgres.dsn(database or self.name, user)


@dataclass(frozen=True)
class Seeded(Database):
    """A database with people; all of them sign in with `password`."""

    summary: SeedSummary
    password: str = PASSWORD


_numbers = itertools.count()


async def _copy_of(server: Postgres, template: str) -> str:
    name = f"copy_{next(_numbers)}"
    connection = await asyncpg.connect(server.dsn())
    try:
        await connection.execute(f"create database {name} template {template}")
    finally:
        await connection.close()
    return name


async def _drop(server: Postgres, name: str) -> None:
    connection = await asyncpg.connect(server.dsn())
    try:
        # Forcing ends connections, but no logical decoding that one of them is still in: a slot is in use for a moment
        # longer than the hub that had it.
        for _ in range(100):
            held = "select 1 from pg_replication_slots where active and database = $1"
            if not await connection.fetchval(held, name):
                break
            await asyncio.sleep(0.05)
        await connection.execute(f"drop database {name} with (force)")
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """The server of this test process, its default database empty."""
    with Postgres() as postgres:
        yield postgres


@pytest.fixture(scope="session")
def schema_template(server: Postgres) -> str:
    """A database with the schema that nobody connects to, so that it can be copied at any time."""
    name = asyncio.run(_copy_of(server, "template1"))
    asyncio.run(schema.apply(server.dsn(name)))
    return name


@pytest.fixture(scope="session")
def seed_template(server: Postgres, schema_template: str) -> Seeded:
    """The seeded counterpart of `schema_template`."""
    name = asyncio.run(_copy_of(server, schema_template))
    summary = asyncio.run(
        seed(server.dsn(name), people=60, catalogue=300, seed=20260119, password=PASSWORD, now=SEED_AT)
    )
    return Seeded(server, name, summary)


@pytest.fixture(scope="session")
def database(server: Postgres, schema_template: str) -> Database:
    """The schema, shared by all tests of this process."""
    return Database(server, asyncio.run(_copy_of(server, schema_template)))


@pytest.fixture(scope="session")
def seeded(server: Postgres, seed_template: Seeded) -> Seeded:
    """60 people and 300 titles, shared by all tests of this process."""
    return Seeded(server, asyncio.run(_copy_of(server, seed_template.name)), seed_template.summary)


@pytest.fixture
def own(server: Postgres, seed_template: Seeded) -> Iterator[Seeded]:
    """60 people and 300 titles for this test alone."""
    name = asyncio.run(_copy_of(server, seed_template.name))
    yield Seeded(server, name, seed_template.summary)
    asyncio.run(_drop(server, name))

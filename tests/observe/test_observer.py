"""The observer against a real Postgres in which what it is to see is made to happen."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pyarrow as pa
import pytest

from harness.core.phase_window import Window
from harness.core.slo import DatabaseLimits
from harness.core.tables import Phase
from harness.core.target_guard import HERE
from harness.egress.gate import Gate
from harness.observe.observer import Observations, observed
from harness.observe.server import meaning
from harness.observe.tables import INDEXES, RELATIONS, SCHEMAS, SECONDS, SERVER, STATEMENTS, TEXTS, WAITS
from harness.record.manifest import Observed
from reports.database.figures import view
from reports.database.model import DatabaseView
from reports.database.stretch import Observation
from reports.frames import load
from sandbox.postgres import Postgres
from tests.reports import build

GATE = Gate(HERE)
SECRET = "4111-1111-1111"


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres() as server:
        asyncio.run(_prepare(server.dsn()))
        yield server


async def _prepare(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("""
        create schema extensions;
        create extension pg_stat_statements schema extensions;
        create table likes (id int primary key, person int, title text);
        insert into likes select n, n % 100, 'title ' || n from generate_series(1, 20000) n;
        analyze likes;
        create role stranger login;
    """)
    await connection.execute(f"alter role stranger password '{urlsplit(dsn).password}'")
    await connection.close()


def asked(dsn: str, *statements: str, hold_s: float = 0.0, ready: threading.Event | None = None) -> None:
    """Somebody's connection: does these in one transaction, and stays in it for a while."""

    async def work() -> None:
        connection = await asyncpg.connect(dsn)
        try:
            async with connection.transaction():
                for statement in statements:
                    await connection.execute(statement)
                if ready is not None:
                    ready.set()
                await asyncio.sleep(hold_s)
        finally:
            await connection.close()

    asyncio.run(work())


def told(found: Observations, limits: DatabaseLimits | None = None) -> DatabaseView:
    """What a report says of it, if all of it was the measure phase."""
    instants = [row[0] for row in found.rows[RELATIONS]]
    zero, end = min(instants) / 1e6, max(instants) / 1e6
    manifest = build.manifest(
        zero_epoch_s=zero,
        windows=(Window(phase=Phase.MEASURE, start_s=0, end_s=end - zero),),
        observed=Observed(problem=found.problem, missing=tuple(found.missing), asked=found.asked, took_s=found.took_s),
    )
    tables = {
        name: pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in found.rows[name]], schema)
        for name, schema in SCHEMAS.items()
    }
    shown = view(load(build.Run(manifest)), Observation(tables), limits)
    assert shown is not None
    return shown


def gate(shown: DatabaseView, id_: str) -> Any:
    return next(row for row in shown.gates if row.id == id_)


def watch(dsn: str, *, every_s: float = 0.2, edges: tuple[float, ...] = ()) -> Any:
    return observed(dsn, GATE, edges, time.time, every_s=every_s)


def test_what_took_the_time_is_named_without_anybodys_data(postgres: Postgres) -> None:
    with watch(postgres.dsn()) as found:
        for _ in range(5):
            asked(postgres.dsn(), f"select count(*) from likes a, likes b where a.id < 300 and b.title = '{SECRET}'")
    assert not found.problem
    shown = told(found)
    first = shown.statements[0]
    assert first.text.startswith("select count(*) from likes a, likes b where a.id < ")
    assert first.calls == 5
    assert first.roles == ("postgres",)
    assert first.share > 0.5
    assert shown.busy_cores is not None
    assert shown.busy_cores > 0
    assert SECRET not in repr(found.rows)
    assert not any("pg_stat_" in row.text for row in shown.statements)


def test_who_waits_for_whose_lock(postgres: Postgres) -> None:
    ready = threading.Event()
    hold = f"update likes set title = '{SECRET}' where id = 7"
    with watch(postgres.dsn()) as found:
        holder = threading.Thread(target=asked, args=(postgres.dsn(), hold), kwargs={"hold_s": 2.0, "ready": ready})
        holder.start()
        assert ready.wait(20)
        asked(postgres.dsn(), "update likes set person = 3 where id = 7")
        holder.join(20)
    shown = told(found, DatabaseLimits(lock_wait_s=0.1))
    row = gate(shown, "lock_wait_s")
    assert row.status == "over"
    assert "`update likes set person = ? where id = ?` waited" in row.evidence
    assert "`update likes set title = ? where id = ?`, idle in transaction" in row.evidence
    assert shown.waits[0].blocking == "update likes set title = ? where id = ?"
    assert SECRET not in repr(found.rows)


def test_a_large_table_read_whole_and_a_sort_that_spills(postgres: Postgres) -> None:
    with watch(postgres.dsn()) as found:
        for person in range(4):
            asked(postgres.dsn(), f"select count(*) from likes where person = {person}")
        asked(
            postgres.dsn(),
            "set local work_mem = '64kB'",
            "select title from (select title from likes order by title desc) t order by title offset 19999",
        )
    shown = told(found, DatabaseLimits(sequential_rows=10_000, temp_bytes_per_s=1))
    scans = gate(shown, "sequential_rows")
    assert scans.status == "over"
    assert scans.evidence.startswith("public.likes, ")
    assert scans.value_text == "20,000 rows a scan"
    spill = gate(shown, "temp_bytes_per_s")
    assert spill.status == "over"
    assert "select title from" in spill.evidence


def test_dead_rows_and_what_was_written(postgres: Postgres) -> None:
    with watch(postgres.dsn()) as found:
        asked(
            postgres.dsn(),
            "create table bloated (id int, n int) with (autovacuum_enabled = off)",
            "insert into bloated select n, 0 from generate_series(1, 12000) n",
        )
        asked(postgres.dsn(), "update bloated set n = 1 where id <= 9000")
        time.sleep(1.2)  # counters of a connection reach the others within a second
    shown = told(found)
    row = gate(shown, "dead_share")
    assert (row.status, row.evidence) == ("told", "public.bloated")
    written = next(one for one in shown.relations if one.name == "public.bloated")
    assert (written.inserted, written.updated) == (12_000, 9_000)


def test_everything_is_read_at_each_edge_and_the_cheap_part_in_between(postgres: Postgres) -> None:
    zero = time.time() + 1.0
    with observed(postgres.dsn(), GATE, (0.0, 0.7, 0.7, 60.0), lambda: zero, every_s=0.3) as found:
        time.sleep(2.4)
    instants = sorted({row[0] / 1e6 - zero for row in found.rows[STATEMENTS]})
    assert len(instants) == 4  # before, two edges, after
    assert instants[0] < 0 <= instants[1] < 0.7 <= instants[2] < instants[3]
    assert {row[0] for row in found.rows[STATEMENTS]} == {row[0] for row in found.rows[INDEXES]}
    assert len(found.rows[SECONDS]) >= 6
    assert found.rows[TEXTS]
    assert not found.rows[WAITS]


def test_a_role_that_may_see_little_is_told_what_it_lacks(postgres: Postgres) -> None:
    with watch(postgres.dsn(user="stranger")) as found:
        time.sleep(0.5)
    assert not found.problem
    assert "statements of other roles: grant pg_read_all_stats to stranger" in found.missing
    assert found.rows[RELATIONS]


def test_it_only_reads(postgres: Postgres) -> None:
    """Whatever is asked through its connection, nothing is written."""
    from harness.observe.observer import _connected

    async def attempt() -> None:
        connection = await _connected(postgres.dsn(), GATE)
        try:
            await connection.execute("insert into likes values (-1)")
        finally:
            connection.terminate()

    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        asyncio.run(attempt())


def test_a_database_that_is_not_there_ends_nothing() -> None:
    with watch("postgresql://u:p@127.0.0.1:1/x") as found:
        pass
    assert found.problem == "the connection to the database failed: ConnectionRefusedError"
    assert not found.rows


def test_a_database_that_dies_keeps_what_was_read() -> None:
    with Postgres() as server, watch(server.dsn()) as found:
        time.sleep(0.5)
        server.stop()
        time.sleep(0.5)
    assert found.problem
    assert found.rows[SECONDS]


def test_the_server_tells_of_its_log_its_files_and_its_partitions(postgres: Postgres) -> None:
    asked(
        postgres.dsn(),
        "create table if not exists seen (day date, n int) partition by range (day)",
        "create table if not exists seen_default partition of seen default",
        "insert into seen select '2026-01-01', n from generate_series(1, 3000) n",
        "analyze seen_default",
    )
    with observed(postgres.dsn(), GATE, (), lambda: None) as found:
        time.sleep(0.5)
    named = {name: value for _, name, value in found.rows[SERVER]}
    assert named["default_partition_rows public.seen_default"] == 3000
    assert named["partitions public.seen"] == 1
    assert named["wal_records"] > 0
    assert {name.split(" client")[0] for name in named if name.startswith("io ")} >= {"io reads", "io extends"}
    assert all(meaning(name) != name for name in named), named
    assert not [one for one in found.missing if SERVER in one]

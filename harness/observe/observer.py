"""Reads the database's own statistics while a run goes on: one connection, one thread, nothing but reading.

Each second the cheap counters, and who waits for a lock where somebody does; at each edge of a phase or of a fault's
window, before the load and after it also statements, tables and indexes. A database that does not answer ends nothing:
what could be read is kept, and what could not is said.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from harness.core.errors import HarnessError
from harness.egress import database
from harness.egress.gate import Gate
from harness.observe import questions
from harness.observe.server import QUESTIONS
from harness.observe.tables import BREAKERS, CLIENTS, INDEXES, RELATIONS, SECONDS, SERVER, STATEMENTS, TEXTS, WAITS

EVERY_S = 1.0
STATEMENT_LIMIT_S = 2.0
CONNECT_LIMIT_S = 5.0
LAST_LIMIT_S = 10.0
"""How long the last reading may take, after the load."""
CROWDED = 0.5
"""From which share of the connections on it is asked each second whose they are."""
MOST_TEXTS = 200
MOST_ROWS = 2_000_000
"""Of a table; what comes later is not kept, and said."""
FAULTS = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, HarnessError)
APPLICATION = "movinesta-harness observer"

Row = tuple[Any, ...]


@dataclass
class Observations:
    """What was read; filled by the thread, to be used after its end."""

    rows: defaultdict[str, list[Row]] = field(default_factory=lambda: defaultdict(list))
    problem: str = ""  # why there is nothing, or nothing from some instant on
    missing: list[str] = field(default_factory=list)  # what was not allowed or is not there, with what would allow it
    asked: int = 0
    took_s: float = 0.0  # all questions together, by the clock: what they cost the database, at most

    def add(self, table: str, at_us: int, rows: Sequence[Row]) -> None:
        """Rows of one instant."""
        kept = self.rows[table]
        if len(kept) + len(rows) > MOST_ROWS:
            self.lacks(f"{table} holds {MOST_ROWS:,} rows, later ones are not kept")
            return
        kept.extend((at_us, *row) for row in rows)

    def lacks(self, what: str) -> None:
        """Say once what is missing."""
        if what not in self.missing:
            self.missing.append(what)


@contextlib.contextmanager
def observed(
    dsn: str,
    gate: Gate,
    edges: Sequence[float],
    zero: Callable[[], float | None],
    *,
    every_s: float = EVERY_S,
) -> Iterator[Observations]:
    """Observe for as long as the block runs.

    :param edges: instants at which everything is read, in seconds since the run's zero.
    :param zero: the run's zero as epoch seconds, None until it is known; asked each second.
    """
    found, over = Observations(), threading.Event()
    first = threading.Event()
    thread = threading.Thread(
        target=_work,
        args=(found, over, first, dsn, gate, sorted(set(edges)), zero, every_s),
        name="observer",
        daemon=True,
    )
    thread.start()
    first.wait(CONNECT_LIMIT_S + 5 * STATEMENT_LIMIT_S)  # the first reading is of the time before the load
    try:
        yield found
    finally:
        over.set()
        thread.join(LAST_LIMIT_S + STATEMENT_LIMIT_S)
        if thread.is_alive():
            found.problem = "the database had not answered the last questions when the run had to go on"


def _work(
    found: Observations,
    over: threading.Event,
    first: threading.Event,
    dsn: str,
    gate: Gate,
    edges: Sequence[float],
    zero: Callable[[], float | None],
    every_s: float,
) -> None:
    try:
        asyncio.run(_observe(_Asked(found), over, first, dsn, gate, list(edges), zero, every_s))
    except FAULTS as error:
        found.problem = told(error)
    finally:
        first.set()


def told(error: BaseException) -> str:
    """What went wrong, without anything that the connection string holds."""
    if isinstance(error, HarnessError):
        return error.what
    if isinstance(error, TimeoutError):
        return "the database did not answer in time"
    if isinstance(error, asyncpg.PostgresError):
        return f"the database refused: {type(error).__name__} ({error.sqlstate})"
    return f"the connection to the database failed: {type(error).__name__}"


class _Asked:
    """Asks one question at a time, and notes what that cost."""

    def __init__(self, found: Observations) -> None:
        self.found = found
        self.schema = ""  # of pg_stat_statements
        self.version = 0  # of the server
        self.breakers = True  # the app has such a table, and lets the role read it

    async def ask(self, work: Awaitable[Any]) -> Any:
        begun = time.perf_counter()
        try:
            return await work
        finally:
            self.found.asked += 1
            self.found.took_s += time.perf_counter() - begun


async def _observe(
    asked: _Asked,
    over: threading.Event,
    first: threading.Event,
    dsn: str,
    gate: Gate,
    edges: list[float],
    zero: Callable[[], float | None],
    every_s: float,
) -> None:
    connection = await _connected(dsn, gate)
    try:
        await _look_around(asked, connection)
        await _snapshot(asked, connection)
        first.set()
        due = time.monotonic()
        while not over.is_set():
            await _second(asked, connection)
            begun = zero() if edges else None
            if begun is not None and time.time() >= begun + edges[0]:
                edges[:] = [edge for edge in edges if time.time() < begun + edge]
                await _snapshot(asked, connection)
            due = max(due + every_s, time.monotonic())
            await _until(due, over, _next_edge(edges, begun))
        async with asyncio.timeout(LAST_LIMIT_S):
            await _second(asked, connection)
            await _snapshot(asked, connection)
            await _texts(asked, connection)
    finally:
        connection.terminate()


def _next_edge(edges: Sequence[float], begun: float | None) -> float | None:
    """Epoch seconds of the next edge."""
    return begun + edges[0] if edges and begun is not None else None


async def _until(due: float, over: threading.Event, edge: float | None) -> None:
    """Sleep to an instant of the monotonic clock, or less: to the next edge, or the end."""
    while not over.is_set():
        left = due - time.monotonic()
        if edge is not None:
            left = min(left, edge - time.time())
        if left <= 0:
            return
        await asyncio.sleep(min(left, 0.1))


async def _connected(dsn: str, gate: Gate) -> asyncpg.Connection:
    milliseconds = f"{STATEMENT_LIMIT_S * 1000:.0f}"
    return await database.connect(
        gate,
        dsn,
        timeout=CONNECT_LIMIT_S,
        command_timeout=STATEMENT_LIMIT_S * 2,
        statement_cache_size=0,  # a pooler in transaction mode keeps no prepared statement
        server_settings={
            "application_name": APPLICATION,
            "default_transaction_read_only": "on",
            "statement_timeout": milliseconds,
            "lock_timeout": milliseconds,
        },
    )


async def _look_around(asked: _Asked, connection: asyncpg.Connection) -> None:
    """What is there to be read, and what the role may see."""
    role = str(await asked.ask(connection.fetchval("select current_user")))
    asked.version = connection.get_server_version().major
    if not await asked.ask(connection.fetchval(questions.SEES_OTHERS)):
        asked.found.lacks(f"statements of other roles: grant pg_read_all_stats to {role}")
    asked.schema = await asked.ask(connection.fetchval(questions.EXTENSION)) or ""
    if not asked.schema:
        asked.found.lacks("time by statement: create extension pg_stat_statements (it has to be preloaded)")


async def _snapshot(asked: _Asked, connection: asyncpg.Connection) -> None:
    """Everything, at this instant."""
    at_us = time.time_ns() // 1000
    wanted = [(RELATIONS, questions.RELATIONS), (INDEXES, questions.INDEXES), (CLIENTS, questions.CLIENTS)]
    if asked.schema:
        wanted.append((STATEMENTS, questions.statements(asked.schema)))
    wanted += [(SERVER, one.sql) for one in QUESTIONS if one.since <= asked.version <= one.until]
    for table, sql in wanted:
        await _kept(asked, connection, table, at_us, sql)


async def _kept(asked: _Asked, connection: asyncpg.Connection, table: str, at_us: int, sql: str) -> None:
    try:
        rows = await asked.ask(connection.fetch(sql))
    except (
        asyncpg.InsufficientPrivilegeError,
        asyncpg.UndefinedObjectError,
        asyncpg.ObjectNotInPrerequisiteStateError,
    ):
        asked.found.lacks(f"{table}: grant pg_monitor to the connection's role")
    except asyncpg.QueryCanceledError:
        asked.found.lacks(f"{table}: not answered within {STATEMENT_LIMIT_S:g} s at least once")
    else:
        asked.found.add(table, at_us, [tuple(row) for row in rows])


async def _second(asked: _Asked, connection: asyncpg.Connection) -> None:
    at_us, begun = time.time_ns() // 1000, time.perf_counter()
    try:
        row = await asked.ask(connection.fetchrow(questions.SECOND))
    except asyncpg.QueryCanceledError:
        asked.found.lacks(f"{SECONDS}: not answered within {STATEMENT_LIMIT_S:g} s at least once")
        return
    took_ms = (time.perf_counter() - begun) * 1000
    asked.found.add(SECONDS, at_us, [(*row, round(took_ms, 3))])
    if row[3]:
        await _waits(asked, connection)
    if row[0] >= row[5] * CROWDED:
        await _kept(asked, connection, CLIENTS, at_us, questions.CLIENTS)
    if asked.breakers:
        await _breakers(asked, connection)


async def _breakers(asked: _Asked, connection: asyncpg.Connection) -> None:
    at_us = time.time_ns() // 1000
    try:
        rows = await asked.ask(connection.fetch(questions.BREAKERS))
    except (asyncpg.UndefinedTableError, asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedColumnError):
        asked.breakers = False
    except asyncpg.QueryCanceledError:
        asked.found.lacks(f"{BREAKERS}: not answered within {STATEMENT_LIMIT_S:g} s at least once")
    else:
        if rows:
            asked.found.add(BREAKERS, at_us, [tuple(row) for row in rows])


async def _waits(asked: _Asked, connection: asyncpg.Connection) -> None:
    at_us = time.time_ns() // 1000
    try:
        rows = await asked.ask(connection.fetch(questions.WAITS))
    except asyncpg.QueryCanceledError:
        asked.found.lacks(f"{WAITS}: not answered within {STATEMENT_LIMIT_S:g} s at least once")
        return
    clean = questions.without_literals
    asked.found.add(
        WAITS,
        at_us,
        [
            (waited, relation, mode, clean(waiting), clean(blocking), state, age)
            for waited, relation, mode, waiting, blocking, state, age in rows
        ],
    )


async def _texts(asked: _Asked, connection: asyncpg.Connection) -> None:
    """Of the statements that took the most time since the first reading."""
    if not asked.schema:
        return
    ids = dearest(asked.found.rows[STATEMENTS])
    if not ids:
        return
    rows = await asked.ask(connection.fetch(questions.texts(asked.schema), ids))
    asked.found.rows[TEXTS].extend((query_id, questions.without_literals(text)) for query_id, text in rows)


def dearest(rows: Sequence[Row]) -> list[int]:
    """Ids of statements by the time they took from the first reading to the last, the dearest first."""
    if not rows:
        return []
    first, last = rows[0][0], rows[-1][0]
    took: defaultdict[int, float] = defaultdict(float)
    for at_us, query_id, _, _, total_ms, *_ in rows:
        if at_us in (first, last) and first != last:
            took[query_id] += total_ms if at_us == last else -total_ms
    return sorted((one for one, ms in took.items() if ms > 0), key=lambda one: -took[one])[:MOST_TEXTS]

"""One request's transaction: under the caller's role, claims and time limit, as PostgREST runs it.

Three round trips: begin with all settings (one simple query), the prepared statement, commit.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from sandbox.principal import Principal
from sandbox.rest.compile import Statement
from sandbox.rest.errors import connection_refused, not_singular, pool_exhausted, too_many_affected
from sandbox.rest.faults import SERVER_GONE, refusal
from sandbox.rest.result import Result
from sandbox.rest.sql import literal
from sandbox.rest.syntax import Value

SEARCH_PATH = '"public", "extensions"'
ROLLBACK_LIMIT_S = 5.0


@dataclass(frozen=True, slots=True)
class PlannedStatement:
    """What to run and what must hold before it may commit.

    arguments: the named parts of the request that slots refer to; values: those of the query string.
    single: exactly one row, else PGRST116; affected_limit: at most so many changed rows, else PGRST124.
    estimate: a second statement, run first, whose answer is the planner's row estimate.
    """

    statement: Statement
    values: tuple[Value, ...]
    arguments: Mapping[str, Any]
    read_only: bool = False
    single: bool = False
    affected_limit: int | None = None
    estimate: tuple[Statement, tuple[Value, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """acquire_s: wait for a free connection; statement_ms: per role, else what the session has; lock_ms: for all.

    throttle: statements that each transaction begins with, as `sandbox.throttles` makes them.
    """

    acquire_s: float
    statement_ms: Mapping[str, int]
    lock_ms: int
    throttle: str = ""


async def run(
    pool: asyncpg.Pool, limits: Limits, principal: Principal, method: str, path: str, job: PlannedStatement
) -> Result:
    """:raises RestError: for everything that Postgres, the pool or the connection can refuse."""
    connection = await _acquire(pool, limits.acquire_s)
    try:
        async with _transaction(connection, _begin(limits, principal, method, path, job.read_only)):
            estimated = await _estimated(connection, job)
            result = await _fetch(connection, job, estimated)
            if job.single and result.page != 1:
                raise not_singular(result.page)
            if job.affected_limit is not None and (result.total or 0) > job.affected_limit:
                raise too_many_affected(result.total or 0)
            return result
    except (asyncpg.PostgresError, *SERVER_GONE) as error:
        raise refusal(error, signed_in=principal.role != "anon") from error
    finally:
        with contextlib.suppress(asyncpg.PostgresError, *SERVER_GONE):
            await pool.release(connection)


async def _acquire(pool: asyncpg.Pool, timeout_s: float) -> Any:
    try:
        return await pool.acquire(timeout=timeout_s)
    except TimeoutError as error:
        raise pool_exhausted() from error
    except (asyncpg.PostgresError, *SERVER_GONE) as error:
        raise connection_refused(error) from error


@asynccontextmanager
async def _transaction(connection: Any, begin: str) -> AsyncIterator[None]:
    try:
        await connection.execute(begin)
        yield
        await connection.execute("commit")
    except BaseException:
        await _roll_back(connection)
        raise


async def _roll_back(connection: Any) -> None:
    """A connection that cannot even do this is of no further use."""
    if connection.is_closed():
        return
    try:
        await connection.execute("rollback", timeout=ROLLBACK_LIMIT_S)
    except (asyncpg.PostgresError, *SERVER_GONE):
        connection.terminate()


def _begin(limits: Limits, principal: Principal, method: str, path: str, read_only: bool) -> str:
    settings = {
        "search_path": SEARCH_PATH,
        "role": principal.role,
        "request.jwt.claims": principal.claims,
        "request.method": method,
        "request.path": path,
        "lock_timeout": str(limits.lock_ms),
    }
    if principal.role in limits.statement_ms:
        settings["statement_timeout"] = str(limits.statement_ms[principal.role])
    calls = ", ".join(f"set_config('{name}', {literal(value)}, true)" for name, value in settings.items())
    return f"begin{' read only' if read_only else ''}{limits.throttle}; select {calls}"


async def _estimated(connection: Any, job: PlannedStatement) -> int | None:
    if job.estimate is None:
        return None
    statement, values = job.estimate
    plan = orjson.loads(await connection.fetchval(statement.sql, *_arguments(statement, values, job.arguments)))
    return int(plan[0]["Plan"]["Plan Rows"])


async def _fetch(connection: Any, job: PlannedStatement, estimated: int | None) -> Result:
    arguments = _arguments(job.statement, job.values, job.arguments)
    if job.statement.bare:
        status = await connection.execute(job.statement.sql, *arguments)
        return Result(int(status.rpartition(" ")[2]), 0, None)
    row = await connection.fetchrow(job.statement.sql, *arguments)
    return Result(row["total"], row["page"], row["body"], row.get("inserted"), estimated)


def _arguments(statement: Statement, values: Sequence[Value], named: Mapping[str, Any]) -> list[Any]:
    return [values[slot] if isinstance(slot, int) else named[slot] for slot in statement.slots]

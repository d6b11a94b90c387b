"""What the sandbox's connections have counted, told at once: for whoever reads the database's statistics from outside.

POST   .../counts     every pooled connection hands its counts in; answers {"connections"}

A connection tells its counts when a transaction ends, once a second at most, and those that are left up to ten seconds
after it fell idle (PostgreSQL, `pgstat_report_stat`: PGSTAT_IDLE_INTERVAL). One that is still busy tells them itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import asyncpg
import orjson
from asyncpg.pool import PoolConnectionProxy
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

FREE_WITHIN_S = 1.0
HAND_IN = "select pg_stat_force_next_flush()"


def routes(pools: Sequence[asyncpg.Pool], base: str, allowed: Callable[[Request], bool]) -> list[Route]:
    """At `base`; callers that are not allowed find nothing there."""

    async def answer(request: Request) -> Response:
        if not allowed(request):
            raise HTTPException(404)
        handed_in = 0
        for pool in pools:
            handed_in += await _hand_in(pool)
        return Response(orjson.dumps({"connections": handed_in}), media_type="application/json")

    return [Route(base, answer, methods=["POST"])]


async def _hand_in(pool: asyncpg.Pool) -> int:
    """All connections that are free or become so; each is held until the last: a pool gives the newest first."""
    taken: list[PoolConnectionProxy] = []
    try:
        with suppress(TimeoutError):  # one is busy, or leaked
            while len(taken) < pool.get_size():
                taken.append(await pool.acquire(timeout=FREE_WITHIN_S))
        for connection in taken:
            await connection.execute(HAND_IN)
    finally:
        for connection in taken:
            await pool.release(connection)
    return len(taken)

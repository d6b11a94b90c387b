"""How many rows a database has written so far, by its own counters.

A connection that goes on to work tells its counts each second; one that falls idle tells the last of them up to ten
seconds later (PostgreSQL, `pgstat_report_stat`: PGSTAT_IDLE_INTERVAL). Whoever reads earlier misses rows. A sandbox can
be asked to hand its counts in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from harness.egress import database, web
from harness.egress.gate import Gate
from harness.observe import questions

SETTLED_S = 10.5
"""So long after the last request the counts of any database are complete."""
QUIET_S = 2.0
"""So long after it nothing goes on behind a reply; then a sandbox's counts can be handed in."""
COUNTS_PATH = "/.well-known/movinesta-sandbox/counts"
LIMIT_S = 10.0
APPLICATION = "movinesta-harness levers"
SCHEMAS = frozenset({"public", "auth", "realtime", "storage"})


def rows_written(dsn: str, gate: Gate) -> dict[str, int]:
    """Rows inserted, updated and deleted so far, by table. Nothing is written.

    :raises OSError, asyncpg.PostgresError, TimeoutError, HarnessError: as the connection (`observe.observer.FAULTS`).
    """
    return asyncio.run(asyncio.wait_for(_read(dsn, gate), LIMIT_S))


def hand_in(url: str, gate: Gate) -> bool:
    """Have a sandbox tell its counts now. False where nothing does: then they come in `SETTLED_S`."""
    return web.told(gate, url + COUNTS_PATH, timeout_s=LIMIT_S)


async def _read(dsn: str, gate: Gate) -> dict[str, int]:
    settings = {"application_name": APPLICATION, "default_transaction_read_only": "on"}
    connection = await database.connect(gate, dsn, timeout=LIMIT_S, statement_cache_size=0, server_settings=settings)
    try:
        rows = await connection.fetch(questions.RELATIONS)
    finally:
        connection.terminate()
    return {
        row[1] if row[0] == "public" else f"{row[0]}.{row[1]}": row[5] + row[6] + row[7]
        for row in rows
        if row[0] in SCHEMAS
    }


def between(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """What came, of the tables in which something did. (pure)"""
    found = {table: count - before.get(table, 0) for table, count in after.items()}
    return {table: count for table, count in sorted(found.items()) if count > 0}

"""Asks the drift probes: from Postgres when a connection string is known, else what PostgREST can tell."""

from __future__ import annotations

import asyncpg
import httpx

from harness.core.api_key import key_headers
from harness.core.errors import HarnessError
from harness.egress import database
from harness.egress.gate import LOOPBACK, Gate
from harness.probes.context import rows_of
from harness.probes.facts import PROBES, Probe
from harness.record.probe_results import SchemaFact

CONNECT_TIMEOUT_S = 10.0
STATEMENT_TIMEOUT_S = 5.0
NEEDS_POSTGRES = "only Postgres itself can tell; name keys.dsn_env in the target file"
NEEDS_KEY = "needs the service key or a connection string"


async def from_postgres(dsn: str, gate: Gate = LOOPBACK) -> tuple[SchemaFact, ...]:
    """Every probe, each by itself: what one cannot tell, the others still do. Never raises for what the target does."""
    try:
        connection = await database.connect(gate, dsn, timeout=CONNECT_TIMEOUT_S)
    except (OSError, HarnessError, asyncpg.PostgresError, TimeoutError, ValueError) as error:
        why = f"the database cannot be reached: {type(error).__name__}"  # its text may quote the connection string
        return tuple(SchemaFact(name=probe.name, why_not=why) for probe in PROBES)
    try:
        return tuple([await _asked(connection, probe) for probe in PROBES])
    finally:
        await connection.close()


async def _asked(connection: asyncpg.Connection, probe: Probe) -> SchemaFact:
    try:
        async with connection.transaction(readonly=True):
            found = await connection.fetchval(probe.sql, timeout=STATEMENT_TIMEOUT_S)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError, OSError) as error:
        return SchemaFact(name=probe.name, why_not=f"{type(error).__name__}: {error}".splitlines()[0])
    return SchemaFact(name=probe.name, found=str(found))


async def from_rest(http: httpx.AsyncClient, service_key: str) -> tuple[SchemaFact, ...]:
    """What the API tells with the service key. Catalogues of the schema are not among it."""
    return tuple([await _over_rest(http, service_key, probe) for probe in PROBES])


async def _over_rest(http: httpx.AsyncClient, service_key: str, probe: Probe) -> SchemaFact:
    if not probe.path:
        return SchemaFact(name=probe.name, why_not=NEEDS_POSTGRES)
    if not service_key:
        return SchemaFact(name=probe.name, why_not=NEEDS_KEY)
    headers = {
        **key_headers(service_key),
        "prefer": "count=exact",
        "range": "0-0",
    }
    try:
        reply = await http.get(f"/rest/v1/{probe.path}", headers=headers)
        rows = rows_of(reply) if reply.status_code < 400 else []
        found = str(rows[0][probe.column]).lower()[:200] if probe.column and rows else "no row"
    except (httpx.HTTPError, ValueError, LookupError, RecursionError) as error:
        return SchemaFact(name=probe.name, why_not=f"{type(error).__name__}")
    if reply.status_code not in (200, 206):
        return SchemaFact(name=probe.name, why_not=f"PostgREST answers {reply.status_code}")
    if probe.column:
        return SchemaFact(name=probe.name, found=found)
    return SchemaFact(name=probe.name, found=reply.headers.get("content-range", "*/0").rpartition("/")[2])

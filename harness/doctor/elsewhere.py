"""What is not asked over HTTP: a join of Realtime, and the database with its grants."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import quote

import asyncpg
import websockets

from harness.core.errors import HarnessError
from harness.doctor.facts import DatabaseFact, Reply
from harness.egress import database, web
from harness.egress.gate import Gate

JOIN_S = 10.0
CONNECT_S = 10.0
READ_TABLES = ("media_events", "messages", "library_entries", "ratings")
_USER = "select quote_ident(current_user)"
_MONITOR = "select pg_has_role(current_user, 'pg_monitor', 'member')"
_READS = "select coalesce(has_table_privilege(to_regclass('public.' || $1), 'select'), false)"


def joined(gate: Gate, url: str, anon_key: str, token: str) -> Reply:
    """A channel that nobody else uses, joined and left. status 200: it was."""
    try:
        return asyncio.run(_joined(gate, url, anon_key, token))
    except (OSError, TimeoutError, ValueError, RecursionError, websockets.WebSocketException) as error:
        return Reply(problem=f"{type(error).__name__}: {error}"[:200])


async def _joined(gate: Gate, url: str, anon_key: str, token: str) -> Reply:
    address = f"ws{url.removeprefix('http')}/realtime/v1/websocket?vsn=1.0.0&apikey={quote(anon_key)}"
    join = {
        "topic": "realtime:doctor",
        "event": "phx_join",
        "payload": {"config": {}, **({"access_token": token} if token else {})},
        "ref": "1",
        "join_ref": "1",
    }
    async with asyncio.timeout(JOIN_S), web.websocket(gate, address) as socket:
        await socket.send(json.dumps(join))
        async for frame in socket:
            said = json.loads(frame)
            if isinstance(said, dict) and said.get("event") == "phx_reply" and said.get("ref") == "1":
                payload = said.get("payload")
                status = payload.get("status") if isinstance(payload, dict) else None
                reason = payload.get("response") if isinstance(payload, dict) else None
                return Reply(200) if status == "ok" else Reply(400, reason, "", f"the join is answered: {reason}"[:200])
    return Reply(problem="it closed the socket before the join was answered")


def database_fact(gate: Gate, dsn: str) -> DatabaseFact:
    """Whether it can be connected to, and what its role may not do."""
    try:
        return asyncio.run(_database(gate, dsn))
    except HarnessError as error:
        return DatabaseFact(error.what)
    except (OSError, TimeoutError) as error:
        return DatabaseFact(f"it does not answer ({type(error).__name__})")
    except (asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as error:
        return DatabaseFact(f"it refuses: {type(error).__name__}")  # its text may quote the connection string


async def _database(gate: Gate, dsn: str) -> DatabaseFact:
    connection = await database.connect(gate, dsn, timeout=CONNECT_S, command_timeout=CONNECT_S, statement_cache_size=0)
    try:
        user = await connection.fetchval(_USER)
        lacking = [] if await connection.fetchval(_MONITOR) else [f"grant pg_monitor to {user};"]
        unread = [table for table in READ_TABLES if not await connection.fetchval(_READS, table)]
    finally:
        connection.terminate()
    if unread:
        lacking.append(f"grant select on {', '.join(f'public.{table}' for table in unread)} to {user};")
    return DatabaseFact(lacking=tuple(lacking))

"""Writing swipe events: in bulk, and one by one when the bulk fails (contract 3.3)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import date

import asyncpg

from sandbox.functions.events import defects as event_defects
from sandbox.functions.events.input import Ingest, SwipeRow
from sandbox.functions.events.rows import rows_json
from sandbox.functions.gate import FunctionCaller
from sandbox.services import PoolExhausted, Services

_INSERT = "select sandbox_internal.insert_events($1, $2, $3, $4, $5, $6)"
# SQLSTATE classes that another try cannot help: data, integrity, syntax or privileges; and all of PostgREST's own codes
_FINAL = ("22", "23", "42", "PGRST")
_TOKEN_EXPIRED = "PGRST303"


class StoreError(Exception):
    """One PostgREST request failed. `code` is an SQLSTATE, a PGRST code, or empty for a broken connection."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def final(self) -> bool:
        """Whether the application takes it for deterministic, which includes an exhausted pool."""
        return self.code.startswith(_FINAL)


async def upsert(services: Services, caller: FunctionCaller, day: date, rows: Sequence[SwipeRow]) -> None:
    """One PostgREST request under the caller's token, ignoring duplicates. :raises StoreError: all or nothing."""
    if caller.expires_at <= time.time() and not services.switches.expired_token_accepted:
        raise StoreError(_TOKEN_EXPIRED, "JWT expired")
    actor, shift = caller.principal, services.clock_offset_s
    try:
        async with services.connection() as connection:
            await connection.execute(_INSERT, actor.role, actor.claims, caller.user_id, day, rows_json(rows), shift)
    except asyncpg.PostgresError as error:
        raise StoreError(error.sqlstate or "", str(error.args[0] if error.args else error)) from error
    except PoolExhausted as error:
        raise StoreError(error.code, str(error)) from error
    except (asyncpg.InterfaceError, OSError) as error:
        raise StoreError("", f"TypeError: fetch failed: {error}") from error


async def store(services: Services, caller: FunctionCaller, ingest: Ingest) -> list[SwipeRow]:
    """Write an ingest's rows and sort its ids accordingly; the rows that were taken, for the background work."""
    rows, row_ids = await event_defects.shaped(services, caller, ingest)
    if not rows:
        return []
    day = event_defects.day_of(services)
    try:
        await upsert(services, caller, day, rows)
        return rows
    except StoreError as error:
        meta = {"message": error.message, "code": error.code}
        ingest.issue("warn", "BULK_UPSERT_FAILED", "Bulk upsert failed; retrying per-row.", meta=meta)
    for identifier in row_ids:
        if identifier is not None:
            ingest.accepted.pop(identifier, None)
    taken = []
    for row, identifier in zip(rows, row_ids, strict=True):
        try:
            await upsert(services, caller, day, [row])
        except StoreError as error:
            if identifier is not None:
                _classify(ingest, identifier, error)
            continue
        taken.append(row)
        if identifier is not None:
            ingest.accepted[identifier] = None
    return taken


def _classify(ingest: Ingest, identifier: str, error: StoreError) -> None:
    if error.final:
        ingest.reject(identifier, "DB_REJECTED", "DB rejected this event (deterministic).")
    else:
        ingest.later(identifier, "Temporary DB error; retry later.")

"""Writing swipe events: in bulk, and one by one when the bulk fails (contract 3.3)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import date

import asyncpg
import orjson

from sandbox.functions.events import defects as event_defects
from sandbox.functions.events.input import Ingest, SwipeRow
from sandbox.functions.events.rows import rows_json
from sandbox.functions.gate import FunctionCaller
from sandbox.rest.errors import RestError, bad_body, connection_refused
from sandbox.rest.faults import SERVER_GONE, refusal
from sandbox.services import PoolExhausted, Services

_INSERT = "select sandbox_internal.insert_events($1, $2, $3, $4, $5, $6)"
# SQLSTATE classes that another try cannot help: data, integrity, syntax or privileges; and all of PostgREST's own codes
_FINAL = ("22", "23", "42", "PGRST")
_TOKEN_EXPIRED = "PGRST303"
_HALF = "\\ud"


class StoreError(Exception):
    """One PostgREST request failed. `code` is an SQLSTATE or a PGRST code, as PostgREST itself would say it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def final(self) -> bool:
        """Whether the application takes it for deterministic, which includes an exhausted pool and a lost server."""
        return self.code.startswith(_FINAL)


async def upsert(services: Services, caller: FunctionCaller, day: date, rows: Sequence[SwipeRow]) -> None:
    """One PostgREST request under the caller's token, ignoring duplicates. :raises StoreError: all or nothing."""
    if caller.expires_at <= time.time() and not services.switches.expired_token_accepted:
        raise StoreError(_TOKEN_EXPIRED, "JWT expired")
    actor, shift = caller.principal, services.clock_offset_s
    told: Callable[[Exception], RestError] = connection_refused
    try:
        written = _written(rows)
        async with services.connection() as connection:
            told = _refused
            await connection.execute(_INSERT, actor.role, actor.claims, caller.user_id, day, written, shift)
    except PoolExhausted as error:
        raise StoreError(error.code, str(error)) from error
    except (asyncpg.PostgresError, *SERVER_GONE) as error:
        answer = told(error)
        raise StoreError(answer.code, answer.message) from error


def _refused(error: Exception) -> RestError:
    return refusal(error, signed_in=True)


def _written(rows: Sequence[SwipeRow]) -> str:
    """The rows as one JSON text. :raises StoreError: for half a surrogate pair, which is no JSON to PostgREST."""
    try:
        text = rows_json(rows)
        if _HALF in text:  # perhaps
            orjson.loads(text)
    except (TypeError, ValueError) as error:
        answer = bad_body()
        raise StoreError(answer.code, answer.message) from error
    return text


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

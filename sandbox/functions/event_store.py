"""Writing swipe events: in bulk, and one by one when the bulk fails (contract 3.3)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, date, datetime

import asyncpg

from sandbox.functions.event_input import Ingest, Row
from sandbox.functions.gate import Caller
from sandbox.services import PoolExhausted, Services

_INSERT = """
insert into public.media_events (user_id, event_day, session_id, deck_id, rec_request_id, position, media_item_id,
  event_type, source, dwell_ms, payload, client_event_id, rating_0_10, in_watchlist, dedupe_key, served_dedupe_key)
select $1, $2, r.session_id, r.deck_id, r.rec_request_id, r.position, r.media_item_id,
  r.event_type::public.media_event_type, r.source, r.dwell_ms::integer, r.payload::jsonb, r.client_event_id,
  r.rating::numeric, r.in_watchlist, r.dedupe_key, r.served_key
from unnest($3::uuid[], $4::uuid[], $5::uuid[], $6::integer[], $7::uuid[], $8::text[], $9::text[], $10::text[],
  $11::text[], $12::uuid[], $13::text[], $14::boolean[], $15::text[], $16::text[])
  as r(session_id, deck_id, rec_request_id, position, media_item_id, event_type, source, dwell_ms,
    payload, client_event_id, rating, in_watchlist, dedupe_key, served_key)
on conflict (user_id, dedupe_key, event_day) do nothing
"""
# SQLSTATE classes that another try cannot help: data, integrity, syntax or privileges; and whatever PostgREST itself says
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


async def upsert(services: Services, caller: Caller, day: date, rows: Sequence[Row]) -> None:
    """One PostgREST request under the caller's token, ignoring duplicates. :raises StoreError: all or nothing."""
    if caller.expires_at <= time.time():
        raise StoreError(_TOKEN_EXPIRED, "JWT expired")
    try:
        async with services.acting(caller.principal) as connection:
            await connection.execute(_INSERT, caller.user_id, day, *map(list, zip(*rows, strict=True)))
    except asyncpg.PostgresError as error:
        raise StoreError(error.sqlstate or "", str(error.args[0] if error.args else error)) from error
    except PoolExhausted as error:
        raise StoreError(error.code, str(error)) from error
    except (asyncpg.InterfaceError, OSError) as error:
        raise StoreError("", f"TypeError: fetch failed: {error}") from error


async def store(services: Services, caller: Caller, ingest: Ingest) -> list[Row]:
    """Write an ingest's rows and sort its ids accordingly; the rows that were taken, for the background work."""
    rows, row_ids = ingest.rows, ingest.row_ids
    if services.quirks.event_silent_loss:
        rows, row_ids = _without_lost(services, rows, row_ids)
    if not rows:
        return []
    day = datetime.now(UTC).date()
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


def _without_lost(
    services: Services, rows: list[Row], row_ids: list[str | None]
) -> tuple[list[Row], list[str | None]]:
    """The quirk `event_silent_loss`: every n-th row of the whole sandbox is forgotten, its id stays accepted."""
    kept = []
    for row, identifier in zip(rows, row_ids, strict=True):
        services.events_seen += 1
        if services.events_seen % services.quirks.event_silent_loss:
            kept.append((row, identifier))
    return [row for row, _ in kept], [identifier for _, identifier in kept]

"""`POST /functions/v1/catalog-sync`: takes one title from TMDb into the catalogue (contract 6.4).

A title that the catalogue knows as well as it was asked for is left alone. What goes wrong at TMDb is noted in the row;
what goes wrong in the database, or while an IMDb id is looked up, kills the shipped function: the platform answers.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import asyncpg
from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import envelope, gate, intake, js
from sandbox.functions.tmdb import fake as fake_tmdb
from sandbox.functions.tmdb import fake_omdb, sync_request, sync_row
from sandbox.functions.tmdb import shapes as tmdb_shapes
from sandbox.functions.tmdb.fake import UpstreamError
from sandbox.functions.tmdb.sync_request import BadSync, SyncRequest
from sandbox.services import Services

NAME = "catalog-sync"
PER_MINUTE = 60
_TMDB_KINDS = {"movie": "movie", "series": "tv"}
_KINDS = {"movie": "movie", "tv": "series"}
_KNOWN = "id::text, kind::text, tmdb_id, omdb_imdb_id"
_FIND = f"select {_KNOWN}, tmdb_raw is not null as has_tmdb, omdb_raw is not null as has_omdb from public.media_items"
_FIND_BY_TMDB_SQL = f"{_FIND} where kind = $1::text::public.media_kind and tmdb_id = $2::text::bigint limit 2"
_FIND_BY_IMDB_SQL = f"{_FIND} where omdb_imdb_id = $1 limit 2"


async def handle(services: Services, request: Request) -> Response:
    """Key, then quota by the unverified token, then body, then person: a forged token spends somebody else's quota.

    :raises envelope.FunctionRefusal: 401, 415, 400.
    :raises Exception: whatever the database and a look-up by IMDb id raise.
    """
    preflight = envelope.preflight(request)
    if preflight is not None:
        return preflight
    if request.method != "POST":
        return intake.unechoed_error(request, "Method not allowed", 405)
    gate.require_api_key(services, request, bearer_is_enough=True)
    settings = await gate.load_settings(services)
    verdict = await intake.spend(services, request, NAME, settings.rate_limit(NAME, PER_MINUTE))
    if not verdict.ok:  # as shipped: neither code nor hint
        return intake.unechoed_error(request, "Rate limit exceeded", 429)
    body = await intake.json_body(request)
    try:
        order = sync_request.parse(body)
    except BadSync:
        intake.bad_body(request)
    await gate.require_person(services, request)
    tmdb_id, kind = await _resolved(services, order)
    if tmdb_id is None and not order.imdb_id:
        return intake.unechoed_error(request, "Missing tmdbId or imdbId", 400, "MISSING_IDS")
    row = await _known(services, order, kind, tmdb_id)
    if row is None:
        row = await _written(services, order, kind, tmdb_id)
    reply = {
        "ok": True,
        "media_item_id": row["id"],
        "kind": row["kind"],
        "tmdb_id": row["tmdb_id"],
        "omdb_imdb_id": row["omdb_imdb_id"],
    }
    return intake.unechoed(reply, request=request)


async def _resolved(services: Services, order: SyncRequest) -> tuple[int | None, str]:
    """TMDb's number and the kind. :raises UpstreamError: when TMDb does not look an IMDb id up."""
    if order.tmdb_id is None and order.imdb_id:
        found = await fake_tmdb.find(services, order.imdb_id)
        if found is not None:
            return int(found["tmdb_id"]), _KINDS[found["tmdb_media_type"]]
    return order.tmdb_id, order.kind


async def _known(services: Services, order: SyncRequest, kind: str, tmdb_id: int | None) -> asyncpg.Record | None:
    """The row that is good enough as it is, if there is one."""
    found = None
    if tmdb_id is not None:
        found = await _found(services, _FIND_BY_TMDB_SQL, kind, js.number(tmdb_id))
    if found is None and order.imdb_id:
        found = await _found(services, _FIND_BY_IMDB_SQL, order.imdb_id)
    if found is None or order.afresh or not found["has_tmdb"] or (order.with_omdb and not found["has_omdb"]):
        return None
    return found


async def _found(services: Services, statement: str, *arguments: str) -> asyncpg.Record | None:
    """The one row; None for several and when the database refuses."""
    try:
        async with services.acting(services.service) as connection:
            rows = await connection.fetch(statement, *arguments)
    except intake.DATABASE_ERRORS:
        return None
    return rows[0] if len(rows) == 1 else None


async def _written(services: Services, order: SyncRequest, kind: str, tmdb_id: int | None) -> asyncpg.Record:
    fetched_at = js.iso(datetime.now(UTC))
    details, fetched = None, {}
    if tmdb_id is not None:
        details, error = await _details(services, kind, tmdb_id)
        status = "ok" if error is None else "failed"
        fetched = {"tmdb_fetched_at": fetched_at, "tmdb_status": status, "tmdb_error": error}
    imdb_id = order.imdb_id
    if not imdb_id and kind == "movie" and details and details.get("imdb_id"):
        imdb_id = details["imdb_id"]
    omdb = None
    if order.with_omdb and imdb_id:
        omdb = await fake_omdb.title(services, imdb_id)
        fetched |= {"omdb_fetched_at": fetched_at, "omdb_status": "ok", "omdb_error": None}
    values = {**sync_row.row(kind, tmdb_id, imdb_id, details, omdb), **fetched}
    statement = _upsert_sql(tuple(values), "omdb_imdb_id" if tmdb_id is None else "kind, tmdb_id")
    async with services.acting(services.service) as connection:
        return await connection.fetchrow(statement, js.stringify(values))


async def _details(services: Services, kind: str, tmdb_id: int) -> tuple[dict[str, Any] | None, str | None]:
    """TMDb's reply, or what is noted about its refusal."""
    try:
        row = await fake_tmdb.title(services, _TMDB_KINDS[kind], tmdb_id)
        if row is None:
            raise UpstreamError(404)
    except UpstreamError as error:
        return None, f"TMDB request failed: {error.status} {error.body}"
    return tmdb_shapes.details(row), None


@lru_cache(maxsize=8)
def _upsert_sql(columns: tuple[str, ...], conflict: str) -> str:
    """As PostgREST upserts: every column given is overwritten."""
    names = ", ".join(columns)
    updates = ", ".join(f"{name} = excluded.{name}" for name in columns)
    return f"""
    insert into public.media_items ({names})
    select {names} from jsonb_populate_record(null::public.media_items, $1::text::jsonb)
    on conflict ({conflict}) do update set {updates} returning {_KNOWN}
    """

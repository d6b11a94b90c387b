"""`POST /functions/v1/catalog-sync`: takes one title from TMDb into the catalogue (contract 6.4).

Whatever goes wrong upstream or in the database kills the shipped function: the platform answers for it. A title that
the catalogue has is written again all the same, which is what a sync costs; here its raw reply is left as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import envelope, gate, intake
from sandbox.functions.tmdb import fake as fake_tmdb
from sandbox.functions.tmdb import shapes as tmdb_shapes
from sandbox.services import Services

NAME = "catalog-sync"
PER_MINUTE = 60
_KINDS = {"movie": "movie", "tv": "series"}
_UPSERT_SQL = """
insert into public.media_items as m (kind, tmdb_id, tmdb_media_type, tmdb_title, tmdb_name, tmdb_original_title,
  tmdb_original_name, tmdb_overview, tmdb_original_language, tmdb_origin_country, tmdb_release_date,
  tmdb_first_air_date, tmdb_runtime, tmdb_genre_ids, tmdb_poster_path, tmdb_backdrop_path, tmdb_popularity,
  tmdb_vote_average, tmdb_vote_count, tmdb_adult, tmdb_raw, tmdb_genres, omdb_imdb_id, omdb_type, omdb_title, omdb_year)
values ($1::text::public.media_kind, $2, $3, $4, $5, $4, $5, $6, $7, $8, $9::text::date, $10::text::date, $11, $12, $13,
  $14, $15, $16::float8::numeric, $17, false, $18::text::jsonb, $18::text::jsonb -> 'genres', $19, $20, $21, $22)
on conflict (kind, tmdb_id) do update set
  tmdb_overview = excluded.tmdb_overview, tmdb_poster_path = excluded.tmdb_poster_path,
  tmdb_backdrop_path = excluded.tmdb_backdrop_path, tmdb_popularity = excluded.tmdb_popularity,
  tmdb_vote_average = excluded.tmdb_vote_average, tmdb_vote_count = excluded.tmdb_vote_count,
  omdb_imdb_id = coalesce(excluded.omdb_imdb_id, m.omdb_imdb_id), updated_at = now()
returning id::text, kind::text, tmdb_id, omdb_imdb_id
"""


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """What to sync. kind: `movie` or `tv`, as TMDb says it."""

    tmdb_id: int | None
    imdb_id: str | None
    kind: str
    with_omdb: bool


class NotSynced(Exception):
    """TMDb does not know the title. Nothing catches it: the function dies, as shipped."""


async def handle(services: Services, request: Request) -> Response:
    """Key, then quota by the unverified token, then person, then body: a forged token spends somebody else's quota."""
    preflight = envelope.preflight(request)
    if preflight is not None:
        return preflight
    if request.method != "POST":
        return intake.unechoed_error(request, "Method not allowed", 405)
    return await respond(services, request, None)


async def respond(services: Services, request: Request, given: Mapping[str, Any] | None) -> Response:
    """One sync; given: the body, where somebody else has read the request's own.

    :raises envelope.FunctionRefusal: 401, 415, 400.
    :raises Exception: whatever upstream and database raise.
    """
    gate.require_api_key(services, request, bearer_is_enough=True)
    settings = await gate.load_settings(services)
    verdict = await intake.spend(services, request, NAME, settings.rate_limit(NAME, PER_MINUTE))
    if not verdict.ok:  # as shipped: neither code nor hint
        return intake.unechoed_error(request, "Rate limit exceeded", 429)
    await gate.require_person(services, request)
    order = _order(request, given if given is not None else await intake.json_body(request))
    if order.tmdb_id is None and not order.imdb_id:
        return intake.unechoed_error(request, "tmdbId or imdbId is required", 400, "MISSING_IDS")
    synced = await sync(services, order)
    return intake.unechoed(
        {
            "ok": True,
            "media_item_id": synced["id"],
            "kind": synced["kind"],
            "tmdb_id": synced["tmdb_id"],
            "omdb_imdb_id": synced["omdb_imdb_id"],
        },
        request=request,
    )


async def sync(services: Services, order: SyncRequest) -> asyncpg.Record:
    """The row as it is afterwards. TMDb is asked once, twice by IMDb id alone, and OMDb once where wanted.

    :raises NotSynced: when TMDb does not know it.
    """
    row = None
    if order.tmdb_id is None and order.imdb_id:
        found = await fake_tmdb.find(services, order.imdb_id)
        if found is not None:
            row = await fake_tmdb.title(services, found["tmdb_media_type"], found["tmdb_id"])
    elif order.tmdb_id is not None:
        row = await fake_tmdb.title(services, order.kind, order.tmdb_id)
    if row is None:
        raise NotSynced(f"TMDb knows neither {order.kind} {order.tmdb_id} nor {order.imdb_id}")
    if order.with_omdb:
        await fake_tmdb.latency(services)
    async with services.acting(services.service) as connection:
        return await connection.fetchrow(_UPSERT_SQL, *_values(row, order.with_omdb))


def _order(request: Request, body: Any) -> SyncRequest:
    """:raises envelope.FunctionRefusal: 400 for anything but an object."""
    if not isinstance(body, dict):
        intake.bad_body(request, "Request body must be an object")
    external = body["external"] if isinstance(body.get("external"), dict) else {}
    tmdb_id = external.get("tmdbId", body.get("tmdbId"))
    imdb_id = external.get("imdbId", body.get("imdbId"))
    options = body["options"] if isinstance(body.get("options"), dict) else {}
    series = body.get("contentType") == "series" or external.get("type") == "tv"
    return SyncRequest(
        _number(tmdb_id),
        imdb_id.strip() if isinstance(imdb_id, str) and imdb_id.strip() else None,
        "tv" if series else "movie",
        options.get("syncOmdb") is not False,
    )


def _number(given: Any) -> int | None:
    if isinstance(given, str) and given.isascii() and given.isdigit():
        given = int(given[:12])
    return given if isinstance(given, int) and not isinstance(given, bool) and given > 0 else None


def _values(row: Mapping[str, Any], with_omdb: bool) -> tuple[Any, ...]:
    movie = row["tmdb_media_type"] == "movie"
    name, released = row["name"], row["released"] or None
    return (
        _KINDS[row["tmdb_media_type"]],
        row["tmdb_id"],
        row["tmdb_media_type"],
        name if movie else None,
        None if movie else name,
        row["tmdb_overview"],
        row["tmdb_original_language"],
        row["tmdb_origin_country"],
        released if movie else None,
        None if movie else released,
        row["tmdb_runtime"],
        row["tmdb_genre_ids"],
        row["tmdb_poster_path"],
        row["tmdb_backdrop_path"],
        row["tmdb_popularity"],
        row["tmdb_vote_average"],
        row["tmdb_vote_count"],
        orjson.dumps(tmdb_shapes.details(row)).decode(),
        row["omdb_imdb_id"],
        ("movie" if movie else "series") if with_omdb else None,
        name if with_omdb else None,
        released[:4] if with_omdb and released else None,
    )

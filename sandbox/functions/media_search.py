"""`POST /functions/v1/media-search`: full-text search over the catalogue (contract 6.2).

Rerank is off as shipped; switched on in `embedding_settings` it reports `error`, because the model it would ask is not
there. Where the contract is silent: words are matched as `websearch_to_tsquery` reads them, the newest first; a page
that starts beyond the last result fails as PostgREST's 416 does behind an exact count.
"""

from __future__ import annotations

import asyncpg
import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import claims, envelope, gate, intake, js, media_search_request
from sandbox.functions.claims import NoClaims
from sandbox.functions.envelope import FunctionRefusal
from sandbox.functions.media_search_request import BadSearch, SearchRequest
from sandbox.services import Bearer, Services

NAME = "media-search"
PER_MINUTE = 120
_COLUMNS = """
id, kind, tmdb_id, tmdb_title, tmdb_name, tmdb_original_title, tmdb_original_name, tmdb_release_date,
tmdb_first_air_date, tmdb_poster_path, tmdb_backdrop_path, tmdb_original_language, tmdb_genre_ids, tmdb_overview,
tmdb_genres, omdb_title, omdb_year, omdb_language, omdb_imdb_id, omdb_imdb_rating, omdb_rating_rotten_tomatoes,
omdb_poster, omdb_rated, omdb_plot, omdb_genre
"""
# The count walks every match, however few are shown: what an exact count costs.
_SEARCH_SQL = f"""
with matched as (
  select * from public.media_items
  where search_vector @@ websearch_to_tsquery('english', $1)
    and ($2::text is null or kind = $2::public.media_kind)
    and ($3::text is null or tmdb_release_date >= $3::date or tmdb_first_air_date >= $3::date)
    and ($4::text is null or tmdb_release_date <= $4::date or tmdb_first_air_date <= $4::date)
    and ($5::text is null or tmdb_original_language = $5)
    and ($6::text[] is null or tmdb_genre_ids && $6::integer[])
),
page as (
  select {_COLUMNS} from matched
  order by tmdb_release_date desc nulls last, tmdb_first_air_date desc nulls last, tmdb_title, id
  limit $8::bigint offset $7::bigint
)
select (select count(*) from matched) as total, (select count(*) from page) as shown,
  (select coalesce(json_agg(row_to_json(page)), '[]')::text from page) as rows,
  -- read once more, so that a date or number that is none fails even where no row is compared with it
  $3::text::date is null and $4::text::date is null and $6::text[]::integer[] is null as plain
"""
_RERANK_SQL = "select public.get_embedding_search_settings_v1()"


async def handle(services: Services, request: Request) -> Response:
    """Body, then key, then person, then quota: a malformed search costs none."""
    preflight = envelope.preflight(request)
    if preflight is not None:
        return preflight
    if request.method != "POST":
        return intake.unechoed_error(request, "Method not allowed", 405)
    body = await intake.json_body(request)
    try:
        search = media_search_request.parse(body)
    except BadSearch:
        intake.bad_body(request)
    given = (request.headers.get("apikey") or request.headers.get("x-api-key") or "").strip()
    if given and given not in services.keys.accepted:
        return envelope.error(request, "Invalid apikey header", 401, "INVALID_APIKEY")
    caller = await _caller(services, request)
    await intake.require_quota(services, request, "media_search", PER_MINUTE)
    try:
        async with services.acting(caller.principal) as connection:
            total, shown, rows = await _page(connection, search)
    except intake.DATABASE_ERRORS as error:
        return intake.unechoed_error(request, intake.message_of(error), 500, "SEARCH_FAILED")
    if total < search.window[0]:
        return intake.unechoed_error(request, "Requested range not satisfiable", 500, "SEARCH_FAILED")
    reply = {
        "ok": True,
        "query": search.query,
        "page": orjson.Fragment(js.number(search.page)),
        "limit": orjson.Fragment(js.number(search.limit)),
        "hasMore": search.offset + shown < total if total else shown == search.limit,
        "totalCount": total,
        "results": orjson.Fragment(js.stringify(orjson.loads(rows))),
    }
    status = await _rerank(services, search, shown)
    return intake.unechoed(reply, request=request, extra=(("x-movinesta-rerank", status),))


async def _caller(services: Services, request: Request) -> Bearer:
    """:raises FunctionRefusal: 401 UNAUTHORIZED. :raises ClaimsThrew: uncaught, as shipped."""
    try:
        bearer, _ = await claims.of_token(services, gate.bearer_token(request))
    except NoClaims:
        raise FunctionRefusal(envelope.error(request, "Unauthorized", 401, "UNAUTHORIZED")) from None
    return bearer


async def _page(connection: asyncpg.Connection, search: SearchRequest) -> tuple[int, int, str]:
    """(matches, rows on this page, those rows as JSON)"""
    row = await connection.fetchrow(
        _SEARCH_SQL,
        search.query,
        search.kind,
        search.min_date,
        search.max_date,
        search.language,
        search.genre_ids,
        *search.window,
    )
    return row["total"], row["shown"], row["rows"]


async def _rerank(services: Services, search: SearchRequest, shown: int) -> str:
    """What the header says."""
    try:
        async with services.connection() as connection:
            settings = orjson.loads(await connection.fetchval(_RERANK_SQL) or "{}")
    except intake.DATABASE_ERRORS:
        return "settings_unavailable"
    if not settings:
        return "settings_unavailable"
    if not settings["rerank_search_enabled"]:
        return "disabled"
    if shown < 2:
        return "insufficient"
    return "skipRerank" if search.skip_rerank else "error"

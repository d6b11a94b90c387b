"""A TMDb of the sandbox's own, because a load test must not lean on somebody else's service.

Its answers follow from the catalogue and the question alone. Each costs `LATENCY_S`, more with the switch
`tmdb_delay_ms`; `tmdb_status` makes it refuse everything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import asyncpg

from sandbox.functions.tmdb import extra_titles
from sandbox.functions.tmdb import shapes as tmdb_shapes
from sandbox.seed.catalogue import GENRES
from sandbox.services import Services

LATENCY_S = 0.03
_WAITS = {429: 5, 503: 2}
_REFUSALS = {
    401: (7, "Invalid API key: You must be granted a valid key."),
    404: (34, "The resource you requested could not be found."),
    429: (25, "Your request count (#) is over the allowed limit of (40)."),
    503: (9, "Service offline: This service is temporarily offline, try again later."),
}
_TITLE = """
tmdb_id, tmdb_media_type, coalesce(tmdb_title, tmdb_name, omdb_title) as name,
coalesce(tmdb_release_date, tmdb_first_air_date)::text as released, tmdb_overview, tmdb_original_language,
tmdb_origin_country, tmdb_runtime, tmdb_genre_ids, tmdb_poster_path, tmdb_backdrop_path,
tmdb_popularity::float8 as tmdb_popularity,
tmdb_vote_average::float8 as tmdb_vote_average, tmdb_vote_count, omdb_imdb_id, omdb_director, omdb_actors
"""
_PAGED = "count(*) over () as total from public.media_items m"
_SEARCH_SQL = f"""
select {_TITLE}, {_PAGED}
where tmdb_id is not null and ($1::text is null or tmdb_media_type = $1)
  and (tmdb_title ilike $2 or tmdb_name ilike $2)
  and ($3::text is null or extract(year from coalesce(tmdb_release_date, tmdb_first_air_date))::text = $3)
order by tmdb_popularity desc nulls last, id limit $4 offset $5
"""
_DISCOVER_SQL = f"""
select {_TITLE}, {_PAGED}
where tmdb_id is not null and tmdb_media_type = $1 and tmdb_genre_ids @> $2::integer[]
order by tmdb_popularity desc nulls last, id limit $3 offset $4
"""
_TRENDING_SQL = f"""
select {_TITLE}, {_PAGED} join public.media_trending_scores t on t.media_item_id = m.id
where tmdb_id is not null and ($1::text is null or tmdb_media_type = $1)
order by t.score_72h desc, m.id limit $2 offset $3
"""
# A row that a sync made for a number unknown to TMDb does not make it known there.
_DETAILS_SQL = f"""
select {_TITLE} from public.media_items m
where tmdb_media_type = $1 and tmdb_id = $2 and tmdb_status is distinct from 'failed'
"""
_BY_IMDB_SQL = f"select {_TITLE} from public.media_items m where omdb_imdb_id = $1 and tmdb_id is not null"
_SHOWN_SQL = """
select tmdb_id from public.media_items
where tmdb_id = any($1::integer[]) and (tmdb_title ilike $2 or tmdb_name ilike $2)
"""
# Seven hexadecimal digits of a name's hash are its number: the same on every server, and never negative.
_PEOPLE = """
with people as (
  select distinct trim(n) as name, ('x' || left(md5(trim(n)), 7))::bit(28)::integer as number
  from public.media_items m, unnest(string_to_array(concat_ws(',', omdb_actors, omdb_director), ',')) n
  where trim(n) <> ''
)
"""
_PEOPLE_SQL = f"""
{_PEOPLE} select name, number, count(*) over () as total from people where name ilike $1
order by name limit $2 offset $3
"""
_PERSON_SQL = f"{_PEOPLE} select name, number from people where number = $1"


class UpstreamError(Exception):
    """TMDb's refusal: its HTTP status, and the seconds it asks to wait."""

    def __init__(self, status: int, retry_after_s: int | None = None) -> None:
        super().__init__(f"TMDb answered {status}")
        self.status = status
        self.retry_after_s = retry_after_s

    @property
    def body(self) -> str:
        """The text that comes with it."""
        code, message = _REFUSALS.get(self.status, (11, "Internal error: Something went wrong, contact TMDb."))
        return f'{{"success":false,"status_code":{code},"status_message":"{message}"}}'


async def answer(services: Services, path: str, params: Mapping[str, str]) -> Any:
    """What TMDb says to an allowed path. :raises UpstreamError: when it refuses."""
    await latency(services)
    first, *rest = path.strip("/").split("/")
    if first == "configuration":
        return tmdb_shapes.CONFIGURATION
    if first == "genre":
        return {"genres": [{"id": number, "name": name} for number, name in GENRES.items()]}
    async with services.connection() as connection:
        if first == "search":
            return await _search(connection, rest[0], params)
        if first == "discover":
            return await _discover(connection, rest[0], params)
        if first == "trending":
            return await _trending(connection, rest[0], params)
        if first == "person":
            return await _person(connection, int(rest[0]), rest[1:])
        row = await _title(connection, first, rest[0])
        if row is None:
            raise UpstreamError(404)
        if len(rest) == 1:
            return tmdb_shapes.details(row, params.get("append_to_response", "").split(","))
        if rest[1] not in tmdb_shapes.SECTIONS:
            raise UpstreamError(404)
        return tmdb_shapes.section(row, rest[1])


async def latency(services: Services) -> None:
    """The time that an upstream takes, its refusals included. :raises UpstreamError: under the switch `tmdb_status`."""
    await asyncio.sleep(LATENCY_S + services.switches.tmdb_delay_ms / 1000)
    status = services.switches.tmdb_status
    if status:
        raise UpstreamError(status, _WAITS.get(status))


async def title(services: Services, kind: str, number: int) -> dict[str, Any] | None:
    """One title's facts in the catalogue's columns, after the latency of asking for them; kind: movie or tv."""
    await latency(services)
    async with services.connection() as connection:
        return await _title(connection, kind, str(number))


async def find(services: Services, imdb_id: str) -> dict[str, Any] | None:
    """The same by IMDb id."""
    await latency(services)
    async with services.connection() as connection:
        row = await connection.fetchrow(_BY_IMDB_SQL, imdb_id)
    if row is not None:
        return dict(row)
    number = extra_titles.by_imdb_id(imdb_id)
    return None if number is None else extra_titles.row(number)


async def _title(connection: asyncpg.Connection, kind: str, digits: str) -> dict[str, Any] | None:
    number = int(digits[:12])
    if number >= extra_titles.BEYOND:
        return None
    row = await connection.fetchrow(_DETAILS_SQL, kind, number)
    if row is not None:
        return dict(row)
    return extra_titles.row(number) if extra_titles.kind_of(number) == kind else None


async def _search(connection: asyncpg.Connection, kind: str, params: Mapping[str, str]) -> dict[str, Any]:
    query, page = params.get("query", ""), int(params.get("page", "1"))
    if not query:
        raise UpstreamError(422)
    offset = (page - 1) * tmdb_shapes.PAGE_SIZE
    like = "%" + query.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
    if kind == "person":
        rows = await connection.fetch(_PEOPLE_SQL, like, tmdb_shapes.PAGE_SIZE, offset)
        people = [tmdb_shapes.person(row["number"], row["name"]) for row in rows]
        return tmdb_shapes.page(people, rows[0]["total"] if rows else 0, page)
    year = params.get("year") or params.get("primary_release_year") or params.get("first_air_date_year")
    wanted = None if kind == "multi" else kind
    rows = await connection.fetch(_SEARCH_SQL, wanted, like, year, tmdb_shapes.PAGE_SIZE, offset)
    known = rows[0]["total"] if rows else 0
    foreign = [] if year else await _foreign(connection, query, like, kind)
    shown = [dict(row) for row in rows]
    if page == 1 or rows:  # the foreign ones stand behind the last of the catalogue's
        left = tmdb_shapes.PAGE_SIZE - len(shown)
        shown += [extra_titles.row(number) for number in foreign[:left]] if offset + len(shown) == known else []
    return tmdb_shapes.page(
        [tmdb_shapes.listed(row, tell_kind=kind == "multi") for row in shown], known + len(foreign), page
    )


async def _foreign(connection: asyncpg.Connection, query: str, like: str, kind: str) -> list[int]:
    """Those that are not among the catalogue's: TMDb's answer does not depend on what somebody took over from it."""
    numbers = extra_titles.matches(query, kind)
    shown = {row["tmdb_id"] for row in await connection.fetch(_SHOWN_SQL, numbers, like)}
    return [number for number in numbers if number not in shown]


async def _discover(connection: asyncpg.Connection, kind: str, params: Mapping[str, str]) -> dict[str, Any]:
    page = int(params.get("page", "1"))
    genres = [int(text) for text in params.get("with_genres", "").split(",") if text.isdecimal() and len(text) < 9]
    rows = await connection.fetch(
        _DISCOVER_SQL, kind, genres, tmdb_shapes.PAGE_SIZE, (page - 1) * tmdb_shapes.PAGE_SIZE
    )
    return tmdb_shapes.page([tmdb_shapes.listed(row) for row in rows], rows[0]["total"] if rows else 0, page)


async def _trending(connection: asyncpg.Connection, kind: str, params: Mapping[str, str]) -> dict[str, Any]:
    page = int(params.get("page", "1"))
    wanted = None if kind == "all" else kind
    rows = await connection.fetch(_TRENDING_SQL, wanted, tmdb_shapes.PAGE_SIZE, (page - 1) * tmdb_shapes.PAGE_SIZE)
    shown = [tmdb_shapes.listed(row, tell_kind=True) for row in rows]
    return tmdb_shapes.page(shown, rows[0]["total"] if rows else 0, page)


async def _person(connection: asyncpg.Connection, number: int, rest: list[str]) -> dict[str, Any]:
    row = await connection.fetchrow(_PERSON_SQL, number) if number < 2**28 else None
    if row is None:
        raise UpstreamError(404)
    if not rest:
        return {**tmdb_shapes.person(number, row["name"]), "biography": "", "also_known_as": []}
    if rest[0] == "external_ids":
        return {"id": number, "imdb_id": None, "wikidata_id": None}
    if rest[0] in ("combined_credits", "movie_credits", "tv_credits"):
        return {"id": number, "cast": [], "crew": []}
    if rest[0] == "images":
        return {"id": number, "profiles": []}
    raise UpstreamError(404)

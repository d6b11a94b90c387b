"""The database's own ranking, and the titles and friends behind it (contract 2.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import asyncpg
import orjson

from sandbox.functions import js
from sandbox.functions.deck.request import DeckRequest, DeckSize
from sandbox.functions.gate import FunctionCaller
from sandbox.rest.errors import bad_body
from sandbox.rest.faults import refusal
from sandbox.services import PoolExhausted, Services
from sandbox.settings import Snapshot

Candidate: TypeAlias = dict[str, Any]
"""One row of the deck function, or one that was added to them; `media_item_id` is text."""

BEST_EFFORT = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, PoolExhausted)
"""What a read that may fail can fail with."""

_DECK_SQL = """
select media_item_id::text as media_item_id, title, kind, omdb_runtime, poster_path, backdrop_path, vote_average,
  vote_count, popularity, completeness, source, why, friend_ids
from public.media_swipe_deck_v3(
  p_session_id => $1::uuid, p_limit => $2::integer, p_mode => $3::text, p_kind_filter => $4::text, p_seed => $5::text)
"""
_RECENT_SQL = """
select count(*) filter (where strong) from (
  select event_type = 'like' or (event_type = 'watchlist' and in_watchlist)
    or (event_type = 'rating' and rating_0_10 >= $4) or (event_type = 'dwell' and dwell_ms >= $5) as strong
  from public.media_events where user_id = $1 and created_at >= now() - make_interval(days => $2)
  order by created_at desc limit $3
) recent
"""
_EMBEDDING_SQL = "select public.get_embedding_settings_v1()"
_TITLES_SQL = """
select id::text as id, kind::text as kind, tmdb_poster_path, tmdb_backdrop_path, omdb_title, omdb_type, omdb_plot,
  omdb_released, omdb_year, omdb_runtime, omdb_genre, omdb_director, omdb_writer, omdb_actors, omdb_language,
  omdb_country, omdb_rated, omdb_awards, omdb_poster, omdb_metascore, omdb_imdb_rating, omdb_imdb_votes,
  omdb_box_office, omdb_rating_rotten_tomatoes, tmdb_title, tmdb_name
from public.media_items where id = any($1::uuid[])
"""
_FRIENDS_SQL = """
select id::text as id, display_name, username, avatar_url from public.profiles_public where id = any($1::uuid[])
"""
_FILL_SUFFIX = "fill2"
_TITLES_LIMIT = 500


class DeckFailed(Exception):
    """The deck function failed for good."""


def thresholds(settings: Snapshot) -> tuple[float, int]:
    """From which rating and which dwell (ms) an event says that somebody liked a title."""
    limits = settings["ranking.swipe.taste"]["thresholds"]
    return float(limits["strong_positive_rating_min"]), int(limits["strong_positive_dwell_ms_min"])


async def strong_positives(services: Services, caller: FunctionCaller, settings: Snapshot) -> int:
    """How many of a person's recent events say that they liked something; 0 when they cannot be read."""
    days = int(settings["ranking.swipe.cold_start.lookback_days"])
    limit = int(settings["ranking.swipe.cold_start.event_limit"])
    try:
        async with services.acting(caller.principal) as connection:
            return int(await connection.fetchval(_RECENT_SQL, caller.user_id, days, limit, *thresholds(settings)))
    except BEST_EFFORT as error:
        services.note_swallowed("recent events", error)
        return 0


async def from_deck_function(
    services: Services,
    caller: FunctionCaller,
    request: DeckRequest,
    mode: str,
    seed: str,
    size: DeckSize,
    settings: Snapshot,
) -> tuple[list[Candidate], int]:
    """The ranking's rows, and how many were asked for in the end.

    Fewer after a statement timeout, if that is fewer; then once more with another seed to fill up.
    :raises DeckFailed: with the message that PostgREST would pass on.
    """
    deck = settings["ranking.swipe.deck"]
    _require_sayable(seed)

    async def ask(rows: int, with_seed: str) -> list[Candidate]:
        async with services.acting(caller.principal) as connection:
            found = await connection.fetch(_DECK_SQL, request.session_id, rows, mode, request.kind, with_seed)
        return [dict(row) for row in found]

    wanted = size.rows
    try:
        try:
            rows = await ask(wanted, seed)
        except asyncpg.QueryCanceledError as error:
            if wanted <= size.cards or "statement timeout" not in str(error).lower():
                raise
            wanted = size.cards
            rows = await ask(wanted, seed)
    except PoolExhausted as error:
        raise DeckFailed(str(error)) from error
    except BEST_EFFORT as error:
        raise DeckFailed(refusal(error, signed_in=True).message) from error
    if deck["fill_second_attempt_enabled"] and len(rows) < wanted:
        try:
            more = await ask(wanted, f"{seed}:{js.trim(deck['fill_second_seed_suffix']) or _FILL_SUFFIX}")
        except BEST_EFFORT as error:
            services.note_swallowed("second deck attempt", error)
            more = []
        seen = {row["media_item_id"] for row in rows}
        rows += [row for row in more if row["media_item_id"] not in seen][: wanted - len(rows)]
    return rows, wanted


def _require_sayable(seed: str) -> None:
    """A seed travels to PostgREST as JSON. :raises DeckFailed: for what neither it nor Postgres takes from there."""
    if "\0" in seed:
        raise DeckFailed("unsupported Unicode escape sequence")
    try:
        seed.encode()
    except UnicodeEncodeError as error:  # half a surrogate pair
        raise DeckFailed(bad_body().message) from error


async def titles(services: Services, ids: Iterable[str]) -> dict[str, Mapping[str, Any]]:
    """What the cards show, by title id; empty when it cannot be read, which leaves what the deck function said."""
    known = list(dict.fromkeys(ids))[:_TITLES_LIMIT]
    try:
        async with services.acting(services.service) as connection:
            return {row["id"]: row for row in await connection.fetch(_TITLES_SQL, known)} if known else {}
    except BEST_EFFORT as error:
        services.note_swallowed("titles", error)
        return {}


async def titles_and_embedding(
    services: Services, rows: Sequence[Candidate]
) -> tuple[dict[str, Mapping[str, Any]], dict[str, Any]]:
    """The rows' titles, and the settings of the reranker; either is empty when it cannot be read."""
    ids = list(dict.fromkeys(row["media_item_id"] for row in rows))[:_TITLES_LIMIT]
    try:
        async with services.acting(services.service) as connection:
            embedding = orjson.loads(await connection.fetchval(_EMBEDDING_SQL) or "{}")
            found = await connection.fetch(_TITLES_SQL, ids) if ids else []
        return {row["id"]: row for row in found}, embedding
    except BEST_EFFORT as error:
        services.note_swallowed("titles", error)
        return await titles(services, ids), {}


async def friend_profiles(services: Services, caller: FunctionCaller, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Public profiles by id, as far as row-level security shows them to the caller: as shipped, only their own."""
    try:
        async with services.acting(caller.principal) as connection:
            return {row["id"]: dict(row) for row in await connection.fetch(_FRIENDS_SQL, list(ids))}
    except BEST_EFFORT as error:
        services.note_swallowed("friend profiles", error)
        return {}

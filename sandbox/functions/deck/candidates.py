"""The database work behind a deck, in the application's order (contract 2.4, rows 4 to 17)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import asyncpg
import orjson

from sandbox.functions.deck.request import DeckRequest, DeckSize
from sandbox.functions.gate import FunctionCaller
from sandbox.services import PoolExhausted, Services
from sandbox.settings import Snapshot

Candidate: TypeAlias = dict[str, Any]
"""One row of the deck function, or one that was added to them; `media_item_id` is text."""

_DISLIKE_WINDOW = "14 days"
_NOT_INTERESTED_WINDOW = "30 days"
_CF_MODEL = "als_v1"
_CF_QUOTA = {"on_10": 10, "on_25": 25, "on_40": 40}
_BEST_EFFORT = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, PoolExhausted)

_DECK_SQL = "select * from public.media_swipe_deck_v3($1, $2, $3, $4, $5)"
_RECENT_SQL = """
select count(*) filter (where strong) from (
  select event_type = 'like' or (event_type = 'watchlist' and in_watchlist)
    or (event_type = 'rating' and rating_0_10 >= 7) or (event_type = 'dwell' and dwell_ms >= 12000) as strong
  from public.media_events where user_id = $1 and created_at >= now() - make_interval(days => $2)
  order by created_at desc limit $3
) recent
"""
# The application always makes these three reads and uses them only to keep out what collaborative filtering or segment
# popularity would add. Without either nothing but their count crosses the wire.
_IMPRESSIONS = "select media_item_id from public.rec_impressions where user_id = $1 order by created_at desc limit 3000"
_DISLIKES = f"""
select media_item_id from (
  select media_item_id, created_at, payload ->> 'action' as action from public.media_events
  where user_id = $1 and event_type = 'dislike' order by created_at desc limit 3000
) d
where created_at >= now() - case when action in ('not_interested', 'hide') then interval '{_NOT_INTERESTED_WINDOW}'
  else interval '{_DISLIKE_WINDOW}' end
"""
_INTERACTIONS = """
select media_item_id from public.media_events
where user_id = $1 and event_type in
  ('like', 'dislike', 'skip', 'watchlist', 'watchlist_add', 'watchlist_remove', 'rating', 'rating_set')
order by created_at desc limit 5000
"""
_EXCLUDING = (_IMPRESSIONS, _DISLIKES, _INTERACTIONS)
_PREFERENCES_SQL = "select recsys::text from public.user_preferences where user_id = $1"
_GENRES_SQL = "select id::text as id, omdb_genre from public.media_items where id = any($1::uuid[])"
_CF_SQL = """
select media_item_id, score from public.cf_recos where user_id = $1 and model_version = $2 order by rank limit $3
"""
_POOL_SQL = """
select id::text as id, omdb_genre from public.media_items
where ($1::text is null or kind::text = $1) and omdb_genre ilike any($2::text[])
  and coalesce(nullif(omdb_poster, 'N/A'), tmdb_poster_path, tmdb_backdrop_path) is not null
order by tmdb_popularity desc nulls last limit $3
"""
_EMBEDDING_SQL = "select public.get_embedding_settings_v1()"
_TITLES_SQL = """
select id::text as id, kind::text as kind, tmdb_poster_path, tmdb_backdrop_path, tmdb_vote_average, tmdb_vote_count,
  tmdb_popularity, completeness, tmdb_raw::text as tmdb_raw, omdb_title, omdb_type, omdb_plot, omdb_released, omdb_year,
  omdb_runtime, omdb_genre, omdb_director, omdb_writer, omdb_actors, omdb_language, omdb_country, omdb_rated,
  omdb_awards, omdb_poster, omdb_metascore, omdb_imdb_rating, omdb_imdb_votes, omdb_box_office,
  omdb_rating_rotten_tomatoes
from public.media_items where id = any($1::uuid[])
"""
_FRIENDS_SQL = """
select id::text as id, display_name, username, avatar_url from public.profiles_public where id = any($1::uuid[])
"""


class DeckFailed(Exception):
    """The deck function failed for good."""


@dataclass
class Candidates:
    """The rows a deck is built from."""

    rows: list[Candidate]
    titles: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


async def strong_positives(services: Services, caller: FunctionCaller, settings: Snapshot) -> int:
    """How many of a person's recent events say that they liked something; 0 when they cannot be read."""
    days = int(settings["ranking.swipe.cold_start.lookback_days"])
    limit = int(settings["ranking.swipe.cold_start.event_limit"])
    try:
        async with services.acting(caller.principal) as connection:
            return int(await connection.fetchval(_RECENT_SQL, caller.user_id, days, limit))
    except _BEST_EFFORT as error:
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
) -> list[Candidate]:
    """The database's own ranking: again with fewer rows after a statement timeout, again with another seed to fill up.

    :raises DeckFailed: with the database's message.
    """
    deck = settings["ranking.swipe.deck"]

    async def ask(rows: int, with_seed: str) -> list[Candidate]:
        async with services.acting(caller.principal) as connection:
            found = await connection.fetch(_DECK_SQL, request.session_id, rows, mode, request.kind, with_seed)
        return [{**row, "media_item_id": str(row["media_item_id"])} for row in found]

    wanted = size.rows
    try:
        try:
            rows = await ask(wanted, seed)
        except asyncpg.QueryCanceledError:
            wanted = size.cards
            rows = await ask(wanted, seed)
    except _BEST_EFFORT as error:
        raise DeckFailed(str(error)) from error
    if deck["fill_second_attempt_enabled"] and len(rows) < wanted:
        try:
            more = await ask(wanted, f"{seed}:{deck['fill_second_seed_suffix'].strip() or 'fill2'}")
        except _BEST_EFFORT as error:
            services.note_swallowed("second deck attempt", error)
            more = []
        seen = {row["media_item_id"] for row in rows}
        rows += [row for row in more if row["media_item_id"] not in seen][: wanted - len(rows)]
    return rows


async def enrich(
    services: Services,
    caller: FunctionCaller,
    request: DeckRequest,
    rows: list[Candidate],
    size: DeckSize,
    settings: Snapshot,
    *,
    cf_variant: str,
    cold: bool,
) -> list[Candidate]:
    """Everything between the deck function and the cards; all of it best effort."""
    quota = _CF_QUOTA.get(cf_variant, 0)
    try:
        async with services.acting(caller.principal) as connection:
            excluded = await _excluded(connection, caller.user_id, needed=quota > 0)
    except _BEST_EFFORT as error:
        services.note_swallowed("exclusions", error)
        excluded = set()
    try:
        if quota:
            added = await _collaborative(services, caller, rows, excluded, quota)
            if cold and not added:
                await _segment_popular(services, caller, request, rows, excluded, settings)
    except _BEST_EFFORT as error:
        services.note_swallowed("added candidates", error)
    try:
        async with services.acting(caller.principal) as connection:
            return await _without_muted(connection, caller.user_id, rows, size, settings)
    except _BEST_EFFORT as error:
        services.note_swallowed("muted genres", error)
        return rows


async def titles(services: Services, rows: Sequence[Candidate], settings: Snapshot) -> dict[str, Mapping[str, Any]]:
    """What the cards show, by title id; empty when it cannot be read, which leaves a deck without cards."""
    cap = int(settings["ranking.swipe.deck"]["media_item_fetch_ids_cap"])
    ids = list(dict.fromkeys(row["media_item_id"] for row in rows))[:cap]
    try:
        async with services.acting(services.service) as connection:
            await connection.fetchval(_EMBEDDING_SQL)
            found = await connection.fetch(_TITLES_SQL, ids) if ids else []
    except _BEST_EFFORT as error:
        services.note_swallowed("titles", error)
        return {}
    return {row["id"]: row for row in found}


async def friend_profiles(services: Services, caller: FunctionCaller, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Public profiles by id, as far as row-level security shows them to the caller: as shipped, only their own."""
    try:
        async with services.acting(caller.principal) as connection:
            return {row["id"]: dict(row) for row in await connection.fetch(_FRIENDS_SQL, list(ids))}
    except _BEST_EFFORT as error:
        services.note_swallowed("friend profiles", error)
        return {}


async def _excluded(connection: asyncpg.Connection, user_id: str, *, needed: bool) -> set[str]:
    excluded: set[str] = set()
    for sql in _EXCLUDING:
        if needed:
            excluded.update(str(row["media_item_id"]) for row in await connection.fetch(sql, user_id))
        else:
            await connection.fetchval(f"select count(*) from ({sql}) r", user_id)
    return excluded


async def _collaborative(
    services: Services, caller: FunctionCaller, rows: list[Candidate], excluded: set[str], quota: int
) -> int:
    async with services.acting(services.service) as connection:
        found = await connection.fetch(_CF_SQL, caller.user_id, _CF_MODEL, quota)
    seen = {row["media_item_id"] for row in rows} | excluded
    added = 0
    for row in found:
        identifier = str(row["media_item_id"])
        if identifier in seen:
            continue
        why = "Because people with similar taste liked this"
        rows.append({"media_item_id": identifier, "source": "cf", "why": why, "retrieval_score": row["score"]})
        added += 1
    return added


async def _segment_popular(
    services: Services,
    caller: FunctionCaller,
    request: DeckRequest,
    rows: list[Candidate],
    excluded: set[str],
    settings: Snapshot,
) -> None:
    """Popular titles of the genres a newcomer chose."""
    deck = settings["ranking.swipe.deck"]
    async with services.acting(caller.principal) as connection:
        recsys = await _preferences(connection, caller.user_id)
        muted = _lowered(recsys.get("muted_genres"))
        given = recsys.get("preferred_genres")
        names = [str(name).strip() for name in given] if isinstance(given, list) else []
        genres = [name for name in names if name and name.lower() not in muted][:10]
        if not genres:
            return
        patterns = [f"%{name.replace(',', ' ')}%" for name in genres]
        pool = await connection.fetch(_POOL_SQL, request.kind, patterns, int(deck["seg_pop_pool_limit"]))
    seen = {row["media_item_id"] for row in rows} | excluded
    quota = max(5, min(40, int(deck["seg_pop_quota"])))
    for row in [row for row in pool if row["id"] not in seen][:quota]:
        own = _genre_tokens(row["omdb_genre"])
        match = next((name for name in genres if name.lower() in own), None)
        why = f"Popular in {match}" if match else "Popular in your preferred genres"
        rows.append({"media_item_id": row["id"], "source": "seg_pop", "why": why})


async def _without_muted(
    connection: asyncpg.Connection, user_id: str, rows: list[Candidate], size: DeckSize, settings: Snapshot
) -> list[Candidate]:
    """Drop muted genres, unless that would leave too few; then only from what segment popularity added.

    The application does this twice in a row, reads included.
    """
    deck = settings["ranking.swipe.deck"]
    if not deck["apply_muted_genres"]:
        return rows
    for _ in range(2):
        muted = _lowered((await _preferences(connection, user_id)).get("muted_genres"))
        if not muted:
            continue
        ids = list(dict.fromkeys(row["media_item_id"] for row in rows))[: int(deck["media_item_fetch_ids_cap"])]
        genres = {row["id"]: _genre_tokens(row["omdb_genre"]) for row in await connection.fetch(_GENRES_SQL, ids)}
        kept = [row for row in rows if not genres.get(row["media_item_id"], set()) & muted]
        if len(kept) < size.cards:
            kept = [
                row
                for row in rows
                if row.get("source") != "seg_pop" or not genres.get(row["media_item_id"], set()) & muted
            ]
        rows = kept
    return rows


async def _preferences(connection: asyncpg.Connection, user_id: str) -> dict[str, Any]:
    recsys = orjson.loads(await connection.fetchval(_PREFERENCES_SQL, user_id) or "{}")
    return recsys if isinstance(recsys, dict) else {}


def _lowered(names: Any) -> set[str]:
    return {str(name).strip().lower() for name in names} - {""} if isinstance(names, list) else set()


def _genre_tokens(text: str | None) -> set[str]:
    return _lowered((text or "").split(","))

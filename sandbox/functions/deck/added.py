"""What is added to the database's ranking, and what is taken out of it (contract 2.4, rows 7 to 13).

All of it best effort.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from sandbox.functions import js
from sandbox.functions.deck.candidates import BEST_EFFORT, Candidate, thresholds, titles
from sandbox.functions.deck.cards import names, poster
from sandbox.functions.deck.order import Traits, likeness, traits_of
from sandbox.functions.deck.request import DeckRequest, DeckSize
from sandbox.functions.gate import FunctionCaller
from sandbox.services import Services
from sandbox.settings import Snapshot

_DISLIKE_WINDOW = "14 days"
_NOT_INTERESTED_WINDOW = "30 days"
_CF_MODEL = "als_v1"
_CF_QUOTA = {"on_10": 10, "on_25": 25, "on_40": 40}
_CF_WHY = "Because people with similar taste liked this"
_PREFERRED_LIMIT = 10
_QUOTA_RANGE = (5, 40)
_WHY_DAYS, _WHY_EVENTS, _WHY_TITLES, _WHY_LIKENESS = 90, 200, 8, 0.28

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
_COUNTED_SQL = ", ".join(f"(select count(*) from ({sql}) r)" for sql in (_IMPRESSIONS, _DISLIKES, _INTERACTIONS))
_COUNTED_SQL = f"select {_COUNTED_SQL}, (select recsys::text from public.user_preferences where user_id = $1) as recsys"
_EXCLUDED_SQL = " union ".join(f"({sql})" for sql in (_IMPRESSIONS, _DISLIKES, _INTERACTIONS))
_PREFERENCES_SQL = "select recsys::text from public.user_preferences where user_id = $1"
_GENRES_SQL = "select id::text as id, omdb_genre from public.media_items where id = any($1::uuid[])"
# as text: a `real` has the figures that PostgREST shows, not those of the double nearest to it
_CF_SQL = """
select media_item_id::text as media_item_id, score::text as score from public.cf_recos
where user_id = $1 and model_version = $2 order by rank limit $3
"""
_POOL_SQL = """
select id::text as id, omdb_genre, omdb_poster, tmdb_poster_path, tmdb_backdrop_path, tmdb_popularity,
  tmdb_vote_average, tmdb_vote_count
from public.media_items
where ($1::text is null or kind::text = $1) and omdb_genre ilike any($2::text[])
order by tmdb_popularity desc nulls last limit $3
"""
_LIKED_SQL = """
select media_item_id::text as media_item_id from (
  select media_item_id, event_type, created_at, dwell_ms, rating_0_10, in_watchlist from public.media_events
  where user_id = $1 and created_at >= now() - make_interval(days => $2)
  order by created_at desc limit $3
) recent
where event_type = 'like' or (event_type = 'watchlist' and in_watchlist)
  or (event_type = 'rating' and rating_0_10 >= $4) or (event_type = 'dwell' and dwell_ms >= $5)
order by created_at desc
"""


@dataclass
class Enriched:
    """The candidates after additions and mutes; how many came from where."""

    rows: list[Candidate]
    cf_added: int = 0
    seg_pop_added: int = 0


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
) -> Enriched:
    """Everything between the deck function and the cards. rows: gets the additions."""
    enriched = Enriched(rows)
    quota = _CF_QUOTA.get(cf_variant, 0)
    recsys: Mapping[str, Any] = {}
    excluded: set[str] = set()
    try:
        async with services.acting(caller.principal) as connection:
            if quota:
                excluded = {str(row["media_item_id"]) for row in await connection.fetch(_EXCLUDED_SQL, caller.user_id)}
                recsys = await _preferences(connection, caller.user_id)
            else:
                recsys = _recsys((await connection.fetchrow(_COUNTED_SQL, caller.user_id))["recsys"])
    except BEST_EFFORT as error:
        services.note_swallowed("exclusions and preferences", error)
    muted = _lowered(recsys.get("mutedGenres"))
    try:
        if quota:
            enriched.cf_added = await _collaborative(services, caller, rows, excluded, quota)
            if cold and not enriched.cf_added:
                enriched.seg_pop_added = await _segment_popular(
                    services, caller, request, rows, excluded, recsys, muted, settings
                )
    except BEST_EFFORT as error:
        services.note_swallowed("added candidates", error)
    if muted and settings["ranking.swipe.deck"]["apply_muted_genres"]:
        try:
            enriched.rows = await _without_muted(services, caller, rows, size, muted, settings)
        except BEST_EFFORT as error:
            services.note_swallowed("muted genres", error)
    return enriched


async def explain(
    services: Services,
    caller: FunctionCaller,
    rows: list[Candidate],
    shown: Mapping[str, Mapping[str, Any]],
    settings: Snapshot,
) -> None:
    """Give collaborative rows the liked title that they are most like as their reason. shown: titles by id."""
    try:
        async with services.acting(caller.principal) as connection:
            found = await connection.fetch(_LIKED_SQL, caller.user_id, _WHY_DAYS, _WHY_EVENTS, *thresholds(settings))
    except BEST_EFFORT as error:
        services.note_swallowed("liked titles", error)
        return
    liked = list(dict.fromkeys(row["media_item_id"] for row in found))[:_WHY_TITLES]
    known = await titles(services, liked) if liked else {}
    seeds = [(_called(known[identifier]), _traits(known[identifier])) for identifier in liked if identifier in known]
    if not seeds:
        return
    for row in rows:
        title = shown.get(row["media_item_id"])
        if row.get("source") != "cf" or title is None:
            continue
        own = _traits(title)
        likest, called = max(((likeness(own, traits), called) for called, traits in seeds), key=lambda pair: pair[0])
        if likest >= _WHY_LIKENESS:
            row["why"] = f"Because you liked {called}"


def _called(title: Mapping[str, Any]) -> str:
    given = (title["omdb_title"], title["tmdb_title"], title["tmdb_name"])
    return next((name for name in given if name is not None), "something you liked")


def _traits(title: Mapping[str, Any]) -> Traits:
    return traits_of(names(title["omdb_genre"]), title["omdb_actors"], title["omdb_director"])


async def _collaborative(
    services: Services, caller: FunctionCaller, rows: list[Candidate], excluded: set[str], quota: int
) -> int:
    async with services.acting(services.service) as connection:
        found = await connection.fetch(_CF_SQL, caller.user_id, _CF_MODEL, quota)
    seen = {row["media_item_id"] for row in rows} | excluded
    fresh = [row for row in found if row["media_item_id"] not in seen]
    rows += [
        {
            "media_item_id": row["media_item_id"],
            "source": "cf",
            "why": _CF_WHY,
            "retrieval_score": None if row["score"] is None else float(row["score"]),
        }
        for row in fresh
    ]
    return len(fresh)


async def _segment_popular(
    services: Services,
    caller: FunctionCaller,
    request: DeckRequest,
    rows: list[Candidate],
    excluded: set[str],
    recsys: Mapping[str, Any],
    muted: set[str],
    settings: Snapshot,
) -> int:
    """Popular titles of the genres a newcomer chose."""
    deck = settings["ranking.swipe.deck"]
    given = recsys.get("preferredGenres")
    chosen = [js.trim(js.string(name)) for name in given] if isinstance(given, list) else []
    genres = [name for name in chosen if name and name.lower() not in muted][:_PREFERRED_LIMIT]
    if not genres or any(")" in name for name in genres):  # a parenthesis ends PostgREST's list of alternatives
        return 0
    patterns = [f"%{name.replace(',', ' ').replace('*', '%')}%" for name in genres]
    async with services.acting(caller.principal) as connection:
        pool = await connection.fetch(_POOL_SQL, request.kind, patterns, int(deck["seg_pop_pool_limit"]))
    seen = {row["media_item_id"] for row in rows} | excluded
    low, high = _QUOTA_RANGE
    quota = max(low, min(high, int(deck["seg_pop_quota"])))
    fresh = [row for row in pool if row["id"] not in seen and _pictured(row)][:quota]
    rows += [_popular(row, genres) for row in fresh]
    return len(fresh)


def _pictured(title: Mapping[str, Any]) -> bool:
    return bool(poster(title["omdb_poster"]) or title["tmdb_poster_path"] or title["tmdb_backdrop_path"])


def _popular(title: Mapping[str, Any], genres: list[str]) -> Candidate:
    own = {name.lower() for name in names(title["omdb_genre"])}
    match = next((name for name in genres if name.lower() in own), None)
    return {
        "media_item_id": title["id"],
        "source": "seg_pop",
        "why": f"Popular in {match}" if match else "Popular in your preferred genres",
        "popularity": title["tmdb_popularity"],
        "vote_average": title["tmdb_vote_average"],
        "vote_count": title["tmdb_vote_count"],
        "poster_path": title["tmdb_poster_path"],
        "backdrop_path": title["tmdb_backdrop_path"],
    }


async def _without_muted(
    services: Services,
    caller: FunctionCaller,
    rows: list[Candidate],
    size: DeckSize,
    muted: set[str],
    settings: Snapshot,
) -> list[Candidate]:
    """Drop muted genres, unless that would leave too few; then only from what segment popularity added.

    The application does so twice in a row; the second time changes nothing.
    """
    ids = list(dict.fromkeys(row["media_item_id"] for row in rows))
    ids = ids[: int(settings["ranking.swipe.deck"]["media_item_fetch_ids_cap"])]
    async with services.acting(caller.principal) as connection:
        found = await connection.fetch(_GENRES_SQL, ids)
    refused = {row["id"] for row in found if muted.intersection(name.lower() for name in names(row["omdb_genre"]))}
    kept = [row for row in rows if row["media_item_id"] not in refused]
    if len(kept) >= size.cards:
        return kept
    return [row for row in rows if row.get("source") != "seg_pop" or row["media_item_id"] not in refused]


async def _preferences(connection: asyncpg.Connection, user_id: str) -> Mapping[str, Any]:
    return _recsys(await connection.fetchval(_PREFERENCES_SQL, user_id))


def _recsys(text: str | None) -> Mapping[str, Any]:
    recsys = orjson.loads(text or "{}")
    return recsys if isinstance(recsys, dict) else {}


def _lowered(given: Any) -> set[str]:
    return {js.trim(js.string(name)).lower() for name in given} - {""} if isinstance(given, list) else set()

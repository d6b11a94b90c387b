"""What serving a deck leaves in the database: features, the request, impressions (contract 2.4, rows 18 to 20)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from sandbox.functions.deck import defects as deck_defects
from sandbox.functions.deck.cards import Card
from sandbox.functions.deck.request import DeckRequest
from sandbox.services import Services

_FEATURES_SQL = """
insert into public.media_rank_feature_items_v2
  (user_id, dedupe_key, rec_request_id, media_item_id, position, features)
select $1, r.dedupe_key, $2, r.media_item_id, r.position, r.features::jsonb
from unnest($3::text[], $4::uuid[], $5::integer[], $6::text[]) as r(dedupe_key, media_item_id, position, features)
on conflict (user_id, dedupe_key) do nothing
"""
_REQUEST_SQL = """
insert into public.rec_requests
  (rec_request_id, user_id, session_id, deck_id, mode, requested_mode, kind_filter, seed, "limit", source,
   request_context)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11::text::jsonb)
on conflict (rec_request_id) do update set request_context = excluded.request_context
"""
_IMPRESSIONS_SQL = """
insert into public.rec_impressions
  (rec_request_id, user_id, session_id, deck_id, media_item_id, position, source, dedupe_key, request_context)
select $1, $2, $3, $4, r.media_item_id, r.position, r.source, r.dedupe_key, $5::text::jsonb
from unnest($6::uuid[], $7::integer[], $8::text[], $9::text[]) as r(media_item_id, position, source, dedupe_key)
"""
_SOURCE = "media-swipe-deck"


@dataclass(frozen=True, slots=True)
class Served:
    """One deck reply as it was answered."""

    rec_request_id: str
    deck_id: str
    user_id: str
    request: DeckRequest
    mode: str
    seed: str
    limit: int
    variants: dict[str, str]
    cards: Sequence[Card]


async def write(services: Services, served: Served) -> None:
    """All three writes in one transaction; when that fails each by itself, and what still fails is swallowed."""
    writes = [(_FEATURES_SQL, _features(served)), (_REQUEST_SQL, _request(served))]
    if served.cards:
        writes.append((_IMPRESSIONS_SQL, _impressions(served)))
    writes = deck_defects.logged(services, writes, impressions=bool(served.cards))
    try:
        async with services.acting(services.service) as connection:
            for sql, arguments in writes:
                await connection.execute(sql, *arguments)
        return
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
        services.note_swallowed("deck log", error)
    for sql, arguments in writes:
        try:
            async with services.acting(services.service) as connection:
                await connection.execute(sql, *arguments)
        except Exception as error:
            services.note_swallowed("deck log", error)


def _context(served: Served) -> dict[str, Any]:
    return {
        "mode": served.mode,
        "requestedMode": served.request.mode,
        "kindFilter": served.request.kind,
        "seed": served.seed,
        "limit": served.limit,
        "experiments": served.variants,
    }


def _features(served: Served) -> tuple[Any, ...]:
    shared = {"mode": served.mode, "seed": served.seed, "experiments": served.variants}
    features = [
        orjson.dumps(
            {
                **shared,
                "source": card["source"],
                "why_len": len(card["why"] or ""),
                "friend_ids_count": len(card["friendIds"]),
                "kind": card["kind"],
                "release_year": card["releaseYear"],
                "runtime_minutes": card["runtimeMinutes"],
                "tmdb_vote_average": card["tmdbVoteAverage"],
                "tmdb_vote_count": card["tmdbVoteCount"],
                "tmdb_popularity": card["tmdbPopularity"],
                "completeness": card["completeness"],
            }
        ).decode()
        for card in served.cards
    ]
    keys, titles, positions, _ = _columns(served)
    return served.user_id, served.rec_request_id, keys, titles, positions, features


def _request(served: Served) -> tuple[Any, ...]:
    return (
        served.rec_request_id,
        served.user_id,
        served.request.session_id,
        served.deck_id,
        served.mode,
        served.request.mode,
        served.request.kind,
        served.seed,
        served.limit,
        _SOURCE,
        orjson.dumps(_context(served)).decode(),
    )


def _impressions(served: Served) -> tuple[Any, ...]:
    keys, titles, positions, sources = _columns(served)
    context = orjson.dumps(_context(served)).decode()
    return (
        served.rec_request_id,
        served.user_id,
        served.request.session_id,
        served.deck_id,
        context,
        titles,
        positions,
        sources,
        keys,
    )


def _columns(served: Served) -> tuple[list[str], list[str], list[int], list[str]]:
    """Served keys, title ids, positions and sources of the cards."""
    return (
        [card["dedupeKey"] for card in served.cards],
        [card["mediaItemId"] for card in served.cards],
        [card["position"] for card in served.cards],
        [card["source"] for card in served.cards],
    )

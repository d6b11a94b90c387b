"""What serving a deck leaves in the database: features, the request, impressions (contract 2.4, rows 18 to 20)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from sandbox.functions.deck import defects as deck_defects
from sandbox.functions.deck.cards import Card
from sandbox.functions.deck.request import DeckRequest
from sandbox.functions.deck.rerank import Rerank
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
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, null, $10::text::jsonb)
on conflict (rec_request_id) do update set request_context = excluded.request_context
"""
# The request's context is not repeated in them.
_IMPRESSIONS_SQL = """
insert into public.rec_impressions
  (rec_request_id, user_id, session_id, deck_id, media_item_id, position, source, dedupe_key)
select $1, $2, $3, $4, r.media_item_id, r.position, r.source, r.dedupe_key
from unnest($5::uuid[], $6::integer[], $7::text[], $8::text[]) as r(media_item_id, position, source, dedupe_key)
"""


@dataclass(frozen=True, slots=True)
class Steps:
    """Which experiments' arms a deck was made under, and what they did to it."""

    experiments: Mapping[str, str]
    cf_added: int
    seg_pop_added: int
    diversity_applied: bool
    mix_applied: bool
    blend_applied: bool

    def variant(self, key: str, default: str = "control") -> str:
        """The arm of one experiment."""
        return self.experiments.get(key, default)

    def logged(self) -> dict[str, Any]:
        """As requests and features both keep it."""
        return {
            "experiments": dict(self.experiments),
            "cf_variant": self.variant("swipe_cf_v1", "off"),
            "cf_added": self.cf_added,
            "seg_pop_added": self.seg_pop_added,
            "rerank_variant": self.variant("swipe_rerank_v1"),
            "diversity_variant": self.variant("swipe_diversity_v1"),
            "diversity_applied": self.diversity_applied,
            "mix_variant": self.variant("swipe_mix_v1"),
            "mix_applied": self.mix_applied,
            "blend_variant": self.variant("swipe_blend_v1"),
            "blend_applied": self.blend_applied,
        }


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
    steps: Steps
    rerank: Rerank
    cards: Sequence[Card]


async def write(services: Services, served: Served) -> None:
    """All three writes in one transaction; when that fails each by itself, and what still fails is swallowed."""
    made = [(_FEATURES_SQL, _features), (_REQUEST_SQL, _request)]
    if served.cards:
        made.append((_IMPRESSIONS_SQL, _impressions))
    made = deck_defects.logged(services, made, impressions=bool(served.cards))
    writes: list[tuple[str, tuple[Any, ...]]] = []
    for sql, arguments_of in made:
        try:
            writes.append((sql, arguments_of(served)))
        except (TypeError, ValueError) as error:  # half a surrogate pair, which no database takes
            services.note_swallowed("deck log", error)
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


def context(served: Served) -> dict[str, Any]:
    """What a request is remembered with. (pure)"""
    return {
        "mode": served.mode,
        "requestedMode": served.request.mode,
        "kindFilter": served.request.kind,
        "seed": served.seed,
        "limit": served.limit,
        **served.steps.logged(),
    }


def features(served: Served) -> list[dict[str, Any]]:
    """What each card is remembered with, for training. (pure)"""
    rerank = served.rerank
    shared = {
        **served.steps.logged(),
        "seed": served.seed,
        "rerank_enabled": rerank.enabled,
        "rerank_query_len": rerank.query_length,
        "rerank_top_k": rerank.top,
        "rerank_cache_status": rerank.cache_status,
    }
    return [
        {
            **shared,
            "why_len": len((card["why"] or "").encode("utf-16-le", "surrogatepass")) // 2,
            "friend_ids_count": len(card["friendIds"]),
            "kind": card["kind"],
            "release_year": card["releaseYear"],
            "runtime_minutes": card["runtimeMinutes"],
            "tmdb_vote_average": card["tmdbVoteAverage"],
            "tmdb_vote_count": card["tmdbVoteCount"],
            "tmdb_popularity": card["tmdbPopularity"],
            "completeness": card["completeness"],
        }
        for card in served.cards
    ]


def _features(served: Served) -> tuple[Any, ...]:
    keys, titles, positions, _ = _columns(served)
    written = [orjson.dumps(one).decode() for one in features(served)]
    return served.user_id, served.rec_request_id, keys, titles, positions, written


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
        orjson.dumps(context(served)).decode(),
    )


def _impressions(served: Served) -> tuple[Any, ...]:
    keys, titles, positions, sources = _columns(served)
    return (
        served.rec_request_id,
        served.user_id,
        served.request.session_id,
        served.deck_id,
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

"""What a deck leaves behind: the request's context, the cards' features, the impressions, key by key."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.answers_deck.conftest import SESSION, Swiper

CONTEXT: dict[str, Any] = {
    "mode": "trending",
    "requestedMode": "trending",
    "kindFilter": None,
    "seed": "s",
    "limit": 10,
    "experiments": {},
    "cf_variant": "off",
    "cf_added": 0,
    "seg_pop_added": 0,
    "rerank_variant": "control",
    "diversity_variant": "control",
    "diversity_applied": False,
    "mix_variant": "control",
    "mix_applied": False,
    "blend_variant": "control",
    "blend_applied": False,
}
OF_REQUEST = ("mode", "requestedMode", "kindFilter", "limit")
RERANK: dict[str, Any] = {
    "rerank_enabled": False,
    "rerank_query_len": 0,
    "rerank_top_k": 15,
    "rerank_cache_status": "disabled",
}


def features(card: dict[str, Any], context: dict[str, Any], **rerank: Any) -> dict[str, Any]:
    """What is kept of a card for training."""
    return {
        **{name: value for name, value in context.items() if name not in OF_REQUEST},
        **RERANK,
        **rerank,
        "why_len": len(card["why"]),
        "friend_ids_count": len(card["friendIds"]),
        "kind": card["kind"],
        "release_year": card["releaseYear"],
        "runtime_minutes": card["runtimeMinutes"],
        "tmdb_vote_average": card["tmdbVoteAverage"],
        "tmdb_vote_count": card["tmdbVoteCount"],
        "tmdb_popularity": card["tmdbPopularity"],
        "completeness": card["completeness"],
    }


@pytest.mark.parametrize(
    ("body", "context", "rerank"),
    [
        ({}, {}, {}),
        ({"limit": "4", "kindFilter": "series"}, {"limit": 4, "kindFilter": "series"}, {}),
        ({"seed": " x "}, {"seed": "x"}, {}),
        (
            {"mode": "combined", "experiments": {"swipe_mix_v1": "balanced", "swipe_blend_v1": "longtail"}},
            {
                "mode": "combined",
                "requestedMode": "combined",
                "experiments": {"swipe_mix_v1": "balanced", "swipe_blend_v1": "longtail"},
                "mix_variant": "balanced",
                "mix_applied": True,
                "blend_variant": "longtail",  # and not applied, as the mix is
            },
            {},
        ),
        (
            {"experiments": {"swipe_mix_v1": "balanced"}},
            {"experiments": {"swipe_mix_v1": "balanced"}, "mix_variant": "balanced"},  # one source: nothing to mix
            {},
        ),
        (
            {"experiments": {" swipe_blend_v1 ": " cf_boost "}},
            {"experiments": {"swipe_blend_v1": "cf_boost"}, "blend_variant": "cf_boost", "blend_applied": True},
            {},
        ),
        ({"diversify": True}, {"diversity_applied": True}, {}),
        (
            {"experiments": {"swipe_diversity_v1": "mmr"}},
            {"experiments": {"swipe_diversity_v1": "mmr"}, "diversity_variant": "mmr", "diversity_applied": True},
            {},
        ),
        ({"rerankQuery": " dark \U0001f600 "}, {}, {"rerank_query_len": 7, "rerank_top_k": 50}),
        (
            {"experiments": {"swipe_rerank_v1": "no_rerank", "swipe_cf_v1": "on_10"}},
            {
                "experiments": {"swipe_rerank_v1": "no_rerank", "swipe_cf_v1": "on_10"},
                "rerank_variant": "no_rerank",
                "cf_variant": "on_10",
            },
            {},
        ),
    ],
)
def test_what_is_kept_of_a_deck(
    swiper: Swiper, body: dict[str, Any], context: dict[str, Any], rerank: dict[str, Any]
) -> None:
    expected = {**CONTEXT, **context}
    deck = swiper.deck(**{"mode": "trending", **body})
    cards = deck["cards"]
    assert len(cards) == expected["limit"]
    if "rerank_top_k" in rerank:
        asked = len(cards) * 2
        rerank = {**rerank, "rerank_top_k": min(rerank["rerank_top_k"], asked)}
    elif expected["limit"] * 2 < RERANK["rerank_top_k"]:
        rerank = {**rerank, "rerank_top_k": expected["limit"] * 2}
    (request,) = swiper.kept("rec_requests", deck)
    assert request["request_context"] == expected
    assert request["source"] is None
    assert request["mode"] == expected["mode"]
    assert (request["user_id"], request["session_id"], request["deck_id"]) == (swiper.id, SESSION, deck["deckId"])
    kept = swiper.kept("media_rank_feature_items_v2", deck)
    assert [row["features"] for row in kept] == [features(card, expected, **rerank) for card in cards]
    assert [(row["dedupe_key"], row["labels"]) for row in kept] == [(card["dedupeKey"], []) for card in cards]


def test_impressions_carry_no_context_of_their_own(swiper: Swiper) -> None:
    """The request's row has it; the column in the impressions is left from before that row existed."""
    deck = swiper.deck(mode="combined")
    kept = swiper.kept("rec_impressions", deck)
    assert [row["dedupe_key"] for row in kept] == [card["dedupeKey"] for card in deck["cards"]]
    assert [row["source"] for row in kept] == [card["source"] for card in deck["cards"]]
    assert [row["media_item_id"] for row in kept] == [card["mediaItemId"] for card in deck["cards"]]
    assert {row["request_context"] for row in kept} == {None}
    assert {(row["session_id"], row["deck_id"]) for row in kept} == {(SESSION, deck["deckId"])}


@pytest.mark.parametrize("lost", ["rec_requests", "rec_impressions", "media_rank_feature_items_v2"])
def test_each_write_fails_by_itself(swiper: Swiper, lost: str) -> None:
    swiper.sql(f"alter table public.{lost} add constraint test_no check (user_id is null) not valid")
    try:
        deck = swiper.deck(mode="trending", limit=3)
    finally:
        swiper.sql(f"alter table public.{lost} drop constraint test_no")
    counts = {"rec_requests": 1, "rec_impressions": 3, "media_rank_feature_items_v2": 3, lost: 0}
    assert {table: len(swiper.kept(table, deck)) for table in counts} == counts


def test_an_experiment_that_cannot_be_written_costs_the_features_and_the_request(swiper: Swiper) -> None:
    """Half a surrogate pair: JSON to the edge runtime, not to the database."""
    body = b'{"sessionId": "%s", "limit": 2, "experiments": {"k": "\\ud800"}}' % SESSION.encode()
    swiper.forget()
    deck = swiper.person.raw("media-swipe-deck", body).json()
    assert len(deck["cards"]) == 2
    assert len(swiper.kept("rec_impressions", deck)) == 2
    assert not swiper.kept("rec_requests", deck)
    assert not swiper.kept("media_rank_feature_items_v2", deck)

"""Muted and preferred genres, as the application's settings page keeps them."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.sandbox.answers_deck.conftest import Swiper

COMBINED = {"mode": "combined", "limit": 6}


def genres(cards: list[dict[str, Any]]) -> set[str]:
    return {name for card in cards for name in card["genres"] or ()}


def rarest(swiper: Swiper) -> str:
    """A genre of this person's deck, and of so few of its cards that the deck can do without it."""
    counts: dict[str, int] = {}
    for card in swiper.cards(**COMBINED):
        for name in card["genres"] or ():
            counts[name] = counts.get(name, 0) + 1
    return min(counts, key=lambda name: counts[name])


@pytest.mark.parametrize("written", [str, str.lower, str.upper, lambda name: f"  {name} "])
def test_muted_genres_stay_away(swiper: Swiper, written: Any) -> None:
    rare = rarest(swiper)
    swiper.prefer({"mutedGenres": [written(rare), None, 5, ""]})
    cards = swiper.cards(**COMBINED)
    assert len(cards) == 6
    assert rare not in genres(cards)


def test_the_sandbox_s_own_names_of_old_mute_nothing(swiper: Swiper) -> None:
    swiper.prefer({})
    before = [card["mediaItemId"] for card in swiper.cards(**COMBINED)]
    swiper.prefer({"muted_genres": [rarest(swiper)], "preferred_genres": ["Drama"]})
    assert [card["mediaItemId"] for card in swiper.cards(**COMBINED)] == before


def test_a_deck_that_would_be_too_short_keeps_what_is_muted(swiper: Swiper) -> None:
    """In capitals, as the page writes them, only the function filters; the ranking's own filter has no mercy."""
    swiper.prefer({})
    everything = sorted(genres(swiper.cards(mode="trending", limit=60)))
    swiper.prefer({"mutedGenres": everything})
    assert len(swiper.cards(mode="trending", limit=6)) == 6


def test_muted_in_small_letters_leaves_the_popular_list(swiper: Swiper) -> None:
    everything = genres(swiper.cards(mode="trending", limit=60)) | genres(swiper.cards(mode="combined", limit=60))
    swiper.prefer({"mutedGenres": [name.lower() for name in everything]})
    cards = swiper.cards(mode="trending", limit=6)
    assert {(card["source"], card["why"]) for card in cards} <= {
        ("popular", "Popular picks"),
        ("trending", "Trending on MoviNesta"),
    }


@pytest.mark.parametrize("kept", ["Drama", {}, 5, True])
def test_what_is_no_list_breaks_the_ranking(swiper: Swiper, kept: Any) -> None:
    swiper.prefer({"mutedGenres": kept})
    swiper.forget()
    reply = swiper.person.call("media-swipe-deck", {"sessionId": str(uuid.uuid4()), "limit": 3})
    assert (reply.status_code, reply.json()["code"]) == (500, "RPC_FAILED")
    assert reply.json()["message"].startswith("cannot ")


@pytest.mark.parametrize("recsys", [{}, [], {"mutedGenres": []}, {"preferredGenres": "Drama"}])
def test_nothing_muted(swiper: Swiper, recsys: Any) -> None:
    swiper.prefer(recsys)
    assert len(swiper.cards(**COMBINED)) == 6

"""What becomes of a title on a card, as observed of the real function, with every key in its order."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.sandbox.answers_deck.conftest import Swiper, recorded

CARDS = recorded("cards.json")
SHOWN = next(case["card"] for case in CARDS if case["card"])
KEYS = ["mediaItemId", *SHOWN, "position", "dedupeKey"]
_numbers = itertools.count(900_000)


@pytest.fixture
def title(swiper: Swiper) -> Iterator[Callable[..., str]]:
    """Makes a title that trends above all others, for this test alone; its id."""
    made: list[str] = []

    def make(**columns: Any) -> str:
        made.append(_title(swiper, columns))
        return made[-1]

    yield make
    swiper.sql("delete from public.media_items where id = any($1::uuid[])", made)


def _title(swiper: Swiper, columns: dict[str, Any]) -> str:
    number = next(_numbers)
    row = {"id": str(uuid.uuid4()), "kind": "movie", "tmdb_id": number, **columns}
    names = ", ".join(row)
    swiper.sql(
        f"insert into public.media_items ({names}) select {names}"
        " from jsonb_populate_record(null::public.media_items, $1::text::jsonb)",
        json.dumps(row),
    )
    swiper.sql(
        "insert into public.media_trending_scores (media_item_id, score_72h, computed_at) values ($1, $2, now())",
        uuid.UUID(row["id"]),
        float(number),
    )
    return str(row["id"])


@pytest.mark.parametrize("case", CARDS, ids=lambda case: json.dumps(case["title"])[:60])
def test_a_title_becomes_the_observed_card(swiper: Swiper, title: Callable[..., str], case: dict[str, Any]) -> None:
    identifier = title(**case["title"])
    cards = {card["mediaItemId"]: card for card in swiper.cards(mode="trending", limit=60)}
    if case["card"] is None:
        assert identifier not in cards
        return
    card = cards[identifier]
    assert list(card) == KEYS
    assert {name: card[name] for name in case["card"]} == case["card"]


def test_without_the_titles_own_row_the_ranking_s_word_is_shown(swiper: Swiper) -> None:
    """Half of a card comes with the ranking, half from the title: the second half may fail."""
    swiper.sql("revoke select on public.media_items from service_role")
    try:
        cards = swiper.cards(mode="trending", limit=5)
    finally:
        swiper.sql("grant select on public.media_items to service_role")
    assert len(cards) == 5
    for card in cards:
        assert card["posterUrl"] == f"https://image.tmdb.org/t/p/w500{card['tmdbPosterPath']}"
        assert card["title"]
        assert card["tmdbPopularity"] is not None
        assert (card["overview"], card["genres"], card["imdbRating"], card["releaseYear"]) == (None,) * 4


def test_friends_cards_say_whose_they_are_even_when_nobody_may_be_seen(swiper: Swiper) -> None:
    cards = swiper.cards(mode="friends", limit=20)
    of_friends = [card for card in cards if card["source"] == "friends"]
    assert of_friends
    for card in of_friends:
        assert card["friendIds"]
        assert card["friendProfiles"] == []
        assert list(card) == [*KEYS[:-2], "friendProfiles", *KEYS[-2:]]
        assert card["why"] == "Recommended by friends"
    assert all("friendProfiles" not in card for card in cards if card["source"] != "friends")


def test_a_friend_who_may_be_seen_is_shown(swiper: Swiper, title: Callable[..., str]) -> None:
    """Row-level security shows people their own profile only; whoever follows themselves sees a friend."""
    identifier = title(omdb_poster="x")
    me = uuid.UUID(swiper.id)
    swiper.sql("delete from public.follows where follower_id = $1", me)
    swiper.sql("insert into public.follows (follower_id, followed_id) values ($1, $1)", me)
    swiper.sql(
        "insert into public.media_events (user_id, session_id, media_item_id, event_type, dedupe_key)"
        " values ($1, $1, $2, 'like', $3)",
        me,
        uuid.UUID(identifier),
        identifier,
    )
    card = next(card for card in swiper.cards(mode="friends", limit=60) if card["mediaItemId"] == identifier)
    assert card["friendIds"] == [swiper.id]
    assert [list(profile) for profile in card["friendProfiles"]] == [["id", "display_name", "username", "avatar_url"]]
    assert card["friendProfiles"][0]["id"] == swiper.id


def test_scores_are_null_but_for_collaborative_cards(swiper: Swiper) -> None:
    for mode in ("combined", "for_you", "friends", "trending"):
        assert {card["retrieval_score"] for card in swiper.cards(mode=mode, limit=30)} == {None}


def test_rest_says_rotten_tomatoes_as_text(swiper: Swiper) -> None:
    reply = swiper.person.client.get(
        "/rest/v1/media_items?select=omdb_rating_rotten_tomatoes&omdb_rating_rotten_tomatoes=not.is.null&limit=3",
        headers=swiper.person.headers,
    )
    assert all(str(row["omdb_rating_rotten_tomatoes"]).endswith("%") for row in reply.json())
    assert len(reply.json()) == 3

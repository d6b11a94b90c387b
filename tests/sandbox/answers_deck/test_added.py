"""What experiments add to a deck: titles that similar people liked, and a newcomer's popular genres."""

from __future__ import annotations

import uuid
from typing import Any

from tests.sandbox.answers_deck.conftest import Swiper

# Few enough that the deck is not full before what is added to its end.
FEW = {"mode": "trending", "kindFilter": "anime", "limit": 60}
UNLIKE = "Because people with similar taste liked this"


def recommend(swiper: Swiper, count: int) -> dict[str, float]:
    """Collaborative recommendations of titles that nobody has met; scores by title."""
    me = uuid.UUID(swiper.id)
    swiper.sql("delete from public.cf_recos where user_id = $1", me)
    found = swiper.sql(
        "select id from public.media_items m where not exists (select 1 from public.media_events e"
        " where e.user_id = $1 and e.media_item_id = m.id) order by tmdb_popularity limit $2",
        me,
        count,
    )
    scores = {}
    for rank, row in enumerate(found):
        scores[str(row["id"])] = round(1.9 - 0.15 * rank, 2)
        swiper.sql(
            "insert into public.cf_recos (user_id, media_item_id, score, rank) values ($1, $2, $3, $4)",
            me,
            row["id"],
            scores[str(row["id"])],
            rank,
        )
    return scores


def added(cards: list[dict[str, Any]], source: str) -> list[dict[str, Any]]:
    return [card for card in cards if card["source"] == source]


def test_collaborative_cards_have_their_score_and_nothing_of_tmdb(swiper: Swiper) -> None:
    scores = recommend(swiper, 14)
    deck = swiper.deck(**FEW, experiments={"swipe_cf_v1": "on_10"})
    cards = added(deck["cards"], "cf")
    assert 0 < len(cards) <= 10
    for card in cards:
        assert card["retrieval_score"] == scores[card["mediaItemId"]]
        assert [card[name] for name in ("tmdbVoteAverage", "tmdbVoteCount", "tmdbPopularity", "completeness")] == [
            None
        ] * 4
        assert card["tmdbPosterPath"]
        assert card["why"] == UNLIKE or card["why"].startswith("Because you liked ")
    (request,) = swiper.kept("rec_requests", deck)
    assert request["request_context"]["cf_added"] == len(cards)


def test_the_reason_is_the_liked_title_that_is_most_alike(swiper: Swiper) -> None:
    (identifier,) = recommend(swiper, 1)
    me = uuid.UUID(swiper.id)
    twin, other = swiper.sql(
        "select id from public.media_items where id <> $1 order by tmdb_popularity desc limit 2", uuid.UUID(identifier)
    )
    traits = "omdb_genre = 'Oddity, Drama', omdb_actors = 'Ann Lee, Bo Kim', omdb_director = 'Cy Day'"
    swiper.sql(f"update public.media_items set {traits} where id = any($1)", [uuid.UUID(identifier), twin["id"]])
    swiper.sql("update public.media_items set omdb_title = 'The Twin' where id = $1", twin["id"])
    swiper.sql("delete from public.media_events where user_id = $1", me)
    for title in (twin["id"], other["id"]):
        swiper.sql(
            "insert into public.media_events (user_id, session_id, media_item_id, event_type, dedupe_key)"
            " values ($1, $1, $2, 'like', $3)",
            me,
            title,
            str(title),
        )
    cards = swiper.cards(**FEW, experiments={"swipe_cf_v1": "on_10"})
    (card,) = added(cards, "cf")
    assert (card["mediaItemId"], card["why"]) == (identifier, "Because you liked The Twin")


def test_without_the_experiment_nothing_is_added(swiper: Swiper) -> None:
    recommend(swiper, 14)
    for variant in ("off", "on_11", ""):
        assert not added(swiper.cards(**FEW, experiments={"swipe_cf_v1": variant}), "cf")


def test_what_was_met_before_is_not_recommended(swiper: Swiper) -> None:
    scores = recommend(swiper, 5)
    me = uuid.UUID(swiper.id)
    for number, (kind, days, payload) in enumerate(
        [("like", 300, None), ("dislike", 13, None), ("dislike", 29, '{"action": "hide"}'), ("impression", 1, None)]
    ):
        swiper.sql(
            "insert into public.media_events (user_id, session_id, media_item_id, event_type, dedupe_key, payload,"
            " created_at) values ($1, $1, $2, $3::text::public.media_event_type, $4, $5::text::jsonb,"
            " now() - make_interval(days => $6))",
            me,
            uuid.UUID(list(scores)[number]),
            kind,
            str(number),
            payload,
            days,
        )
    cards = swiper.cards(**FEW, experiments={"swipe_cf_v1": "on_10"})
    assert {card["mediaItemId"] for card in added(cards, "cf")} == set(list(scores)[3:])


def test_a_newcomer_gets_popular_titles_of_the_preferred_genres(swiper: Swiper) -> None:
    me = uuid.UUID(swiper.id)
    swiper.sql("delete from public.cf_recos where user_id = $1", me)
    swiper.sql("delete from public.media_events where user_id = $1", me)
    common = swiper.cards(mode="trending", limit=1)[0]["genres"][0]
    swiper.prefer({"preferredGenres": [common, "Nowhere"], "mutedGenres": ["nowhere"]})
    deck = swiper.deck(mode="for_you", limit=60, experiments={"swipe_cf_v1": "on_25"})
    (request,) = swiper.kept("rec_requests", deck)
    context = request["request_context"]
    assert (context["mode"], context["cf_added"]) == ("combined", 0)
    cards = added(deck["cards"], "seg_pop")
    assert context["seg_pop_added"] >= len(cards)
    for card in cards:
        assert (card["why"], card["retrieval_score"], card["completeness"]) == (f"Popular in {common}", None, None)
        assert card["tmdbPopularity"] is not None


def test_a_parenthesis_in_a_genre_ends_the_search_for_popular_titles(swiper: Swiper) -> None:
    me = uuid.UUID(swiper.id)
    swiper.sql("delete from public.media_events where user_id = $1", me)
    swiper.prefer({"preferredGenres": ["Drama", "Drama (new)"]})
    deck = swiper.deck(mode="for_you", limit=10, experiments={"swipe_cf_v1": "on_25"})
    (request,) = swiper.kept("rec_requests", deck)
    assert request["request_context"]["seg_pop_added"] == 0

"""Reordering a deck without dropping cards, behind experiments (contract 2.1): blend, source mix, diversity. (pure)

Each says whether it was applied, because the deck's log keeps that; an order that happens to come out the same counts.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sandbox.functions import js
from sandbox.functions.deck.cards import Card, names

CONTROL = "control"
DIVERSITY_TOP = 40
DIVERSITY_LAMBDA = 0.72
_POPULAR = 250.0  # TMDb's popularity that counts as full
_GENRES, _ACTORS, _DIRECTOR = 0.5, 0.3, 0.2
_SOURCES = ("for_you", "friends", "trending", "combined", "cf", "seg_pop")
_EMPHASIS: dict[str, dict[str, float]] = {
    "trending_heavy": {"trending": 3.0},
    "friends_heavy": {"friends": 3.0},
    "for_you_heavy": {"for_you": 3.0, "combined": 2.0},
}
_NUDGES: dict[str, dict[str, float]] = {
    "cf_boost": {"cf": 1.35},
    "friends_boost": {"friends": 1.35},
    "source_weighted": {"for_you": 1.10, "friends": 1.08, "cf": 1.12},
}


class Ordered(NamedTuple):
    """A deck and whether the step that made it applied."""

    cards: list[Card]
    applied: bool


def blend(cards: Sequence[Card], variant: str, settings: Mapping[str, Any]) -> Ordered:
    """By a score of place, votes, popularity and retrieval score, times the source's factor. Ties keep their order.

    settings: `ranking.swipe.blend`. `longtail` turns popularity round; a variant that nobody knows blends plainly.
    """
    if variant == CONTROL or not cards or not settings["enabled"]:
        return Ordered(list(cards), False)
    given = settings["weights"]
    weights = [float(given[name]) for name in ("position", "popularity", "vote_avg", "cf_score")]
    total = max(0.0001, sum(weights))
    by_place, by_popularity, by_vote, by_retrieval = (weight / total for weight in weights)
    factors = {source: float(factor) for source, factor in settings["source_multipliers"].items()}
    for source, nudge in _NUDGES.get(variant, {}).items():
        factors[source] *= nudge
    last = len(cards) - 1
    scores = []
    for place, card in enumerate(cards):
        popularity = _unit((card["tmdbPopularity"] or 0) / _POPULAR)
        if variant == "longtail":
            popularity = 1 - popularity
        score = (
            by_place * (1 - place / last if last else 1.0)
            + by_vote * _unit((card["tmdbVoteAverage"] or 0) / 10)
            + by_popularity * popularity
            + by_retrieval * _unit(1 - math.exp(-abs(card["retrieval_score"] or 0)))
        )
        scores.append(score * factors.get(_source(card), factors["other"]))
    order = sorted(range(len(cards)), key=lambda place: -scores[place])
    return Ordered([cards[place] for place in order], True)


def mix(cards: Sequence[Card], variant: str) -> Ordered:
    """Interleave the sources so that each prefix of the deck comes close to the variant's shares.

    Within a source the order stays. `control` and a deck of one source stay as they are.
    """
    if variant == CONTROL or not cards:
        return Ordered(list(cards), False)
    queues: dict[str, deque[Card]] = {}
    for card in cards:
        source = _source(card)
        queues.setdefault(source if source in _SOURCES else "other", deque()).append(card)
    if len(queues) <= 1:
        return Ordered(list(cards), False)
    weights = {source: _EMPHASIS.get(variant, {}).get(source, 1.0) for source in queues}
    total = sum(weights.values())
    taken = dict.fromkeys(queues, 0)
    mixed: list[Card] = []
    while len(mixed) < len(cards):
        served = max(1, len(mixed))
        source = max(
            (name for name, queue in queues.items() if queue),
            key=lambda name: weights[name] / total - taken[name] / served,
        )
        mixed.append(queues[source].popleft())
        taken[source] += 1
    return Ordered(mixed, True)


def diversify(cards: Sequence[Card], top: int = DIVERSITY_TOP, weight: float = DIVERSITY_LAMBDA) -> list[Card]:
    """Maximal marginal relevance over the first cards: rank against likeness to what was already picked."""
    if len(cards) <= 2:
        return list(cards)
    head = list(cards[:top])
    count = len(head)
    traits = [traits_of(card["genres"] or (), card["actors"], card["director"]) for card in head]
    rank = [(count - place) / count for place in range(count)]
    worst = [0.0] * count
    left = list(range(1, count))
    picked = [0]
    while left:
        for place in left:
            worst[place] = max(worst[place], likeness(traits[place], traits[picked[-1]]))
        best = max(left, key=lambda place: weight * rank[place] - (1 - weight) * worst[place])
        left.remove(best)
        picked.append(best)
    return [head[place] for place in picked] + list(cards[top:])


class Traits(NamedTuple):
    """What the likeness of two titles is made of."""

    genres: frozenset[str]
    actors: frozenset[str]
    director: str


def traits_of(genres: Sequence[str], actors: str | None, director: str | None) -> Traits:
    """actors: their names with commas between; director: as one name, whoever is in it."""
    return Traits(
        frozenset(genre.lower() for genre in genres),
        frozenset(name.lower() for name in names(actors)),
        js.trim(director or "").lower(),
    )


def likeness(one: Traits, other: Traits) -> float:
    """0 to 1: half the genres, a third of it the actors, the rest whether the director is the same."""
    same_director = 1.0 if one.director and one.director == other.director else 0.0
    return (
        _GENRES * _jaccard(one.genres, other.genres)
        + _ACTORS * _jaccard(one.actors, other.actors)
        + _DIRECTOR * same_director
    )


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    both = len(one & other)
    return both / (len(one) + len(other) - both) if both else 0.0


def _source(card: Card) -> str:
    return js.trim(str(card["source"])) or "other"


def _unit(value: float) -> float:
    return max(0.0, min(1.0, value))

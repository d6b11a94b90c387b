"""Reordering a deck without dropping cards: source mix and diversity, both behind experiments (contract 2.1). (pure)"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from sandbox.functions.deck.cards import Card

DIVERSITY_TOP = 40
DIVERSITY_LAMBDA = 0.72
_SOURCES = ("for_you", "friends", "trending", "combined", "cf", "seg_pop")
_EMPHASIS: dict[str, dict[str, float]] = {
    "trending_heavy": {"trending": 3.0},
    "friends_heavy": {"friends": 3.0},
    "for_you_heavy": {"for_you": 3.0, "combined": 2.0},
}


def mix(cards: Sequence[Card], variant: str) -> list[Card]:
    """Interleave the sources so that each prefix of the deck comes close to the variant's shares.

    Within a source the order stays. `control` leaves the deck as it is.
    """
    if variant == "control" or not cards:
        return list(cards)
    queues: dict[str, deque[Card]] = {}
    for card in cards:
        source = str(card["source"])
        queues.setdefault(source if source in _SOURCES else "other", deque()).append(card)
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
    return mixed


def diversify(cards: Sequence[Card], top: int = DIVERSITY_TOP, weight: float = DIVERSITY_LAMBDA) -> list[Card]:
    """Maximal marginal relevance over the first cards: rank against likeness to what was already picked."""
    head = list(cards[:top])
    traits = {id(card): _traits(card) for card in head}
    rank = {id(card): 1 - place / max(1, len(head)) for place, card in enumerate(head)}
    worst = dict.fromkeys(rank, 0.0)
    picked: list[Card] = []
    while head:
        best = max(head, key=lambda card: weight * rank[id(card)] - (1 - weight) * worst[id(card)])
        head.remove(best)
        picked.append(best)
        for card in head:
            worst[id(card)] = max(worst[id(card)], _likeness(traits[id(card)], traits[id(best)]))
    return picked + list(cards[top:])


def _traits(card: Card) -> frozenset[str]:
    names = [f"g:{genre.lower()}" for genre in card["genres"] or ()]
    names += [f"a:{actor.strip().lower()}" for actor in (card["actors"] or "").split(",") if actor.strip()]
    names += [f"d:{name.strip().lower()}" for name in (card["director"] or "").split(",") if name.strip()]
    return frozenset(names)


def _likeness(one: frozenset[str], other: frozenset[str]) -> float:
    both = len(one & other)
    return both / (len(one) + len(other) - both) if both else 0.0

"""Seeded defects of media-swipe-deck: cards, their owner, what is remembered of them, its connections."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg

from sandbox.functions.deck.cards import Card
from sandbox.services import PoolExhausted, Services

_PROVIDER_WAIT_S = 5.0


def repeated(services: Services, cards: list[Card]) -> None:
    """`deck_repeat_one_in`: the second card becomes the first one's title."""
    if len(cards) > 1 and services.turn("deck_repeat_one_in"):
        cards[1] = cards[0].copy()


async def provider_asked(services: Services) -> None:
    """`assistant_death_stops_deck`. :raises ProviderFailed: it is dead, or does not answer."""
    if services.switches.assistant_death_stops_deck and services.provider is not None:
        await services.provider.models(_PROVIDER_WAIT_S)


def exchanged(services: Services, made: dict[str, Any]) -> dict[str, Any]:
    """`deck_foreign_one_in`: every n-th caller gets the reply made for the caller before. And its
    connections: `pool_hold_ms`, `connection_leak_one_in`."""
    if services.switches.pool_hold_ms:
        services.background.spawn(_hold(services))
    if services.turn("connection_leak_one_in"):
        services.background.spawn(_leak(services))
    before, services.last_deck = services.last_deck, made
    return before if before is not None and services.turn("deck_foreign_one_in") else made


async def _hold(services: Services) -> None:
    try:
        async with services.connection():
            await asyncio.sleep(services.switches.pool_hold_ms / 1000)
    except PoolExhausted:
        pass


async def _leak(services: Services) -> None:
    """Until the server has none left: what it refuses then is swallowed."""
    services.leaked.append(
        await asyncpg.connect(services.dsn, server_settings={"application_name": "media-swipe-deck"})
    )


def logged(services: Services, writes: list[Any], *, impressions: bool) -> list[Any]:
    """The statements of a deck's log (features, request, impressions) without those a switch takes away."""
    lost = (
        services.turn("deck_features_lost_one_in"),
        services.turn("deck_request_lost_one_in"),
        services.turn("deck_impressions_lost_one_in"),
    )
    kept = [write for write, gone in zip(writes, lost, strict=False) if not gone]
    if impressions and services.turn("deck_impressions_doubled_one_in"):
        kept.append(writes[-1])
    return kept

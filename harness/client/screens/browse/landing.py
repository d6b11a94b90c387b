"""The landing page, `/search` before anything was typed (contract 2.6, 10.1 row 6)."""

from __future__ import annotations

import asyncio

from harness.client.api import retry, shapes
from harness.client.api.calls import LANDING_DECK, LANDING_TITLES
from harness.client.api.shapes import Card
from harness.client.cache.queries import CachedQuery, Fetched
from harness.client.cache.query_cache import LANDING_DECK as LANDING_RULES
from harness.client.device import Device
from harness.client.screens.browse.decks import base_seed, fetch_deck
from harness.client.screens.browse.feed import friends_watching
from harness.client.screens.browse.suggestions import show_suggestions
from harness.client.screens.screen import Screen
from harness.core.outcome import Outcome

TRENDING = 10


class Landing(Screen):
    """One visit to it."""

    name = "landing"

    async def open(self) -> bool:
        """From arriving to what is trending and what friends watch; whether both came."""
        phone = self.phone
        self.opens()
        show_suggestions(self, "search")
        with phone.notes.operation("landing") as operation:
            trending = trending_now(phone)
            self.mount(trending)
            friends = await self.show(friends_watching(phone))
            good = operation.ends((await phone.page.queries.settled(trending)).outcome)
            return operation.ends(friends.outcome) and good


def trending_now(phone: Device) -> CachedQuery[int]:
    """What is trending: a deck, tried twice; the most popular titles of the table when there is none. How many."""
    return CachedQuery(("trending", phone.user_id, str(TRENDING)), lambda: _trending(phone), LANDING_RULES)


async def _trending(phone: Device) -> Fetched[int]:
    """The deck may fail or be empty; a table read in its place is what the person sees then (contract 2.6)."""
    deck = await _deck(phone)
    for delay in retry.query_delays(landing_deck=True):
        if deck.outcome.good:
            break
        await asyncio.sleep(delay)
        deck = await _deck(phone)
    if deck.value:
        return Fetched(Outcome.OK, len(deck.value))
    return Fetched.of(await phone.api.request(LANDING_TITLES), shapes.rows)


async def _deck(phone: Device) -> Fetched[list[Card]]:
    return await fetch_deck(phone, LANDING_DECK, "trending", TRENDING, base_seed(phone, "trending"))

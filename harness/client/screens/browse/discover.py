"""What `/search` shows around its field, all of it whether or not something is typed (contract 2.6, 10.1 row 6).

The landing page and the search screen are one route of the app. Whenever it is opened anew all of its reads go out
again, however young the remembered ones are: so it was observed. While it stays open each keeps its own stale time.
"""

from __future__ import annotations

import asyncio
from typing import Any

from harness.client.api.calls import (
    LANDING_DECK,
    LANDING_TITLES,
    LIST_ITEMS,
    PROFILE_CARDS,
    PUBLIC_LISTS,
    TRENDING_MEDIA,
    TRENDING_TITLES,
)
from harness.client.cache.queries import CachedQuery, Fetched
from harness.client.cache.query_cache import LANDING_DECK as LANDING_RULES
from harness.client.cache.query_cache import Rules
from harness.client.device import Device
from harness.client.screens.browse.decks import base_seed, fetch_deck
from harness.client.screens.browse.feed import friends_watching
from harness.client.screens.browse.suggested_people import suggested_people
from harness.client.screens.reading import AGAIN_AFTER_S, joined, rows, texts
from harness.core.outcome import Outcome

TRENDING = 10
TRENDING_SHOWN = 40
"""Titles of the trending view whose rows are asked for, at most."""
LISTS = Rules(stale_s=600.0)


class SearchRoute:
    """The route as one page holds it; use `SearchRoute.of(phone)`. Landing page and search screen share it."""

    def __init__(self, phone: Device) -> None:
        self._phone = phone
        self._screens = 0
        self._visit = 0
        self._shown: list[CachedQuery[Any]] = []

    @classmethod
    def of(cls, phone: Device) -> SearchRoute:
        """This page's."""
        return phone.page.of(cls, lambda: cls(phone))

    def enter(self) -> None:
        """A screen of the route opens; only the first one asks for anything."""
        self._screens += 1
        if self._screens == 1:
            self._visit += 1
            self._shown = [
                suggested_people(self._phone, self._visit),
                self.trending,
                self.friends_watching,
                public_lists(self._phone, self._visit),
            ]
            for query in self._shown:
                self._phone.page.queries.mount(query)

    def leave(self) -> None:
        """A screen of the route is left."""
        self._screens -= 1
        if self._screens == 0:
            for query in self._shown:
                self._phone.page.queries.unmount(query)
            self._shown = []

    @property
    def trending(self) -> CachedQuery[int]:
        """What is trending, as this visit reads it."""
        return trending_now(self._phone, self._visit)

    @property
    def friends_watching(self) -> CachedQuery[int]:
        """What friends watch, likewise."""
        return friends_watching(self._phone, self._visit)


def trending_now(phone: Device, visit: int = 0) -> CachedQuery[int]:
    """What is trending: a deck; titles of the catalogue when there is none. How many."""
    return CachedQuery(
        ("search", "trending", str(visit), phone.user_id, str(TRENDING)), lambda: _trending(phone), LANDING_RULES
    )


async def _trending(phone: Device) -> Fetched[int]:
    """The deck may fail or be empty; reads of the catalogue at once in its place are what the person sees then. None of
    them fails the whole, so nothing is ever tried again."""
    deck = await fetch_deck(phone, LANDING_DECK, "trending", TRENDING, base_seed(phone, "trending"))
    return Fetched(Outcome.OK, len(deck.value) if deck.value else await _catalogue(phone))


async def _catalogue(phone: Device) -> int:
    """Titles of the trending view; when it has none or cannot be had, the most popular ones of the table. How many."""
    trending = await rows(phone, TRENDING_TITLES)
    ids = texts(trending.value or (), "media_item_id")[:TRENDING_SHOWN]
    if ids:
        titles = await rows(phone, TRENDING_MEDIA, joined(ids), str(len(ids)))
        if titles.value:
            return min(TRENDING, len(titles.value))
    return len((await rows(phone, LANDING_TITLES)).value or ())


def public_lists(phone: Device, visit: int) -> CachedQuery[int]:
    """The newest public lists, then at once their owners and their first titles. How many lists."""

    async def fetch() -> Fetched[int]:
        lists = await rows(phone, PUBLIC_LISTS)
        if lists.value is None:
            return Fetched(lists.outcome)
        owners, items = await asyncio.gather(
            rows(phone, PROFILE_CARDS, joined(texts(lists.value, "user_id"))),
            rows(phone, LIST_ITEMS, joined(texts(lists.value, "id"))),
        )
        for fetched in (owners, items):
            if fetched.value is None:
                return Fetched(fetched.outcome)
        return Fetched(Outcome.OK, len(lists.value))

    return CachedQuery(("search", "lists", str(visit)), fetch, LISTS, again_after_s=AGAIN_AFTER_S)

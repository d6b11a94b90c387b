"""The home screen (contract 2.6, 4, 10.2)."""

from __future__ import annotations

from harness.client.api.calls import HOME_DECK
from harness.client.cache.queries import CachedQuery, Fetched
from harness.client.cache.query_cache import HOME_DECK as DECK_RULES
from harness.client.device import Device
from harness.client.screens.browse.decks import base_seed, fetch_deck
from harness.client.screens.browse.feed import FeedPage, first_page, home_feed
from harness.client.screens.browse.suggestions import show_suggestions
from harness.client.screens.screen import Screen
from harness.core.actions import UserAction

DECK = 60


def home_deck(phone: Device) -> CachedQuery[int]:
    """The titles for you, with a seed that never changes; how many came."""

    async def fetch() -> Fetched[int]:
        deck = await fetch_deck(phone, HOME_DECK, "combined", DECK, base_seed(phone, "combined"))
        return Fetched(deck.outcome, None if deck.value is None else len(deck.value))

    return CachedQuery(("home_deck", phone.user_id), fetch, DECK_RULES)


class Home(Screen):
    """One visit to the home screen: titles for you above, what friends did below."""

    name = "home"

    def __init__(self, phone: Device) -> None:
        super().__init__(phone)
        self._page: FeedPage | None = None

    async def open(self) -> FeedPage | None:
        """From tapping the tab to rows of the feed on screen; None when they did not come."""
        phone = self.phone
        self.opens()
        show_suggestions(self, "home")
        self.mount(home_deck(phone))
        with phone.notes.operation("home_feed") as operation:
            fetched = await self.show(first_page(phone))
            operation.ends(fetched.outcome)
        self._page = fetched.value
        return self._page

    async def more(self) -> FeedPage | None:
        """Scroll to the end: the next page; None when there is none or it did not come."""
        if self._page is None or self._page.next is None:
            return None
        self.phone.notes.did(UserAction.MORE)
        self._page = await home_feed(self.phone, self._page.next)
        return self._page

    async def titles_for_you(self) -> bool:
        """Wait for the deck above the feed; an operation of its own. Whether it came."""
        with self.phone.notes.operation("home_deck") as operation:
            return operation.ends((await self.phone.page.queries.settled(home_deck(self.phone))).outcome)

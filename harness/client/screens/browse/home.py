"""The home screen (contract 2.6, 4, 10.2)."""

from __future__ import annotations

from dataclasses import dataclass

from harness.client.api import shapes
from harness.client.api.call import Call
from harness.client.api.calls import HERO_DETAILS, HOME_DECK, RECENT_WATCHED, SEED_TITLE
from harness.client.cache.queries import CachedQuery, Fetched
from harness.client.cache.query_cache import HOME_DECK as DECK_RULES
from harness.client.cache.query_cache import Rules
from harness.client.device import Device
from harness.client.screens.browse.decks import base_seed, fetch_deck
from harness.client.screens.browse.diary_list import diary_list
from harness.client.screens.browse.feed import FeedPage, first_page, home_feed
from harness.client.screens.browse.stories import stories
from harness.client.screens.browse.suggestions import HintChip
from harness.client.screens.own_profile import own_profile
from harness.client.screens.reading import AGAIN_AFTER_S, one
from harness.client.screens.screen import Screen
from harness.core.actions import UserAction
from harness.core.outcome import Outcome

DECK = 60
RECENT = Rules(stale_s=60.0)
DETAILS = Rules(stale_s=300.0)


@dataclass(frozen=True, slots=True)
class HomeDeck:
    """The titles for you, as far as the screen leads on from them. hero: the first one."""

    cards: int
    hero: str | None


def home_deck(phone: Device) -> CachedQuery[HomeDeck]:
    """The titles for you, with a seed that never changes."""

    async def fetch() -> Fetched[HomeDeck]:
        deck = await fetch_deck(phone, HOME_DECK, "combined", DECK, base_seed(phone, "combined"))
        if deck.value is None:
            return Fetched(deck.outcome)
        return Fetched(deck.outcome, HomeDeck(len(deck.value), deck.value[0].title if deck.value else None))

    return CachedQuery(("home_deck", phone.user_id), fetch, DECK_RULES)


def recent_watched(phone: Device) -> CachedQuery[str]:
    """The title that was marked as watched last; "" when none was."""

    async def fetch() -> Fetched[str]:
        row = await one(phone, RECENT_WATCHED, phone.user_id)
        if row.value is None:
            return Fetched(row.outcome)
        title = row.value.get("title_id")
        return Fetched(Outcome.OK, title if isinstance(title, str) else "")

    return CachedQuery(("home-v2", "recent-watched", phone.user_id), fetch, RECENT, again_after_s=AGAIN_AFTER_S)


def _title(phone: Device, call: Call, title: str) -> CachedQuery[int]:
    async def fetch() -> Fetched[int]:
        return Fetched.of(await phone.api.request(call, title), shapes.rows)

    return CachedQuery(("home-v2", call.name, title), fetch, DETAILS)


class Home(Screen):
    """One visit to the home screen: stories and titles for you above, what friends did below."""

    name = "home"

    def __init__(self, phone: Device) -> None:
        super().__init__(phone)
        self._page: FeedPage | None = None
        self._hero: CachedQuery[int] | None = None
        self._seed: CachedQuery[int] | None = None

    async def open(self) -> FeedPage | None:
        """From tapping the tab to rows of the feed on screen; None when they did not come."""
        phone = self.phone
        with phone.notes.operation("home_feed") as operation:
            self.back()
            fetched = await phone.page.queries.settled(first_page(phone))
            operation.ends(fetched.outcome)
        self._page = fetched.value
        return self._page

    def back(self) -> None:
        """Back from what it led to, the feed as far as it was read; what has gone stale meanwhile is read again."""
        phone = self.phone
        self.opens()
        self.mount(own_profile(phone))
        self.mount(stories(phone))
        self.mount(first_page(phone))
        self.mount(diary_list(phone))
        self.mount(home_deck(phone))
        self.mount(recent_watched(phone))
        self._hero = self._seed = None
        phone.background.start(self._leads_on(home_deck(phone)))
        phone.background.start(self._leads_on(recent_watched(phone)))
        HintChip.of(phone).show("home")

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

    async def _leads_on(self, query: CachedQuery[HomeDeck] | CachedQuery[str]) -> None:
        """What came of deck or last watched title is told more of: of the first card, and "because you watched"."""
        await self.phone.page.queries.landed(query)
        if self._left:
            return
        cache, now = self.phone.page.queries.cache, self.phone.now()
        deck: HomeDeck | None = cache.value(home_deck(self.phone).key, now)
        hero = None if deck is None else deck.hero
        seed = cache.value(recent_watched(self.phone).key, now) or hero
        self._hero = self._shows(HERO_DETAILS, hero, self._hero)
        self._seed = self._shows(SEED_TITLE, seed, self._seed)

    def _shows(self, call: Call, title: str | None, before: CachedQuery[int] | None) -> CachedQuery[int] | None:
        query = None if title is None else _title(self.phone, call, title)
        if query is not None and before is not None and query.key == before.key:
            return before
        if before is not None:
            self.unmount(before)
        if query is not None:
            self.mount(query)
            self.phone.notes.did(UserAction.LEAD, f"{call.name} {title}")
        return query

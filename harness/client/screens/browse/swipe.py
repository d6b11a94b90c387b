"""The swipe page: decks ahead of the thumb, gestures into the outbox (contract 2.6, 3.8, 3.9, 10.2).

Per card on top it reads four things beside the deck: a title's details eight cards ahead, the preview of the card below
the top one, and what the person noted about the top one (two reads). On mounting it also counts whom one follows; and
the sheet that shares a title, there from the start, keeps the list of conversations mounted and polled.

Decks are fetched one at a time; a fetch asks up to three times until a card comes that this visit has not had, so that
an exhausted catalogue costs three requests a swipe.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal

from harness.client.api import shapes
from harness.client.api.call import Call
from harness.client.api.calls import EXPERIMENTS, FRIEND_COUNT, SWIPE_DECK, TITLE_DETAIL, TITLE_PREVIEW
from harness.client.api.shapes import Card
from harness.client.cache.local_storage import EXPERIMENTS as EXPERIMENTS_KEPT
from harness.client.cache.local_storage import EXPERIMENTS_S
from harness.client.cache.queries import CachedQuery, Fetched
from harness.client.cache.query_cache import Key, Rules
from harness.client.device import Device
from harness.client.events.emission import EmissionRules, LookClock
from harness.client.events.outbox import SwipeEvent
from harness.client.network_state import NetworkChange
from harness.client.screens.browse.decks import base_seed, fetch_deck
from harness.client.screens.browse.suggestions import HintChip
from harness.client.screens.browse.title import diary_entry
from harness.client.screens.conversation_list import ConversationList
from harness.client.screens.screen import Screen
from harness.core.actions import UserAction
from harness.core.outcome import Outcome

REFILL_MARGIN = 24
REFILL_BELOW = 12
RETRY_AFTER_ERROR = 32
RETRY_WHEN_EMPTY = 36
FILL_TRIES = 3
LEFT_OVER = "swipe deck"
"""Where the device keeps what was not swiped, if its settings let a deck have an age (`deck_ttl_s`)."""
DETAIL = Rules(stale_s=1800.0, gc_s=3600.0, on_focus=False)
FRIENDS = Rules(stale_s=600.0, gc_s=1800.0, on_focus=False)
UI = "SwipePage"
Button = Literal["not_interested", "more_like_this"]
BUTTONS: dict[Button, str] = {"not_interested": "dislike", "more_like_this": "like"}
"""The buttons under a card that swipe it too, and as what."""
EXPERIMENT_KEYS = (
    "swipe_pipeline_v1",
    "swipe_rerank_v1",
    "swipe_diversity_v1",
    "swipe_mix_v1",
    "swipe_cf_v1",
    "swipe_blend_v1",
)


class SwipePage(Screen):
    """One mount of the swipe page."""

    name = "swipe"

    def __init__(self, phone: Device) -> None:
        super().__init__(phone)
        self._cards: list[Card] = []
        self._came_at: list[float] = []  # when each of them came, loop time
        self._index = 0
        self._seen: set[str] = set()
        self._page = 0
        self._rules = EmissionRules()
        self._fetch: asyncio.Task[None] | None = None
        self._failed = False
        self._experiments: dict[str, str] | None = None
        self._on_top: list[CachedQuery[Any]] = []
        self._top: Card | None = None
        self._look = LookClock()
        self._waiting_note: list[Card] = []  # the card of the last note that waits for a network
        self._unwatch = phone.network.watch(self._network_changed)

    async def open(self) -> bool:
        """From tapping the tab to the first card; False when no deck came."""
        self.opens()
        self.phone.event_sender.mount()
        self.mount(friend_count(self.phone))
        ConversationList.of(self.phone).mount(self)
        HintChip.of(self.phone).show("swipe", {"sessionId": self.phone.local.session_id})
        self._experiments = await self._assigned()
        if not self._take_left_over():
            await self._fill(self.phone.settings.deck_first)
        self._look_at_top()
        if self.phone.settings.deck_ttl_s:
            self._refill_if_low()
        return not self._failed

    async def retry(self) -> bool:
        """The button that an error or an empty stack leaves; whether there is a card now."""
        if self._fetch is None and self._here:
            self._start_fetch(RETRY_AFTER_ERROR if self._failed else RETRY_WHEN_EMPTY)
        return await self.next_card() is not None

    @property
    def card(self) -> Card | None:
        """What lies on top; None while the stack is empty."""
        return self._cards[self._index] if self._index < len(self._cards) else None

    async def next_card(self) -> Card | None:
        """The card on top, waiting for a fetch under way when the stack is empty; None when there is none."""
        while self.card is None and self._fetch is not None:
            await asyncio.wait((self._fetch,))
            await asyncio.sleep(0)  # the fetch's own callback runs first
        return self.card

    async def look_and_swipe(self, card: Card, seconds: float, gesture: str, button: Button | None = None) -> None:
        """Look at the card on top for that long, then swipe it with `like`, `dislike` or `skip`.

        `button`: tapped instead of a gesture; it stands in the event's payload.
        """
        phone, deck, title = self.phone, card.deck, card.title
        phone.notes.did(UserAction.LOOK, title, seconds=seconds)
        await phone.pause(seconds)
        if not self._here:
            return
        phone.notes.did(UserAction.GESTURE, gesture)
        if self._rules.swipe(deck, title):
            self._emit(BUTTONS[button] if button else gesture, card, payload=self._payload(card, action=button))
        self._index += 1
        self._keep_left_over()
        self._look_at_top()
        self._refill_if_low()

    def rate(self, card: Card, stars: float | None) -> None:
        """Tap the stars under the card, half a star to five; None takes the rating back (trap T37)."""
        if not self._here:
            return
        self.phone.notes.did(UserAction.NOTE, "rating")
        rating = None if stars is None else stars * 2
        self._noted(
            card, lambda on: self._emit("rating", on, payload=self._note(on, action="rating"), rating0_10=rating)
        )

    def mark_watched(self, card: Card, *, watched: bool = True) -> None:
        """The eye under the card. Goes out as a like, which the server takes for a status (contract 3.4)."""
        if not self._here:
            return
        self.phone.notes.did(UserAction.NOTE, "watched")
        noted = {"action": "status", "status": "watched", "enabled": watched}
        self._noted(card, lambda on: self._emit("like", on, payload=self._note(on, **noted)))

    def put_on_watchlist(self, card: Card, *, wanted: bool = True) -> None:
        """The bookmark under the card."""
        if not self._here:
            return
        self.phone.notes.did(UserAction.NOTE, "watchlist")
        noted = {"action": "status", "status": "watchlist", "enabled": wanted}
        self._noted(card, lambda on: self._emit("watchlist", on, payload=self._note(on, **noted), in_watchlist=wanted))

    def _noted(self, card: Card, emit: Callable[[Card], None]) -> None:
        """What is noted under a card is a mutation of its own, which asks for the card when it begins.

        As shipped: a note that waits for the network lands on the card that is on top by then.
        """
        if self.phone.network.online:
            self._note_now(card, emit)
            return
        waiting = self._waiting_note = [card]  # the one before keeps the card that it has now

        def begins() -> None:
            if self._here:
                self._note_now(waiting[0], emit)

        self.phone.network_mode.mutate(begins, lambda: None)

    def _note_now(self, card: Card, emit: Callable[[Card], None]) -> None:
        """It is read again as soon as it is buffered, long before it is sent (SwipePage, feedback)."""
        emit(card)
        queries = self.phone.page.queries
        queries.invalidate("title-diary", self.phone.user_id, card.title)
        queries.invalidate("diary", "library", self.phone.user_id)

    def leave(self) -> None:
        """To another screen: what was not sent goes into the queue, and then the look at the card on top is over."""
        if self._left:
            return
        here, queries = self._here, self.phone.page.queries
        self._keep_left_over()
        for read in self._on_top:
            self._look.drawn(queries.landed_at(read))
        super().leave()
        ConversationList.of(self.phone).unmount(self)
        self._unwatch()
        self.phone.event_sender.unmount()
        if self._top is not None and here:
            self._dwell(self._top)

    @property
    def _here(self) -> bool:
        """Whether the page is still there: neither left, nor gone with the app, which closes without leaving it."""
        return not self._left and self.phone.event_sender.mounted

    # ---- decks ----------------------------------------------------------------------------------------------

    def _take_left_over(self) -> bool:
        """Begin with what an earlier visit left, as long as it is young enough; whether there was any."""
        phone = self.phone
        if not phone.settings.deck_ttl_s:
            return False
        left: list[tuple[float, Card]] = phone.local.young(LEFT_OVER, phone.settings.deck_ttl_s, phone.now()) or []
        left = [(at, card) for at, card in left if phone.now() - at < phone.settings.deck_ttl_s]
        if left:
            self._page = 1
            self._cards = [card for _, card in left]
            self._came_at = [at for at, _ in left]
            self._seen.update(card.title for card in self._cards)
            phone.notes.did(UserAction.CARDS, number=len(left), seconds=phone.now() - min(self._came_at))
        return bool(left)

    def _keep_left_over(self) -> None:
        if self.phone.settings.deck_ttl_s:
            left = list(zip(self._came_at, self._cards, strict=True))[self._index :]
            self.phone.local.put(LEFT_OVER, left, self.phone.now())

    async def _assigned(self) -> dict[str, str] | None:
        """Experiment variants, kept for six hours only where all six are assigned; else asked for at each mount."""
        phone = self.phone
        kept: dict[str, str] | None = phone.local.young(EXPERIMENTS_KEPT, EXPERIMENTS_S, phone.now())
        if kept is not None:
            return kept
        assigned = shapes.assignments((await phone.api.request(EXPERIMENTS, body={"keys": EXPERIMENT_KEYS})).data)
        if assigned is not None and all(key in assigned for key in EXPERIMENT_KEYS):
            phone.local.put(EXPERIMENTS_KEPT, assigned, phone.now())
        return assigned

    def _refill_if_low(self) -> None:
        """The app asks this whenever a card goes or cards come."""
        remaining = len(self._cards) - self._index
        if remaining < REFILL_BELOW and self._fetch is None and self._here:
            self._start_fetch(max(self.phone.settings.deck_refill, remaining + REFILL_MARGIN))

    def _start_fetch(self, limit: int) -> None:
        before = len(self._cards)
        self._fetch = self.phone.background.start(self._fill(limit))
        self._fetch.add_done_callback(lambda task: self._fetched(task, before))

    def _fetched(self, task: asyncio.Task[None], before: int) -> None:
        self._fetch = None
        if not task.cancelled() and len(self._cards) > before:
            self._look_at_top()
            self._refill_if_low()

    async def _fill(self, limit: int) -> None:
        """From needing cards to having at least one that is new, as one operation."""
        with self.phone.notes.operation("swipe_deck") as operation:
            for _ in range(FILL_TRIES):
                fetched = await self._deck(limit)
                self._failed = fetched.value is None
                if not operation.ends(fetched.outcome) or self._add(fetched.value or []):
                    return

    async def _deck(self, limit: int) -> Fetched[list[Card]]:
        seed = f"{base_seed(self.phone, 'combined')}:{self._page}"
        self._page += 1
        return await fetch_deck(
            self.phone,
            SWIPE_DECK,
            "combined",
            limit,
            seed,
            minImdbRating=None,
            genresAny=None,
            experiments=self._experiments,
        )

    def _add(self, cards: list[Card]) -> bool:
        """Put the unseen ones under the stack; whether there were any."""
        fresh = [card for card in {card.title: card for card in cards}.values() if card.title not in self._seen]
        self._seen.update(card.title for card in fresh)
        self._cards += fresh
        self._came_at += [self.phone.now()] * len(fresh)
        self._keep_left_over()
        self.phone.notes.did(UserAction.CARDS, number=len(fresh))
        return bool(fresh)

    # ---- reads beside the deck ------------------------------------------------------------------------------

    def _look_at_top(self) -> None:
        """The card on top is shown: its own reads, and the details of the ones below it."""
        if not self._here:
            return
        card = self.card
        for query in self._on_top:
            self.unmount(query)
        self._on_top = []
        phone, self._top = self.phone, card
        self._look.drawn(phone.now())
        if card is None:
            return
        self._waiting_note[:] = [card]
        if self._rules.impression(card.deck, card.title):
            self._emit("impression", card, payload=self._payload(card, why=True))
        ahead = self.phone.settings.read_ahead
        below = self._cards[self._index + 1 : self._index + 1 + max(ahead, 1)]
        self._on_top = [
            *(_title_read(phone, TITLE_PREVIEW, below[0].title) for _ in below[:1]),
            diary_entry(phone, card.title),
            title_detail(phone, card.title),
        ]
        for query in self._on_top:
            self.mount(query)
        for card_below in below[:ahead]:
            if phone.page.queries.cache.value(_detail_key(card_below.title), phone.now()) is None:
                phone.page.queries.prefetch(title_detail(phone, card_below.title))

    # ---- events ---------------------------------------------------------------------------------------------

    def _dwell(self, card: Card) -> None:
        now = self.phone.now()
        dwell_ms = self._rules.dwell(card.deck, card.title, self._look.looked_ms(now), now)
        if dwell_ms is not None:
            self._emit("dwell", card, payload=self._payload(card, why=True), dwell_ms=dwell_ms)

    def _network_changed(self, change: NetworkChange) -> None:
        if change in (NetworkChange.VISIBLE, NetworkChange.ONLINE):
            self._look.drawn(self.phone.now())

    def _payload(self, card: Card, *, why: bool = False, action: str | None = None) -> dict[str, Any] | None:
        """Keys in the app's order, which is part of the server's deduplication (contract 3.2, 3.9)."""
        payload: dict[str, Any] = {} if action is None else {"action": action}
        if self._experiments:
            payload["experiments"] = self._experiments
        if why and card.why:
            payload["why"] = card.why
        return payload or None

    def _note(self, card: Card, **noted: Any) -> dict[str, Any]:
        """The payload of what a person notes about a card without swiping it."""
        return {**(self._payload(card) or {}), "ui": UI, **noted}

    def _emit(
        self,
        event_type: str,
        card: Card,
        *,
        payload: dict[str, Any] | None,
        dwell_ms: int | None = None,
        rating0_10: float | None = None,
        in_watchlist: bool | None = None,
    ) -> None:
        phone = self.phone
        self._look.drawn(phone.now())
        send = phone.event_sender.emit_late if self._left else phone.event_sender.emit
        send(
            SwipeEvent(
                event_type=event_type,
                client_event_id=phone.new_id(),
                session_id=phone.local.session_id,
                media_item_id=card.title,
                deck_id=card.deck,
                rec_request_id=card.request,
                position=card.position,
                dedupe_key=card.dedupe_key,
                source=card.source,
                dwell_ms=dwell_ms,
                rating0_10=rating0_10,
                in_watchlist=in_watchlist,
                payload=payload,
            )
        )


def title_detail(phone: Device, title: str) -> CachedQuery[int]:
    """What the card tells of its title. The title's own page remembers its row under the same key."""
    return _title_read(phone, TITLE_DETAIL, title)


def friend_count(phone: Device) -> CachedQuery[bool]:
    """How many one follows, asked for without the rows."""

    async def fetch() -> Fetched[bool]:
        outcome = (await phone.api.request(FRIEND_COUNT, phone.user_id)).outcome
        return Fetched(outcome, outcome is Outcome.OK or None)

    return CachedQuery(("friendCount", phone.user_id), fetch, FRIENDS)


def _title_read(phone: Device, call: Call, title: str) -> CachedQuery[int]:
    async def fetch() -> Fetched[int]:
        return Fetched.of(await phone.api.request(call, title), shapes.rows)

    return CachedQuery(_detail_key(title) if call is TITLE_DETAIL else ("title-preview", title), fetch, DETAIL)


def _detail_key(title: str) -> Key:
    return "title-detail", title

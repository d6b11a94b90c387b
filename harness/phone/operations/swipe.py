"""The swipe page: decks ahead of the thumb, gestures into the outbox (contract 2.6, 3.8, 3.9)."""

from __future__ import annotations

import asyncio
from typing import Any

from harness.outcome import Outcome
from harness.phone import shapes
from harness.phone.calls import EXPERIMENTS, SWIPE_DECK
from harness.phone.emission import EmissionRules
from harness.phone.operations.feed import title_detail
from harness.phone.outbox import Event
from harness.phone.phone import Phone
from harness.phone.shapes import Card

FIRST_BATCH = 72
REFILL = 60
REFILL_MARGIN = 24
REFILL_BELOW = 12
READ_AHEAD = 8
EXPERIMENT_KEYS = (
    "swipe_pipeline_v1",
    "swipe_rerank_v1",
    "swipe_diversity_v1",
    "swipe_mix_v1",
    "swipe_cf_v1",
    "swipe_blend_v1",
)


class SwipePage:
    """One mount of the swipe page."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        self._cards: list[Card] = []
        self._index = 0
        self._seen: set[str] = set()
        self._page = 0
        self._base_seed = f"{phone.device_session}:combined:*"
        self._rules = EmissionRules()
        self._fetch: asyncio.Task[None] | None = None
        self._experiments: dict[str, str] | None = None

    async def open(self) -> bool:
        """From tapping the tab to the first card; False when no deck came."""
        phone = self._phone
        phone.courier.mount()
        assigned = await phone.request(EXPERIMENTS, body={"keys": EXPERIMENT_KEYS})
        self._experiments = shapes.assignments(assigned.data)
        return await self._deck(FIRST_BATCH)

    @property
    def card(self) -> Card | None:
        """What lies on top; None while the stack is empty."""
        return self._cards[self._index] if self._index < len(self._cards) else None

    async def next_card(self) -> Card | None:
        """The card on top, waiting for a fetch under way when the stack is empty; None when there is none."""
        if self.card is None and self._fetch is not None:
            await self._fetch
        return self.card

    async def look_and_swipe(self, card: Card, seconds: float, gesture: str) -> None:
        """Look at the card on top for that long, then swipe it with `like`, `dislike` or `skip`."""
        phone, deck, title = self._phone, card.deck, card.title
        if self._rules.impression(deck, title):
            self._emit("impression", card, payload=self._payload(card, why=True))
        await phone.pause(seconds)
        if self._rules.swipe(deck, title):
            self._emit(gesture, card, payload=self._payload(card))
        dwell_ms = self._rules.dwell(deck, title, seconds * 1000.0, phone.now())
        if dwell_ms is not None:
            self._emit("dwell", card, payload=self._payload(card, why=True), dwell_ms=dwell_ms)
        self._index += 1
        ahead = self._index + READ_AHEAD
        if ahead < len(self._cards):
            phone.chore(title_detail(phone, self._cards[ahead].title))
        self._refill_if_low()

    def _refill_if_low(self) -> None:
        remaining = len(self._cards) - self._index
        if remaining < REFILL_BELOW and self._fetch is None:
            self._fetch = self._phone.chore(self._refill(max(REFILL, remaining + REFILL_MARGIN)))
            self._fetch.add_done_callback(self._fetched)

    def _fetched(self, task: asyncio.Task[None]) -> None:
        self._fetch = None

    async def _refill(self, limit: int) -> None:
        await self._deck(limit)

    async def _deck(self, limit: int) -> bool:
        """One deck, as an operation of its own: from needing cards to having them."""
        body = {
            "sessionId": self._phone.device_session,
            "mode": "combined",
            "limit": limit,
            "kindFilter": None,
            "seed": f"{self._base_seed}:{self._page}",
            "minImdbRating": None,
            "genresAny": None,
            "experiments": self._experiments,
        }
        self._page += 1
        with self._phone.operation("swipe_deck") as operation:
            reading = await self._phone.request(SWIPE_DECK, body=body)
            if not operation.ends(reading.outcome):
                return False
            cards = shapes.deck(reading.data)
            if cards is None:
                return operation.ends(Outcome.SOFT_FAILURE)
            self._add(cards)
        return True

    def _add(self, cards: list[Card]) -> None:
        for card in cards:
            if card.title not in self._seen:
                self._seen.add(card.title)
                self._cards.append(card)

    def _payload(self, card: Card, *, why: bool = False) -> dict[str, Any] | None:
        payload: dict[str, Any] = {}
        if self._experiments:
            payload["experiments"] = self._experiments
        if why and card.why:
            payload["why"] = card.why
        return payload or None

    def _emit(
        self, event_type: str, card: Card, *, payload: dict[str, Any] | None, dwell_ms: int | None = None
    ) -> None:
        phone = self._phone
        phone.courier.emit(
            Event(
                event_type=event_type,
                client_event_id=phone.new_id(),
                session_id=phone.device_session,
                media_item_id=card.title,
                deck_id=card.deck,
                rec_request_id=card.request,
                position=card.position,
                dedupe_key=card.dedupe_key,
                source=card.source,
                dwell_ms=dwell_ms,
                payload=payload,
            )
        )

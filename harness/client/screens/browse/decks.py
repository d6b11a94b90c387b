"""Asking for a deck, wherever in the app (contract 2.1, 2.6)."""

from __future__ import annotations

from typing import Any

from harness.client.api import shapes
from harness.client.api.call import Call
from harness.client.api.calls import SWIPE_DECK
from harness.client.api.classify import Reading
from harness.client.api.shapes import Card
from harness.client.cache.queries import Fetched
from harness.client.device import Device
from harness.core.ids import canonical
from harness.core.ledger import WriteKind
from harness.core.outcome import Outcome


def base_seed(phone: Device, mode: str) -> str:
    """The device's seed of a deck mode; the same in every session, so that the server can cache."""
    return phone.local.deck_seed(mode)


async def fetch_deck(
    phone: Device,
    call: Call,
    mode: str,
    limit: int,
    seed: str,
    *,
    ahead: dict[str, Any] | None = None,
    **extras: Any,
) -> Fetched[list[Card]]:
    """One deck. `ahead` and `extras` are the members that only some callers send, before and behind the seed; left out
    ones are absent, not null, because a null is not nothing here: `minImdbRating: null` counts as a filter (trap T38).
    """
    kept = f"deck {call.name} {seed}"
    if _keeps(phone, call) and (cards := phone.local.young(kept, phone.settings.deck_ttl_s, phone.now())) is not None:
        return Fetched(Outcome.OK, cards)
    reading = await ask_for_deck(phone, call, mode, limit, seed, ahead=ahead, **extras)
    if not reading.outcome.good:
        return Fetched(reading.outcome)
    cards = shapes.deck(reading.data)
    if cards is None:
        return Fetched(Outcome.SOFT_FAILURE)
    if _keeps(phone, call):
        phone.local.put(kept, cards, phone.now())
    return Fetched(Outcome.OK, cards)


async def ask_for_deck(
    phone: Device,
    call: Call,
    mode: str,
    limit: int,
    seed: str,
    *,
    ahead: dict[str, Any] | None = None,
    **extras: Any,
) -> Reading:
    """As `fetch_deck`, for whoever looks at no card of it."""
    if not phone.settings.rerank:
        ahead = {**(ahead or {}), "skipRerank": True}
    body = {
        "sessionId": phone.local.session_id,
        "mode": mode,
        "limit": limit,
        **(ahead or {}),
        "seed": seed,
        **extras,
    }
    reading = await phone.api.request(call, body=body)
    if reading.outcome.good:
        _note(phone, reading.data, mode, limit)
    return reading


def _keeps(phone: Device, call: Call) -> bool:
    """Whether the device keeps such a deck: an experiment, as shipped it keeps none. What is left of the swipe page's
    is kept by that page, which knows what was swiped."""
    return phone.settings.deck_ttl_s > 0 and call.name != SWIPE_DECK.name


def _note(phone: Device, data: Any, mode: str, limit: int) -> None:
    """A served deck is a promise that its request and impressions are stored."""
    try:
        facts = {"subject": canonical(data["recRequestId"]), "object_": canonical(data["deckId"])}
        write = phone.notes.write(WriteKind.DECK, **facts, key=limit, detail=mode, number=len(data["cards"]))
    except (KeyError, TypeError, ValueError):
        return  # not a deck: whoever asked for it finds out by itself
    write.settled(Outcome.OK)

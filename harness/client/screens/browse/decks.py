"""Asking for a deck, wherever in the app (contract 2.1, 2.6)."""

from __future__ import annotations

from typing import Any

from harness.client.api import shapes
from harness.client.api.call import Call
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
    reading = await ask_for_deck(phone, call, mode, limit, seed, ahead=ahead, **extras)
    if not reading.outcome.good:
        return Fetched(reading.outcome)
    cards = shapes.deck(reading.data)
    return Fetched(Outcome.SOFT_FAILURE) if cards is None else Fetched(Outcome.OK, cards)


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


def _note(phone: Device, data: Any, mode: str, limit: int) -> None:
    """A served deck is a promise that its request and impressions are stored."""
    try:
        facts = {"subject": canonical(data["recRequestId"]), "object_": canonical(data["deckId"])}
        write = phone.notes.write(WriteKind.DECK, **facts, key=limit, detail=mode, number=len(data["cards"]))
    except (KeyError, TypeError, ValueError):
        return  # not a deck: whoever asked for it finds out by itself
    write.settled(Outcome.OK)

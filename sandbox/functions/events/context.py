"""The deck context of a swipe event: kept whole or dropped whole (contract 3.1, 3.3). (pure)"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from sandbox.functions import js
from sandbox.functions.events.keys import POSITION_LIMIT, is_uuid, served_key, valid_position


class Context(NamedTuple):
    """The deck context of one item after the server's own checks."""

    deck_id: str | None
    rec_request_id: str | None
    position: int | None
    served_key: str | None
    issue: tuple[str, str, dict[str, Any] | None] | None


def _first(item: dict[str, Any], name: str, alias: str) -> Any:
    value = item.get(name)
    return item.get(alias) if value is None else value


def read_context(item: dict[str, Any], media_item_id: str) -> Context:
    """An item's deck context: kept whole, or dropped whole with the issue that says so."""
    plain = _plain_context(item, media_item_id)
    if plain is not None:
        return plain
    deck_id = js.trim(js.string(item.get("deckId"))) or None
    rec_request_id = js.trim(js.string(_first(item, "recRequestId", "rec_request_id"))) or None
    raw_position = item.get("position")
    position = None if raw_position is None else js.to_number(raw_position)
    given_key = _first(item, "dedupeKey", "dedupe_key")
    has_key = isinstance(given_key, str) and bool(js.trim(given_key))
    if deck_id is None and rec_request_id is None and raw_position is None and not has_key:
        return Context(None, None, None, None, None)
    place = valid_position(position)
    fits = (
        (deck_id is None or is_uuid(deck_id))
        and (rec_request_id is None or is_uuid(rec_request_id))
        and (raw_position is None or place is not None)
    )
    if not fits:
        shown = position if position is not None and math.isfinite(position) else None
        meta = {"deckId": deck_id, "recRequestId": rec_request_id, "position": shown}
        message = "Dropped invalid deck context fields to avoid poisoning the batch."
        return Context(None, None, None, None, ("DECK_CONTEXT_DROPPED", message, meta))
    key = served_key(given_key, rec_request_id, position, media_item_id)
    if key is None:
        message = "Missing/invalid served identity. Event recorded without deck context."
        return Context(None, None, None, None, ("SERVED_KEY_MISSING", message, None))
    return Context(deck_id, rec_request_id, place, key, None)


def _plain_context(item: dict[str, Any], media_item_id: str) -> Context | None:
    """What an app that works as meant sends: all parts there and fitting together. None: look closer."""
    deck_id, rec_request_id, position = item.get("deckId"), item.get("recRequestId"), item.get("position")
    if type(deck_id) is not str or type(rec_request_id) is not str or type(position) is not int:
        return None
    key = item.get("dedupeKey")
    if not 0 <= position <= POSITION_LIMIT or key != f"{rec_request_id}:{position}:{media_item_id}":
        return None
    if not is_uuid(deck_id) or not is_uuid(rec_request_id):
        return None
    return Context(deck_id, rec_request_id, position, key, None)

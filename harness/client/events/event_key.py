"""The key under which the server stores a swipe event, computed on our side for the ledger (contract 3.2). (pure)

Two events with the same key on one UTC day are one row, both answered as accepted: what was lost or doubled can only
be told by this key, never by the client's ids (traps T03, T04). The recipe follows the server after its own clean-up of
the event, not what was sent. What phones send stays inside what JSON and JavaScript write alike: payloads of strings,
whole numbers, booleans and nulls, dwell times in whole milliseconds, ratings in steps of a half.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from hashlib import blake2b, sha256
from typing import Any

import orjson

from harness.client.events.swipe_event import SwipeEvent
from harness.core.content import Content, content_of

LENGTH = 256
POSITIONS = range(5001)
LIST_LIMIT = 50
STATUS = "status"
"""In the ledger, the type of an event that only moves the library."""
WATCHLIST = "watchlist"
"""The type of an event that puts a title on the watchlist, or takes it off: its number in the ledger is 1 or -1."""
EVENT_FIELDS = ("session", "deck", "request and position", "source", "dwell", "rating", "watchlist flag", "payload")
"""What `Content.parts` names of an event; title and type, which the ledger has as columns, count in the whole."""
_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


def stored_key(event: SwipeEvent) -> str:
    """The `dedupe_key` of the row that an accepted event becomes. `event` as it goes over the wire (`for_wire`)."""
    return _key(event, *_deck_context(event)[:2])


def _key(event: SwipeEvent, deck: str | None, position: int | None) -> str:
    parts = ["v2", event.session_id, event.media_item_id, event.event_type, deck or "-"]
    parts.append("-" if position is None else str(position))
    if event.in_watchlist is not None:
        parts.append("wl:1" if event.in_watchlist else "wl:0")
    if event.rating0_10 is not None:
        parts.append(f"r:{event.rating0_10:g}")
    if event.dwell_ms is not None:
        parts.append(f"d:{event.dwell_ms}")
    parts.append(f"p:{_payload_part(event.payload)}")
    return "|".join(parts)[:LENGTH]


def is_status(event: SwipeEvent) -> bool:
    """Whether the event only moves the library and is never stored as one (contract 3.4)."""
    return event.event_type == "like" and (event.payload or {}).get("action") == "status"


def event_facts(event: SwipeEvent) -> dict[str, Any]:
    """An event's line in the ledger (`Ledger.intend`). `event` as it goes over the wire (`for_wire`)."""
    deck, position, request = _deck_context(event)
    return {
        "id_": event.client_event_id,
        "key": short(_key(event, deck, position)),
        "subject": event.media_item_id,
        "detail": STATUS if is_status(event) else event.event_type,
        "number": (1 if event.in_watchlist else -1) if event.event_type == WATCHLIST else 0,
        "content": _event_content(event, deck, position, request),
    }


def event_content(event: SwipeEvent) -> Content:
    """All that the row of an accepted event holds of it. `event` as it goes over the wire (`for_wire`)."""
    return _event_content(event, *_deck_context(event))


def _event_content(event: SwipeEvent, deck: str | None, position: int | None, request: str | None) -> Content:
    return _content(
        event.session_id,
        deck,
        request,
        position,
        event.source,
        event.dwell_ms,
        event.rating0_10,
        event.in_watchlist,
        None if event.payload is None else {name: _kept(value) for name, value in event.payload.items()},
        event.media_item_id,
        event.event_type,
    )


def row_content(row: Mapping[str, Any]) -> Content:
    """The same of a stored row; JSON's values and the database driver's own are both understood."""
    return _content(
        _text(row["session_id"]),
        _text(row["deck_id"]),
        _text(row["rec_request_id"]),
        row["position"],
        row["source"],
        row["dwell_ms"],
        row["rating_0_10"],
        row["in_watchlist"],
        row["payload"],
        _text(row["media_item_id"]),
        row["event_type"],
    )


def _content(
    session: str | None,
    deck: str | None,
    request: str | None,
    position: int | None,
    source: str | None,
    dwell: int | None,
    rating: float | Decimal | None,
    wanted: bool | None,
    payload: Any,
    title: str | None,
    type_: str,
) -> Content:
    return content_of(
        session,
        deck,
        f"{request}:{position}",
        source,
        None if dwell is None else str(dwell),
        None if rating is None else f"{float(rating):g}",
        None if wanted is None else str(wanted),
        orjson.dumps(payload, option=orjson.OPT_SORT_KEYS).decode() if payload else None,
        title,
        type_,
    )


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def short(key: str) -> int:
    """64 bits that stand for a stored key: with ten million keys, two alike are a matter of 3 in a million runs."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big")


def _deck_context(event: SwipeEvent) -> tuple[str | None, int | None, str | None]:
    """Deck, position and request as the server keeps them: all of it or nothing (DECK_CONTEXT_DROPPED,
    SERVED_KEY_MISSING)."""
    if _broken(event) or not _served(event):
        return None, None, None
    return event.deck_id, event.position, event.rec_request_id


def _broken(event: SwipeEvent) -> bool:
    deck, request, position = event.deck_id, event.rec_request_id, event.position
    return (
        (deck is not None and not _UUID.fullmatch(deck))
        or (request is not None and not _UUID.fullmatch(request))
        or (position is not None and position not in POSITIONS)
    )


def _served(event: SwipeEvent) -> bool:
    """Whether the server finds or makes a served key: the one sent names this title, or request and position do."""
    parts = (event.dedupe_key or "").split(":")
    if len(parts) == 3 and _UUID.fullmatch(parts[0]) and parts[1].isdigit() and parts[2] == event.media_item_id:
        return int(parts[1]) in POSITIONS
    return event.rec_request_id is not None


def _payload_part(payload: Mapping[str, Any] | None) -> str:
    kept = {} if payload is None else {name: _kept(value) for name, value in payload.items()}
    return sha256(orjson.dumps(kept)).hexdigest()[:24] if kept else "0"


def _kept(value: Any) -> Any:
    if isinstance(value, list):
        return value[:LIST_LIMIT]
    if isinstance(value, dict):
        return {name: member for name, member in value.items() if not isinstance(member, list | dict)}
    return value

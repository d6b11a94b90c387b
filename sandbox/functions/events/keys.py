"""The keys that make swipe events idempotent and tie them to what was served (contract 3.2). (pure)"""

from __future__ import annotations

import re
from hashlib import sha256
from typing import Any

from sandbox.functions import js, js_json

KEY_LENGTH = 256
POSITION_LIMIT = 5000
_LIST_LIMIT = 50
_EXACT = 2**53
# any version and variant: stricter checks belong to the deck endpoint
is_uuid = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}").fullmatch
_PLAIN = (str, bool, type(None))


def payload_json(payload: Any) -> str | None:
    """The payload as the server keeps it, in JavaScript's own JSON text; None when nothing of it remains.

    Not an object: nothing. Lists keep 50 elements, nested objects their primitive members.
    """
    if type(payload) is not dict or not payload:
        return None
    simple = True
    for key, value in payload.items():
        kind = type(value)
        if kind in _PLAIN or (kind is int and -_EXACT <= value <= _EXACT):
            if key[:1].isdigit():
                simple = False
        else:
            simple = False
    if simple:
        return js_json.dumps(payload).decode()
    return js.stringify({key: _trimmed(value) for key, value in payload.items()})


def _trimmed(value: Any) -> Any:
    if isinstance(value, list):
        return value[:_LIST_LIMIT]
    if isinstance(value, dict):
        return {key: member for key, member in value.items() if not isinstance(member, list | dict)}
    return value


def payload_hash(json_text: str | None) -> str:
    """The part of the key that stands for the payload: `0` for none, else 24 hex digits."""
    return "0" if json_text is None else sha256(json_text.encode()).hexdigest()[:24]


def dedupe_key(
    session_id: str,
    media_item_id: str,
    event_type: str,
    deck_id: str | None,
    position: int | None,
    in_watchlist: bool | None,
    rating: str | None,
    dwell: str | None,
    payload: str | None,
) -> str:
    """The stored key. `rating` and `dwell` are JavaScript number texts, `payload` is `payload_json`'s answer."""
    key = f"v2|{session_id}|{media_item_id}|{event_type}|{deck_id or '-'}|{'-' if position is None else position}"
    if in_watchlist is not None:
        key += "|wl:1" if in_watchlist else "|wl:0"
    if rating is not None:
        key += f"|r:{rating}"
    if dwell is not None:
        key += f"|d:{dwell}"
    return f"{key}|p:{payload_hash(payload)}"[:KEY_LENGTH]


def valid_position(value: float | None) -> int | None:
    """A whole number from 0 to 5000, else None."""
    if value is None or not 0 <= value <= POSITION_LIMIT or not float(value).is_integer():
        return None
    return int(value)


def parse_served_key(key: Any) -> tuple[str, int, str] | None:
    """`<rec request>:<position>:<media item>` in its parts, None when it is not one."""
    if not isinstance(key, str):
        return None
    parts = key.split(":")
    if len(parts) != 3 or not is_uuid(parts[0]) or not is_uuid(parts[2]):
        return None
    position = valid_position(js.to_number(parts[1]))
    return None if position is None else (parts[0], position, parts[2])


def served_key(given: Any, rec_request_id: str | None, position: float | None, media_item_id: str) -> str | None:
    """The given served key if it is one for this title, else one made of the parts, None when they do not suffice.

    A missing position counts as 0 here, because JavaScript's `Number(null)` does.
    """
    parsed = parse_served_key(given)
    if parsed is not None and parsed[2] == media_item_id:
        return f"{parsed[0]}:{parsed[1]}:{parsed[2]}"
    if not rec_request_id or not is_uuid(rec_request_id):
        return None
    place = valid_position(0.0 if position is None else position)
    return None if place is None else f"{rec_request_id}:{place}:{media_item_id}"

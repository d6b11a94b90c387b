"""Swipe events in the form in which they travel to the database: one JSON array, as in a request to PostgREST.

Numbers and payloads are JavaScript's own texts already and go in as they are, so that Postgres itself judges them. One
array costs half of what a database parameter for each column would.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence

import orjson

from sandbox.functions import js_json
from sandbox.functions.events.input import SwipeRow
from sandbox.functions.events.keys import parse_served_key

# What version 4 and its variant leave to chance in a UUID's 16 bytes, and what they fix
_FREE_BITS = bytes.fromhex("ffffffffffff0fff3fffffffffffffff")
_FIXED_BITS = bytes.fromhex("00000000000040008000000000000000")


def random_ids(count: int) -> list[str]:
    """So many UUIDs of version 4 (RFC 9562, 5.4), without dashes, from one look at the system's random source."""
    length = 16 * count
    number = int.from_bytes(os.urandom(length)) & int.from_bytes(_FREE_BITS * count)
    digits = (number | int.from_bytes(_FIXED_BITS * count)).to_bytes(length).hex()
    return [digits[at : at + 32] for at in range(0, 2 * length, 32)]


def _raw(text: str | None) -> orjson.Fragment | None:
    return None if text is None else orjson.Fragment(text)


def rows_json(rows: Sequence[SwipeRow]) -> str:
    """`media_events` rows for `sandbox_internal.insert_events`, each with a fresh id."""
    listed = [
        {
            "id": identifier,
            "session_id": row.session_id,
            "deck_id": row.deck_id,
            "rec_request_id": row.rec_request_id,
            "position": row.position,
            "media_item_id": row.media_item_id,
            "event_type": row.event_type,
            "source": row.source,
            "dwell_ms": _raw(row.dwell_ms),
            "payload": _raw(row.payload),
            "client_event_id": row.client_event_id,
            "rating": _raw(row.rating),
            "in_watchlist": row.in_watchlist,
            "dedupe_key": row.dedupe_key,
            "served_key": row.served_key,
        }
        for identifier, row in zip(random_ids(len(rows)), rows, strict=True)
    ]
    return js_json.dumps(listed).decode()


def taste_json(rows: Iterable[SwipeRow]) -> str:
    """The taste calls that follow from stored rows, for `sandbox_internal.aftermath`."""
    calls = [
        {
            "session": row.session_id,
            "title": row.media_item_id,
            "type": row.event_type,
            "dwell": _raw(row.dwell_ms),
            "rating": _raw(row.rating),
            "strong": bool(row.in_watchlist),
        }
        for row in rows
    ]
    return js_json.dumps(calls).decode()


def labels_json(labels: Mapping[str, Iterable[str]]) -> str | None:
    """Training labels by served key, for `sandbox_internal.aftermath`; None when there are none."""
    served = [(key, *parsed, names) for key, names in labels.items() if (parsed := parse_served_key(key))]
    if not served:
        return None
    listed = [
        {
            "id": identifier,
            "key": key,
            "request_id": request,
            "position": position,
            "title_id": title,
            "labels": list(names),
        }
        for identifier, (key, request, position, title, names) in zip(random_ids(len(served)), served, strict=True)
    ]
    return js_json.dumps(listed).decode()

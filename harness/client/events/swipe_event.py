"""Swipe events: what the app records, how it goes over the wire, how the answer is read. (pure)

Contract 3.1 (multi form), 3.3 (answer), 3.8 (repairs before sending), 3.9 (key order).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import orjson

from harness.client.api.classify import code_of
from harness.core.outcome import Outcome

_STRICT_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE)
_WIRE_SOURCES = {"for-you": "for_you", "from-friends": "friends"}


@dataclass(frozen=True, slots=True)
class SwipeEvent:
    """One thing a person did to one title. `dwell_ms` whole milliseconds, `rating0_10` in steps of 0.5.

    dedupe_key: the served key of the card, `<rec_request_id>:<position>:<media_item_id>`.
    payload: JSON values only; its key order is part of the server's deduplication (contract 3.2). Treat as frozen.
    """

    event_type: str
    client_event_id: str
    session_id: str
    media_item_id: str
    deck_id: str | None = None
    rec_request_id: str | None = None
    position: int | None = None
    dedupe_key: str | None = None
    source: str | None = None
    dwell_ms: int | None = None
    rating0_10: float | None = None
    in_watchlist: bool | None = None
    payload: dict[str, Any] | None = None


def strict_uuid(text: str) -> bool:
    """Whether the client lets this id pass: UUID version 1-5, RFC variant (contract 3.8)."""
    return _STRICT_UUID.fullmatch(text) is not None


def for_wire(event: SwipeEvent, new_id: Callable[[], str]) -> SwipeEvent:
    """The event as it leaves: source renamed, served key repaired or deck context dropped, a bad id replaced."""
    changes: dict[str, Any] = {}
    if event.source in _WIRE_SOURCES:
        changes["source"] = _WIRE_SOURCES[event.source]
    if not event.dedupe_key:
        if event.rec_request_id and event.position is not None:
            changes["dedupe_key"] = f"{event.rec_request_id}:{event.position}:{event.media_item_id}"
        else:
            changes.update(dedupe_key=None, deck_id=None, rec_request_id=None, position=None)
    if not strict_uuid(event.client_event_id):
        changes["client_event_id"] = new_id()
    return replace(event, **changes) if changes else event


def encode(events: Iterable[SwipeEvent]) -> bytes:
    """The multi-form request body: one item per event, keys in the app's order, nulls explicit (contract 3.9).

    Encodes what it is given; the outbox has already put its flushes through `for_wire`.
    """
    return orjson.dumps({"items": [_item(event) for event in events]})


def _item(event: SwipeEvent) -> dict[str, Any]:
    return {
        "sessionId": event.session_id,
        "deckId": event.deck_id,
        "recRequestId": event.rec_request_id,
        "position": event.position,
        "dedupeKey": event.dedupe_key,
        "mediaItemId": event.media_item_id,
        "source": event.source,
        "events": [
            {
                "eventType": event.event_type,
                "dwellMs": event.dwell_ms,
                "rating0_10": _as_in_javascript(event.rating0_10),
                "inWatchlist": event.in_watchlist,
                "clientEventId": event.client_event_id,
                "payload": event.payload,
            }
        ],
        "rec_request_id": event.rec_request_id,
        "dedupe_key": event.dedupe_key,
    }


def _as_in_javascript(number: float | None) -> float | int | None:
    """JavaScript writes 8, not 8.0."""
    return int(number) if number is not None and math.isfinite(number) and number == int(number) else number


@dataclass(frozen=True, slots=True)
class Issue:
    """A remark in the answer (contract 3.3)."""

    level: str
    code: str
    client_event_id: str | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class EventReply:
    """A usable answer. The id sets are disjoint: accepted beats rejected, rejected beats retry (contract 3.3)."""

    accepted: frozenset[str] = frozenset()
    rejected: frozenset[str] = frozenset()
    retry: frozenset[str] = frozenset()
    should_retry: bool = False
    issues: tuple[Issue, ...] = ()

    def outcome_of(self, id_: str) -> Outcome:
        """What it says about one event; an event in no list is as undecided as one to try again."""
        if id_ in self.accepted:
            return Outcome.OK
        return Outcome.REJECTED if id_ in self.rejected else Outcome.SOFT_FAILURE


def event_reply(status: int, data: Any) -> EventReply | None:
    """What the event endpoint's parsed reply says to the app; None when the app would treat the request as failed.

    Failed: any status outside 2xx, a body that is no JSON object, `ok: false`. Lists that are missing count as
    empty, so the events they should have named are unclassified.
    """
    if not 200 <= status <= 299:
        return None
    if not isinstance(data, dict) or data.get("ok") is False:
        return None
    accepted = _ids(data.get("acceptedClientEventIds"))
    rejected = _ids(data.get("rejectedClientEventIds")) - accepted
    retry = _ids(data.get("retryClientEventIds")) - accepted - rejected
    return EventReply(accepted, rejected, retry, data.get("shouldRetry") is True, _issues(data.get("issues")))


def _ids(value: Any) -> frozenset[str]:
    return frozenset(item for item in value if isinstance(item, str)) if isinstance(value, list) else frozenset()


def _issues(value: Any) -> tuple[Issue, ...]:
    if not isinstance(value, list):
        return ()
    found = []
    for item in value:
        if isinstance(item, dict):
            event_id = item.get("clientEventId")
            found.append(
                Issue(
                    level=code_of(item.get("level")),
                    code=code_of(item.get("code")),
                    client_event_id=event_id if isinstance(event_id, str) else None,
                    message=code_of(item.get("message")),
                )
            )
    return tuple(found)

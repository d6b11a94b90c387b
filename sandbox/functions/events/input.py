"""What a media-swipe-event body says: rows to store, operations to run later, and what is wrong with it. (pure)

The endpoint never refuses a body as a whole. Every event ends in one of three lists by its client event id, with an
issue that says why (contract 3.1 to 3.4).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sandbox.functions import js
from sandbox.functions.events.context import Context, read_context
from sandbox.functions.events.keys import dedupe_key, is_uuid, payload_json
from sandbox.functions.events.labels import RATINGS, WATCHLIST_ON, label_for

ISSUE_LIMIT = 200
EVENT_TYPES = frozenset(
    [
        "impression",
        "detail_open",
        "detail_close",
        "dwell",
        "like",
        "dislike",
        "skip",
        "watchlist",
        "watchlist_add",
        "watchlist_remove",
        "rating",
        "rating_set",
        "share",
    ]
)
TASTE_TYPES = EVENT_TYPES - {"impression", "detail_close", "share"}
_WITHOUT_FOLLOW_UP = frozenset({"impression", "detail_open", "detail_close", "dwell", "share"})


class SwipeRow(NamedTuple):
    """One `media_events` row. Numbers and payloads are JSON text: they are computed with once, for the key."""

    session_id: str
    deck_id: str | None
    rec_request_id: str | None
    position: int | None
    media_item_id: str
    event_type: str
    source: str | None
    dwell_ms: str | None
    payload: str | None
    client_event_id: str
    rating: str | None
    in_watchlist: bool | None
    dedupe_key: str
    served_key: str | None


class StatusOp(NamedTuple):
    """Put a title into the library with a status, or take it out."""

    media_item_id: str
    status: str
    enabled: bool


class WatchlistOp(NamedTuple):
    """Put a title on the watchlist, or take it off."""

    media_item_id: str
    enabled: bool


class RatingOp(NamedTuple):
    """Rate a title; no rating takes the stored one away."""

    media_item_id: str
    rating: str | None


@dataclass
class Ingest:
    """Everything one request said; the id lists are dicts for JavaScript's insertion-ordered sets."""

    synthetic_dwell_ms: int
    new_id: Callable[[], str]
    items: int = 0
    rows: list[SwipeRow] = field(default_factory=list)
    # one per row: None for a row the server made up itself, which no client waits for
    row_ids: list[str | None] = field(default_factory=list)
    status_ops: list[StatusOp] = field(default_factory=list)
    watchlist_ops: list[WatchlistOp] = field(default_factory=list)
    rating_ops: list[RatingOp] = field(default_factory=list)
    labels: dict[str, dict[str, None]] = field(default_factory=dict)
    strong_positive: bool = False
    accepted: dict[str, None] = field(default_factory=dict)
    rejected: dict[str, None] = field(default_factory=dict)
    retry: dict[str, None] = field(default_factory=dict)
    issues: list[dict[str, Any]] = field(default_factory=list)
    _last_context: tuple[tuple[Any, ...], Context] | None = None
    _ids: dict[str, tuple[str, bool]] = field(default_factory=dict)

    def issue(
        self,
        level: str,
        code: str,
        message: str,
        client_event_id: str | None = None,
        meta: dict[str, Any] | None = None,
    ) -> None:
        """Note one issue; after 200 the rest goes unsaid."""
        if len(self.issues) >= ISSUE_LIMIT:
            return
        issue: dict[str, Any] = {"level": level, "code": code, "message": message}
        if client_event_id is not None:
            issue["clientEventId"] = client_event_id
        if meta is not None:
            issue["meta"] = meta
        self.issues.append(issue)

    def reject(self, client_event_id: str, code: str, message: str, meta: dict[str, Any] | None = None) -> None:
        """The event is refused for good."""
        self.rejected[client_event_id] = None
        self.issue("error", code, message, client_event_id, meta)

    def later(self, client_event_id: str, message: str, meta: dict[str, Any] | None = None) -> None:
        """The event could not be stored now."""
        self.retry[client_event_id] = None
        self.issue("warn", "DB_RETRY", message, client_event_id, meta)

    def settle(self) -> None:
        """Accepted beats rejected and retry; rejected beats retry."""
        for identifier in self.accepted:
            self.rejected.pop(identifier, None)
            self.retry.pop(identifier, None)
        for identifier in self.rejected:
            self.retry.pop(identifier, None)

    def read(self, raw: Any) -> None:
        """Take in a parsed body of any of the three forms.

        :raises TypeError: for values JavaScript cannot turn into text; what was read before stays.
        """
        items = raw["items"] if isinstance(raw, dict) and isinstance(raw.get("items"), list) else [raw]
        self.items = len(items)
        for item in items:
            if isinstance(item, dict):
                self._item(item)
            elif isinstance(item, list):
                self._item({})  # an array is an object without any of the members

    def _item(self, item: dict[str, Any]) -> None:
        session_id, session_fits = self._id(item.get("sessionId"))
        media_item_id, media_fits = self._id(item.get("mediaItemId"))
        if not session_fits or not media_fits:
            meta = {"sessionId": session_id, "mediaItemId": media_item_id}
            for event in _events(item):
                identifier, _ = self._identify(event, item)
                self.reject(identifier, "BAD_INPUT", "Invalid or missing sessionId/mediaItemId.", meta)
            return
        context = self._context(item, media_item_id)
        raw_source = item.get("source")
        source = raw_source if raw_source is None or isinstance(raw_source, str) else js.stringify(raw_source)
        for event in _events(item):
            self._event(item, event, session_id, media_item_id, source, context)

    def _id(self, given: Any) -> tuple[str, bool]:
        """An id trimmed, and whether it is one. The items of a batch share most of theirs."""
        if type(given) is not str:
            text = js.trim(js.string(given))
            return text, is_uuid(text) is not None
        known = self._ids.get(given)
        if known is None:
            text = js.trim(given)
            known = self._ids[given] = (text, is_uuid(text) is not None)
        return known

    def _context(self, item: dict[str, Any], media_item_id: str) -> Context:
        """An item's context. In the multi form a card's events come as items of their own, which share it."""
        given = item.get("dedupeKey")
        if type(given) is not str:
            return read_context(item, media_item_id)
        known = self._last_context
        identity = (given, media_item_id, item.get("deckId"), item.get("recRequestId"), item.get("position"))
        if known is None or known[0] != identity or item.get("recRequestId") is None:
            known = self._last_context = (identity, read_context(item, media_item_id))
        return known[1]

    def _identify(self, event: dict[str, Any], item: dict[str, Any]) -> tuple[str, str]:
        given = event.get("clientEventId")
        if given is None:
            given = item.get("clientEventId")
        text = js.trim(given) if isinstance(given, str) else ""
        return (text, "") if is_uuid(text) else (self.new_id(), text)

    def _event(
        self,
        item: dict[str, Any],
        event: dict[str, Any],
        session_id: str,
        media_item_id: str,
        source: str | None,
        context: Context,
    ) -> None:
        identifier, replaced = self._identify(event, item)
        if replaced:
            message = "clientEventId was missing/invalid and was replaced."
            self.issue("warn", "CLIENT_EVENT_ID_REPLACED", message, identifier, {"replacedFrom": replaced})
        event_type = js.string(event.get("eventType"))
        raw_dwell, raw_rating, in_watchlist = event.get("dwellMs"), event.get("rating0_10"), event.get("inWatchlist")
        complaint = _complaint(event_type, raw_dwell, raw_rating, in_watchlist)
        if complaint:
            self.reject(identifier, "BAD_INPUT", complaint)
            return
        payload = event.get("payload")
        if payload is None:
            payload = item.get("payload")
        if context.issue is not None:
            code, message, meta = context.issue
            self.issue("warn", code, message, identifier, meta)
        if event_type == "like" and isinstance(payload, dict) and payload.get("action") == "status":
            self._status(payload, session_id, media_item_id, source)
            self.accepted[identifier] = None
            return
        text = payload_json(payload)
        dwell = None if raw_dwell is None else js.number(raw_dwell)
        rating = None if raw_rating is None else js.number(raw_rating)
        deck_id, rec_request_id, position, served, _ = context
        key = dedupe_key(session_id, media_item_id, event_type, deck_id, position, in_watchlist, rating, dwell, text)
        self.rows.append(
            SwipeRow(
                session_id,
                deck_id,
                rec_request_id,
                position,
                media_item_id,
                event_type,
                source,
                dwell,
                text,
                identifier,
                rating,
                in_watchlist,
                key,
                served,
            )
        )
        self.row_ids.append(identifier)
        if event_type not in _WITHOUT_FOLLOW_UP:
            self._follow_up(event_type, media_item_id, payload, raw_rating, in_watchlist, served)
        self.accepted[identifier] = None

    def _status(self, payload: dict[str, Any], session_id: str, media_item_id: str, source: str | None) -> None:
        """A diary operation dressed as a like: not stored itself, but watching something to the end is a signal."""
        wanted = payload.get("status")
        status = _STATUS.get(wanted, "watched") if isinstance(wanted, str) else "watched"
        given = payload.get("enabled")
        enabled = given if isinstance(given, bool) else True
        self.status_ops.append(StatusOp(media_item_id, status, enabled))
        if not enabled or status != "watched":
            return
        self.strong_positive = True
        dwell = js.number(self.synthetic_dwell_ms)
        text = payload_json({**payload, "_synthetic": "status_watched_to_dwell"})
        key = dedupe_key(session_id, media_item_id, "dwell", None, None, None, None, dwell, text)
        origin = "diary" if source is None else source
        self.rows.append(
            SwipeRow(
                session_id,
                None,
                None,
                None,
                media_item_id,
                "dwell",
                origin,
                dwell,
                text,
                self.new_id(),
                None,
                None,
                key,
                None,
            )
        )
        self.row_ids.append(None)

    def _follow_up(
        self, event_type: str, media_item_id: str, payload: Any, rating: Any, in_watchlist: Any, served: str | None
    ) -> None:
        label = label_for(event_type, payload, rating, in_watchlist)
        if label and served:
            self.labels.setdefault(served, {})[label] = None
        if event_type == "watchlist":
            self.watchlist_ops.append(WatchlistOp(media_item_id, bool(in_watchlist)))
        elif event_type in WATCHLIST_ON:
            self.watchlist_ops.append(WatchlistOp(media_item_id, WATCHLIST_ON[event_type]))
        elif event_type in RATINGS:
            self.rating_ops.append(RatingOp(media_item_id, None if rating is None else js.number(rating)))
        if (
            event_type in ("like", "watchlist_add")
            or (event_type == "watchlist" and in_watchlist is True)
            or (event_type in RATINGS and rating is not None and rating >= 8)
        ):
            self.strong_positive = True


_STATUS = {"want_to_watch": "want_to_watch", "watchlist": "want_to_watch", "watching": "watching", "dropped": "dropped"}


def _events(item: dict[str, Any]) -> list[dict[str, Any]]:
    events = item.get("events")
    if isinstance(events, list) and events:
        return [event if isinstance(event, dict) else {} for event in events]
    return [item]  # the single form: the base fields are the event's own


def _complaint(event_type: str, dwell: Any, rating: Any, in_watchlist: Any) -> str | None:
    if event_type not in EVENT_TYPES:
        return f"Invalid eventType: {event_type}"
    if dwell is not None and not (_finite(dwell) and dwell >= 0):
        return "Invalid dwellMs"
    if rating is not None and not (
        _finite(rating) and 0 <= rating <= 10 and abs(rating * 2 - round(rating * 2)) < 1e-9
    ):
        return "Invalid rating0_10"
    if in_watchlist is not None and not isinstance(in_watchlist, bool):
        return "Invalid inWatchlist"
    return None


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

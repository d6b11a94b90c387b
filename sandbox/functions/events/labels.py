"""The training label that a swipe event puts on the card it answers. (pure)"""

from __future__ import annotations

from typing import Any

from sandbox.functions import js

RATINGS = frozenset({"rating", "rating_set"})
WATCHLIST_ON = {"watchlist_add": True, "watchlist_remove": False}


def label_for(event_type: str, payload: Any, rating: Any, in_watchlist: Any) -> str | None:
    """The training label an event puts on the card it answers, None for events without one."""
    action = payload.get("action") if isinstance(payload, dict) else None
    action = js.trim(action) if isinstance(action, str) else None
    if event_type == "like":
        return {"status": "status_watched", "more_like_this": "swipe_more_like_this"}.get(action or "", "swipe_like")
    if event_type == "dislike":
        return {"not_interested": "swipe_not_interested", "hide": "swipe_hide"}.get(action or "", "swipe_dislike")
    if event_type == "skip":
        return "swipe_skip"
    if event_type in ("watchlist", "watchlist_add", "watchlist_remove"):
        on = WATCHLIST_ON.get(event_type, bool(in_watchlist))
        return "watchlist_add" if on else "watchlist_remove"
    if event_type in RATINGS:
        if rating is not None and rating >= 8:
            return "rating_positive"
        return "rating_negative" if rating is not None and rating <= 4 else "rating_set"
    return None

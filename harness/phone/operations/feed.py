"""The home feed and title pages (contract sections 4 and 6.7)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.phone.calls import HOME_FEED, TITLE_DETAIL
from harness.phone.phone import Phone

PAGE = 40
"""Rows a page; the server answers one more when there are more."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next page starts: the last row shown."""

    created_at: str
    row: str


@dataclass(frozen=True, slots=True)
class FeedPage:
    """What one request brought. `rows` are as the server sent them, without the look-ahead row."""

    rows: list[dict[str, Any]]
    next: Cursor | None


async def home_feed(phone: Phone, cursor: Cursor | None = None) -> FeedPage | None:
    """A page of the feed, from pulling to rows on screen; None when it did not come."""
    with phone.operation("home_feed") as operation:
        body = {
            "p_user_id": phone.user_id,
            "p_limit": PAGE,
            "p_cursor_created_at": cursor.created_at if cursor else None,
            "p_cursor_id": cursor.row if cursor else None,
        }
        reading = await phone.request(HOME_FEED, body=body)
        if not operation.ends(reading.outcome) or not isinstance(reading.data, list):
            return None
    shown = reading.data[:PAGE]
    more = len(reading.data) > PAGE
    return FeedPage(shown, Cursor(shown[-1]["created_at"], shown[-1]["id"]) if more else None)


async def title_detail(phone: Phone, title: str) -> None:
    """What the swipe page reads ahead for each card, and a title page when it opens."""
    await phone.request(TITLE_DETAIL, title)

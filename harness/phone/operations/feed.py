"""The home feed and title pages (contract sections 4 and 6.7)."""

from __future__ import annotations

from dataclasses import dataclass

from harness.outcome import Outcome
from harness.phone import shapes
from harness.phone.calls import HOME_FEED, TITLE_DETAIL
from harness.phone.phone import Phone
from harness.phone.shapes import Cursor

PAGE = 40
"""Rows a page; the server answers one more when there are more."""


@dataclass(frozen=True, slots=True)
class FeedPage:
    """What one request brought: rows on screen, and where the next page starts if there is one."""

    rows: int
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
        if not operation.ends(reading.outcome):
            return None
        rows = shapes.feed(reading.data)
        if rows is None:
            operation.ends(Outcome.SOFT_FAILURE)
            return None
    shown = rows[:PAGE]
    return FeedPage(len(shown), shown[-1] if len(rows) > PAGE else None)


async def title_detail(phone: Phone, title: str) -> None:
    """What the swipe page reads ahead for each card, and a title page when it opens."""
    await phone.request(TITLE_DETAIL, title)

"""The home feed (contract section 4)."""

from __future__ import annotations

from typing import Any, NamedTuple

from harness.client.api import shapes
from harness.client.api.call import Call
from harness.client.api.calls import FRIENDS_WATCHING, HOME_FEED
from harness.client.api.shapes import Cursor
from harness.client.cache.queries import CachedQuery, Fetched
from harness.client.cache.query_cache import FEED
from harness.client.cache.query_cache import FRIENDS_WATCHING as FRIENDS_WATCHING_RULES
from harness.client.device import Device
from harness.core.flat_rows import FlatRows
from harness.core.outcome import Outcome

PAGE = 40
"""Rows a page; the server answers one more when there are more."""
FRIENDS_ROWS = 200


class Lead(NamedTuple):
    """What a row on screen leads on to."""

    title: str
    kind: str | None
    actor: str | None


class FeedPage(NamedTuple):
    """What one request brought: rows on screen, those of them with a title, and where the next page starts if any."""

    rows: int
    leads: FlatRows[Lead]
    next: Cursor | None


def first_page(phone: Device) -> CachedQuery[FeedPage]:
    """The feed's first page, prefetched at page load and shown by the home screen."""
    return CachedQuery(("home_feed", phone.user_id), lambda: _page(phone, HOME_FEED, PAGE, None), FEED)


def friends_watching(phone: Device, visit: int = 0) -> CachedQuery[int]:
    """The landing page's own long read of the same feed; how many rows came."""

    async def fetch() -> Fetched[int]:
        outcome, data = await _read(phone, FRIENDS_WATCHING, FRIENDS_ROWS, None)
        rows = shapes.feed_length(data)
        if not outcome.good or rows is None:
            return Fetched(Outcome.SOFT_FAILURE if outcome.good else outcome)
        return Fetched(Outcome.OK, min(rows, FRIENDS_ROWS))

    return CachedQuery(("friends_watching", str(visit), phone.user_id), fetch, FRIENDS_WATCHING_RULES)


async def home_feed(phone: Device, cursor: Cursor | None = None) -> FeedPage | None:
    """A page of the feed, from pulling to rows on screen; None when it did not come.

    The first page comes from the page's memory while that is fresh; the ones after it always from the server.
    """
    with phone.notes.operation("home_feed") as operation:
        if cursor is None:
            fetched = await phone.page.queries.once(first_page(phone))
        else:
            fetched = await _page(phone, HOME_FEED, PAGE, cursor)
        operation.ends(fetched.outcome)
        return fetched.value


async def _read(phone: Device, call: Call, limit: int, cursor: Cursor | None) -> tuple[Outcome, Any]:
    body = {
        "p_user_id": phone.user_id,
        "p_limit": limit,
        "p_cursor_created_at": cursor.created_at if cursor else None,
        "p_cursor_id": cursor.row if cursor else None,
    }
    reading = await phone.api.request(call, body=body)
    return reading.outcome, reading.data


async def _page(phone: Device, call: Call, limit: int, cursor: Cursor | None) -> Fetched[FeedPage]:
    outcome, data = await _read(phone, call, limit, cursor)
    if not outcome.good:
        return Fetched(outcome)
    rows = shapes.feed(data)
    if rows is None:
        return Fetched(Outcome.SOFT_FAILURE)
    shown = rows[:limit]
    leads = FlatRows(Lead, (value for row in shown if row.title is not None for value in row.lead))
    return Fetched(Outcome.OK, FeedPage(len(shown), leads, shown[-1].cursor if len(rows) > limit else None))

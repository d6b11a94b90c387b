"""The home feed (contract section 4)."""

from __future__ import annotations

from dataclasses import dataclass

from harness.client.api import shapes
from harness.client.api.call import Call
from harness.client.api.calls import FRIENDS_WATCHING, HOME_FEED
from harness.client.api.shapes import Cursor
from harness.client.cache.queries import CachedQuery, Fetched
from harness.client.cache.query_cache import FEED
from harness.client.cache.query_cache import FRIENDS_WATCHING as FRIENDS_WATCHING_RULES
from harness.client.device import Device
from harness.core.outcome import Outcome

PAGE = 40
"""Rows a page; the server answers one more when there are more."""
FRIENDS_ROWS = 200


@dataclass(frozen=True, slots=True)
class Lead:
    """What a row on screen leads on to."""

    title: str
    kind: str | None
    actor: str | None


@dataclass(frozen=True, slots=True)
class FeedPage:
    """What one request brought: rows on screen, those of them with a title, and where the next page starts if any."""

    rows: int
    leads: tuple[Lead, ...]
    next: Cursor | None


def first_page(phone: Device) -> CachedQuery[FeedPage]:
    """The feed's first page, prefetched at page load and shown by the home screen."""
    return CachedQuery(("home_feed", phone.user_id), lambda: _page(phone, HOME_FEED, PAGE, None), FEED)


def friends_watching(phone: Device, visit: int = 0) -> CachedQuery[int]:
    """The landing page's own long read of the same feed; how many rows came."""

    async def fetch() -> Fetched[int]:
        fetched = await _page(phone, FRIENDS_WATCHING, FRIENDS_ROWS, None)
        return Fetched(fetched.outcome, None if fetched.value is None else fetched.value.rows)

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


async def _page(phone: Device, call: Call, limit: int, cursor: Cursor | None) -> Fetched[FeedPage]:
    body = {
        "p_user_id": phone.user_id,
        "p_limit": limit,
        "p_cursor_created_at": cursor.created_at if cursor else None,
        "p_cursor_id": cursor.row if cursor else None,
    }
    reading = await phone.api.request(call, body=body)
    if not reading.outcome.good:
        return Fetched(reading.outcome)
    rows = shapes.feed(reading.data)
    if rows is None:
        return Fetched(Outcome.SOFT_FAILURE)
    shown = rows[:limit]
    leads = tuple(Lead(row.title, row.kind, row.actor) for row in shown if row.title is not None)
    return Fetched(Outcome.OK, FeedPage(len(shown), leads, shown[-1].cursor if len(rows) > limit else None))

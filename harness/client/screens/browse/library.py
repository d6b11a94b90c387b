"""What people note: diary, watchlist, ratings, whom they follow (contract 3.9, 6.7)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Literal

from harness.client.api import shapes
from harness.client.api.call import Call
from harness.client.api.calls import (
    DIARY_STATS,
    FOLLOW,
    LIBRARY_DELETE,
    LIBRARY_DELETE_WANTED,
    LIBRARY_WRITE,
    RATING_WRITE,
    REVIEW_WRITE,
    TITLE_RATING_SUMMARY,
    UNFOLLOW,
)
from harness.client.api.classify import Reading
from harness.client.cache.queries import CachedQuery, Fetched
from harness.client.cache.query_cache import DIARY_STATS as DIARY_RULES
from harness.client.device import Device
from harness.client.screens.browse.suggestions import HintChip
from harness.client.screens.browse.title import ORIGIN, SEARCH, send_title_event
from harness.client.screens.screen import Screen
from harness.client.write import Write
from harness.core.actions import UserAction
from harness.core.content import content_of
from harness.core.instants import epoch_us
from harness.core.ledger import WriteKind
from harness.core.outcome import Outcome

REVIEWS_SHEET = "title_reviews"
Status = Literal["want_to_watch", "watching", "watched", "dropped"]
_CONTENT_TYPES = frozenset(("movie", "series", "anime"))


def diary_stats(phone: Device) -> CachedQuery[int]:
    """The diary's figures, as the page remembers them."""

    async def fetch() -> Fetched[int]:
        return Fetched.of(await phone.api.request(DIARY_STATS, body={"p_user_id": phone.user_id}), shapes.rows)

    return CachedQuery(("diary", "stats", phone.user_id), fetch, DIARY_RULES)


class Diary(Screen):
    """One visit to the diary."""

    name = "diary"

    async def open(self) -> bool:
        """From tapping the tab to the figures on screen."""
        self.opens()
        HintChip.of(self.phone).show("diary")
        with self.phone.notes.operation("diary_open") as operation:
            return operation.ends((await self.show(diary_stats(self.phone))).outcome)


async def set_status(phone: Device, title: str, kind: str | None, status: Status) -> Outcome:
    """Put a title into the library: an upsert, so that saying it twice is once."""
    phone.notes.did(UserAction.STATUS, status)
    with phone.notes.operation("library_write") as operation:
        outcome = await _write(phone, title, kind, status)
        operation.ends(outcome)
    _library_changed(phone)
    return outcome


async def forget(phone: Device, title: str) -> Outcome:
    """Take it out again."""
    with phone.notes.operation("library_write") as operation:
        outcome = await _delete(phone, title)
        operation.ends(outcome)
    _title_changed(phone, title)
    return outcome


async def to_watchlist_from_title(phone: Device, title: str, kind: str | None, *, wanted: bool = True) -> Outcome:
    """The title page's button, on or off: event and library entry at once; the entry is what counts."""
    action = "watchlist_add" if wanted else "watchlist_remove"
    phone.notes.did(UserAction.WATCHLIST, "title" if wanted else "title off")
    with phone.notes.operation(action) as operation:
        _, outcome = await asyncio.gather(
            send_title_event(
                phone, "watchlist", title, in_watchlist=wanted, payload={"action": action, "origin": ORIGIN}
            ),
            _write(phone, title, kind, "want_to_watch") if wanted else _delete(phone, title),
        )
        operation.ends(outcome)
    if wanted:
        _library_changed(phone)
    _title_changed(phone, title)
    return outcome


async def review(phone: Device, title: str, kind: str | None, half_stars: int, text: str) -> Outcome:
    """The reviews sheet: event, rating and review at once; the sheet closes once the review is stored.

    As shipped the rating is refused (trap T16) and nobody can read the review (trap T17).
    """
    phone.notes.did(UserAction.REVIEW)
    type_ = _content_type(kind)
    own = {"user_id": phone.user_id, "title_id": title, "content_type": type_}
    write = phone.notes.write(WriteKind.REVIEW, subject=title, content=content_of(f"{half_stars:g}", text, type_))
    with phone.notes.operation("review_write") as operation:
        written = {**own, "rating": half_stars, "headline": None, "body": text, "spoiler": False}
        answers = await asyncio.gather(
            _carried(write, phone.api.request(REVIEW_WRITE, body=written)),
            _rate(phone, title, kind, half_stars, sheet=True),
            send_title_event(
                phone,
                "rating",
                title,
                source=REVIEWS_SHEET,
                rating0_10=half_stars,
                payload={"action": "rate_and_review", "origin": REVIEWS_SHEET},
            ),
        )
        outcome: Outcome = answers[0].outcome
        operation.ends(outcome)
    phone.page.queries.invalidate(TITLE_RATING_SUMMARY.name, title)
    phone.page.queries.invalidate("title-detail", title)
    return outcome


async def to_watchlist_from_search(phone: Device, title: str, kind: str | None, *, wanted: bool = True) -> Outcome:
    """A search result's button, on or off: first the event, and only where that seems to have arrived the entry. Off,
    it takes away only what is still on the watchlist."""
    phone.notes.did(UserAction.WATCHLIST, "search" if wanted else "search off")
    with phone.notes.operation("watchlist_add" if wanted else "watchlist_remove") as operation:
        if not await send_title_event(phone, "watchlist", title, source=SEARCH, in_watchlist=wanted):
            operation.ends(Outcome.SOFT_FAILURE)
            return Outcome.SOFT_FAILURE
        if wanted:
            outcome = await _write(phone, title, kind, "want_to_watch")
            _library_changed(phone)
        else:
            outcome = await _delete(phone, title, LIBRARY_DELETE_WANTED)
        operation.ends(outcome)
    queries = phone.page.queries
    queries.invalidate("search", "titleDiaryBulk", phone.user_id)
    queries.invalidate("diary", "library", phone.user_id)
    queries.invalidate("title-diary", phone.user_id, title)
    return outcome


async def rate(phone: Device, title: str, kind: str | None, half_stars: int) -> Outcome:
    """One to ten half stars. As shipped nobody may read ratings, so the upsert is refused every time (trap T16)."""
    with phone.notes.operation("rating_write") as operation:
        outcome = await _rate(phone, title, kind, half_stars)
        operation.ends(outcome)
    _library_changed(phone)
    return outcome


async def follow(phone: Device, other: str) -> Outcome:
    """Somebody already followed counts as followed."""
    phone.notes.did(UserAction.FOLLOW)
    at = phone.clock.wall_clock()
    body = {"follower_id": phone.user_id, "followed_id": other, "created_at": at}
    with phone.notes.operation("follow") as operation:
        write = phone.notes.write(WriteKind.FOLLOW, subject=other, key=epoch_us(at) or 0)
        reading = await _carried(write, phone.api.request(FOLLOW, body=body))
        operation.ends(reading.outcome)
    if reading.outcome.good or reading.outcome is Outcome.CONFLICT:
        phone.page.queries.invalidate("profile")
    return reading.outcome


async def unfollow(phone: Device, other: str) -> Outcome:
    """Nobody followed is as good as somebody no longer followed."""
    phone.notes.did(UserAction.UNFOLLOW)
    with phone.notes.operation("follow") as operation:
        write = phone.notes.write(WriteKind.UNFOLLOW, subject=other)
        reading = await _carried(write, phone.api.request(UNFOLLOW, phone.user_id, other))
        operation.ends(reading.outcome)
    if reading.outcome.good:
        phone.page.queries.invalidate("profile")
    return reading.outcome


async def _write(phone: Device, title: str, kind: str | None, status: Status) -> Outcome:
    type_ = _content_type(kind)
    body = {
        "user_id": phone.user_id,
        "title_id": title,
        "status": status,
        "updated_at": phone.clock.wall_clock(),
        "content_type": type_,
    }
    write = phone.notes.write(WriteKind.LIBRARY, subject=title, detail=status, content=content_of(status, type_))
    return (await _carried(write, phone.api.request(LIBRARY_WRITE, body=body))).outcome


async def _delete(phone: Device, title: str, call: Call = LIBRARY_DELETE) -> Outcome:
    write = phone.notes.write(WriteKind.UNLIBRARY, subject=title)
    return (await _carried(write, phone.api.request(call, phone.user_id, title))).outcome


async def _rate(phone: Device, title: str, kind: str | None, half_stars: int, *, sheet: bool = False) -> Outcome:
    """From the reviews sheet without a date, and with its members in another order."""
    type_ = _content_type(kind)
    own = {"user_id": phone.user_id, "title_id": title}
    if sheet:
        body = {**own, "content_type": type_, "rating": half_stars}
    else:
        body = {**own, "rating": half_stars, "updated_at": phone.clock.wall_clock(), "content_type": type_}
    write = phone.notes.write(WriteKind.RATING, subject=title, content=content_of(f"{half_stars:g}", type_))
    return (await _carried(write, phone.api.request(RATING_WRITE, body=body))).outcome


async def _carried(write: Write, request: Coroutine[Any, Any, Reading]) -> Reading:
    """A request with one write in it, noted as it leaves and as it ends."""
    write.sent()
    reading = await request
    write.answered(reading)
    return reading


def _library_changed(phone: Device) -> None:
    """What every change of status or rating has read again where it is shown. The title's own entry is not among it:
    the app means to, but names no title, and that matches none."""
    phone.page.queries.invalidate("diary", "library", phone.user_id)
    phone.page.queries.invalidate("diary", "stats", phone.user_id)


def _title_changed(phone: Device, title: str) -> None:
    """What the watchlist button of a title's page has read again, however it ended."""
    phone.page.queries.invalidate("title-diary", phone.user_id, title)
    _library_changed(phone)
    phone.page.queries.invalidate("home_feed", phone.user_id)


def _content_type(kind: str | None) -> str:
    """What the library can hold; the catalogue knows more kinds."""
    return kind if kind in _CONTENT_TYPES else "movie"

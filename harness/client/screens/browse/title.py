"""A title's own page (contract 3.9, 6.7, 10.2).

Its events go straight to the event endpoint, one a request. The app takes any 200 for success, whatever the body says,
and never tries again or queues: what a limiter or the database refused is lost (contract 3.8, direct path).
"""

from __future__ import annotations

import asyncio
from typing import Any

from harness.client.api import shapes
from harness.client.api.call import Call
from harness.client.api.calls import (
    LIBRARY_ENTRY,
    OWN_RATING,
    TITLE_EVENT,
    TITLE_FEEDBACK,
    TITLE_PAGE,
    TITLE_RATING_SUMMARY,
    TITLE_REVIEWERS,
    TITLE_REVIEWS,
)
from harness.client.cache.queries import CachedQuery, Fetched
from harness.client.cache.query_cache import DEFAULT, TITLE, Rules
from harness.client.device import Device
from harness.client.events.event_key import event_facts
from harness.client.events.swipe_event import SwipeEvent, event_reply
from harness.client.screens.browse.suggestions import HintChip
from harness.client.screens.reading import AGAIN_AFTER_S, joined, one, rows, texts
from harness.client.screens.screen import Screen
from harness.core.actions import UserAction
from harness.core.ledger import WriteKind
from harness.core.outcome import Outcome

ORIGIN = "title_detail"
SEARCH = "search"
DIARY = Rules(stale_s=30.0)
REVIEWS = Rules(stale_s=30.0)


async def send_title_event(
    phone: Device,
    event_type: str,
    title: str,
    *,
    source: str = "title",
    payload: dict[str, Any] | None = None,
    in_watchlist: bool | None = None,
    rating0_10: float | None = None,
) -> bool:
    """One event, single form. Whether the app believes it arrived: after any 200, never because of the body."""
    id_ = phone.new_id()
    body = _event_body(phone.local.session_id, event_type, title, source, payload, in_watchlist, rating0_10, id_)
    event = SwipeEvent(
        event_type,
        id_,
        phone.local.session_id,
        title,
        source=source,
        rating0_10=rating0_10,
        in_watchlist=in_watchlist,
        payload=payload,
    )
    write = phone.notes.write(WriteKind.EVENT, **event_facts(event))
    write.sent()
    reading = await phone.api.request(TITLE_EVENT, body=body)
    answer = event_reply(reading.status, reading.data)
    if answer is None:
        write.answered(reading)
    else:
        write.settled(answer.outcome_of(id_))
    return reading.status == 200


def _event_body(
    session: str,
    event_type: str,
    title: str,
    source: str,
    payload: dict[str, Any] | None,
    in_watchlist: bool | None,
    rating0_10: float | None,
    id_: str,
) -> dict[str, Any]:
    """Members in the app's order. There is no deck behind such an event, and the app says so with nulls. (pure)"""
    told: dict[str, Any] = {"eventType": event_type}
    if rating0_10 is not None:
        told["rating0_10"] = rating0_10
    if in_watchlist is not None:
        told["inWatchlist"] = in_watchlist
    body: dict[str, Any] = {"sessionId": session}
    if source == SEARCH:
        body |= {"mediaItemId": title, "source": source, **told}
    else:
        body |= {"deckId": None, "position": None, "mediaItemId": title, **told, "source": source}
    if payload is not None:
        body["payload"] = payload
    nulls = ("deckId", "recRequestId", "rec_request_id", "position", "dedupeKey", "dedupe_key")
    return {**body, **dict.fromkeys(nulls), "clientEventId": id_}


def diary_entry(phone: Device, title: str) -> CachedQuery[int]:
    """What this person noted about a title: library entry and rating, asked for at once; how many of the two."""

    async def fetch() -> Fetched[int]:
        noted = await asyncio.gather(
            rows(phone, LIBRARY_ENTRY, phone.user_id, title), rows(phone, OWN_RATING, phone.user_id, title)
        )
        for fetched in noted:
            if fetched.value is None:
                return Fetched(fetched.outcome)
        return Fetched(Outcome.OK, sum(len(fetched.value or ()) for fetched in noted))

    return CachedQuery(("title-diary", phone.user_id, title), fetch, DIARY, again_after_s=AGAIN_AFTER_S)


def _reviews(phone: Device, title: str) -> CachedQuery[int]:
    """The two newest reviews, and who wrote them."""

    async def fetch() -> Fetched[int]:
        reviews = await rows(phone, TITLE_REVIEWS, title)
        if reviews.value is None:
            return Fetched(reviews.outcome)
        if writers := joined(texts(reviews.value, "user_id")):
            await rows(phone, TITLE_REVIEWERS, writers)
        return Fetched(Outcome.OK, len(reviews.value))

    return CachedQuery(("title", "reviews-preview", title), fetch, REVIEWS, again_after_s=AGAIN_AFTER_S)


def _title_page(phone: Device, title: str) -> CachedQuery[int]:
    """The title's row. What a swiped card told of it stands under the same key, and does for a minute."""

    async def fetch() -> Fetched[int]:
        row = await one(phone, TITLE_PAGE, title)
        return Fetched(row.outcome, None if row.value is None else int(bool(row.value)))

    return CachedQuery(("title-detail", title), fetch, TITLE, again_after_s=AGAIN_AFTER_S)


def _table(phone: Device, call: Call, title: str, rules: Rules, *arguments: str) -> CachedQuery[int]:
    async def fetch() -> Fetched[int]:
        return Fetched.of(await phone.api.request(call, *arguments), shapes.rows)

    return CachedQuery((call.name, title), fetch, rules)


class TitlePage(Screen):
    """One visit to a title's page."""

    name = "title"

    def __init__(self, phone: Device, title: str) -> None:
        super().__init__(phone)
        self.title = title

    async def open(self) -> bool:
        """From tapping the title to its page; False when the title itself did not come."""
        phone, title = self.phone, self.title
        self.opens()
        phone.notes.did(UserAction.TITLE, title)
        HintChip.of(phone).show("title", {"titleId": title})
        phone.background.start(self._tell("detail_open"))
        with phone.notes.operation("title_open") as operation:
            page = _title_page(phone, title)
            others = [
                self._rating_summary(),
                _reviews(phone, title),
                _table(phone, TITLE_FEEDBACK, title, DEFAULT, phone.user_id, title),
                diary_entry(phone, title),
            ]
            self.mount(page)
            for query in others:
                self.mount(query)
            queries = phone.page.queries
            good = operation.ends((await queries.settled(page)).outcome)
            for query in others:
                operation.ends((await queries.settled(query)).outcome)
        return good

    def _rating_summary(self) -> CachedQuery[int]:
        phone, title = self.phone, self.title

        async def fetch() -> Fetched[int]:
            return Fetched.of(await phone.api.request(TITLE_RATING_SUMMARY, body={"p_title_id": title}), shapes.rows)

        return CachedQuery((TITLE_RATING_SUMMARY.name, title), fetch, TITLE)

    async def like(self, *, liked: bool = True) -> bool:
        """The heart. Whether the app shows it as done."""
        self.phone.notes.did(UserAction.HEART, self.title)
        with self.phone.notes.operation("title_like") as operation:
            done = await send_title_event(
                self.phone,
                "like" if liked else "skip",
                self.title,
                payload={"action": "like" if liked else "unlike", "origin": ORIGIN},
            )
            operation.ends(Outcome.OK if done else Outcome.SOFT_FAILURE)
        self.phone.page.queries.invalidate(TITLE_FEEDBACK.name, self.title)
        return done

    def leave(self) -> None:
        """Back to where the person came from; the page says so itself, and nobody waits."""
        if not self._left:
            self.phone.background.start(self._tell("detail_close"))
        super().leave()

    async def _tell(self, event_type: str) -> None:
        await send_title_event(self.phone, event_type, self.title, payload={"origin": ORIGIN})

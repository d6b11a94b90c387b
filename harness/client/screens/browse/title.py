"""A title's own page (contract 3.9, 6.7, 10.2).

Its events go straight to the event endpoint, one a request. The app takes any 200 for success, whatever the body says,
and never tries again or queues: what a limiter or the database refused is lost (contract 3.8, direct path).
"""

from __future__ import annotations

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
    TITLE_REVIEWS,
)
from harness.client.cache.queries import CachedQuery, Fetched
from harness.client.cache.query_cache import DEFAULT, TITLE, Rules
from harness.client.device import Device
from harness.client.events.event_key import event_facts
from harness.client.events.swipe_event import SwipeEvent, event_reply
from harness.client.screens.browse.suggestions import show_suggestions
from harness.client.screens.screen import Screen
from harness.core.actions import UserAction
from harness.core.ledger import WriteKind
from harness.core.outcome import Outcome

ORIGIN = "title_detail"


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
    body: dict[str, Any] = {
        "sessionId": phone.local.session_id,
        "mediaItemId": title,
        "eventType": event_type,
        "source": source,
    }
    if rating0_10 is not None:
        body["rating0_10"] = rating0_10
    if in_watchlist is not None:
        body["inWatchlist"] = in_watchlist
    if payload is not None:
        body["payload"] = payload
    body["clientEventId"] = id_ = phone.new_id()
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


def diary_entry(phone: Device, title: str) -> CachedQuery[int]:
    """What this person noted about a title: library entry, then rating; how many of the two there are."""

    async def fetch() -> Fetched[int]:
        entry = Fetched.of(await phone.api.request(LIBRARY_ENTRY, phone.user_id, title), shapes.rows)
        if entry.value is None:
            return Fetched(entry.outcome)
        rating = Fetched.of(await phone.api.request(OWN_RATING, phone.user_id, title), shapes.rows)
        return rating if rating.value is None else Fetched(Outcome.OK, entry.value + rating.value)

    return CachedQuery(("diary_entry", phone.user_id, title), fetch)


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
        show_suggestions(self, "title")
        phone.background.start(self._tell("detail_open"))
        with phone.notes.operation("title_open") as operation:
            page = _table(phone, TITLE_PAGE, title, TITLE, title)
            others = [
                self._rating_summary(),
                _table(phone, TITLE_REVIEWS, title, TITLE, title),
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
        return done

    def leave(self) -> None:
        """Back to where the person came from; the page says so itself, and nobody waits."""
        if not self._left:
            self.phone.background.start(self._tell("detail_close"))
        super().leave()

    async def _tell(self, event_type: str) -> None:
        await send_title_event(self.phone, event_type, self.title, payload={"origin": ORIGIN})

"""The assistant's hints in the shell (contract 6.6, 10.2). Chatting with it: `screens/chat`.

The app's frame holds one hint for the whole page. It follows the person: each route is a surface with a context, and
each pair is a read of its own, stale after a minute and polled while it is the one on screen. Whenever another
suggestion comes to stand first on it, remembered or new, the app tells the server that it was shown.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from harness.client.api import shapes
from harness.client.api.calls import ASSISTANT_CONVERSATION, ASSISTANT_SUGGESTIONS, SUGGESTION_SHOWN
from harness.client.api.chat_shapes import Summary, assistant_id, conversation_id
from harness.client.cache.local_storage import ASSISTANT, ASSISTANT_S
from harness.client.cache.queries import CachedQuery, Fetched
from harness.client.cache.query_cache import Rules
from harness.client.device import Device
from harness.core.actions import UserAction
from harness.core.outcome import Outcome

LIMIT = 3
RULES = Rules(stale_s=60.0)
EVERY_S: Mapping[str, float] = {
    "swipe": 120.0,
    "search": 120.0,
    "messages": 120.0,
    "title": 300.0,
    "home": 420.0,
    "diary": 600.0,
}
"""Poll interval by surface, at proactivity level 1, the default."""
QUERY_LETTERS = 60
"""Of a search text, so many tell one context from another."""
BOOTSTRAPS = 3
"""The person becomes a new object that often while a page loads, and each time the frame asks for the assistant."""


async def ensure_assistant(phone: Device) -> None:
    """What the app's frame does when somebody is there: three requests at once, unless asked in the last six hours."""
    if phone.local.young(ASSISTANT, ASSISTANT_S, phone.now()) is None:
        await asyncio.gather(*(find_assistant(phone, {"reason": "bootstrap"}) for _ in range(BOOTSTRAPS)))


async def find_assistant(phone: Device, body: dict[str, str]) -> Summary | None:
    """Which conversation is the assistant's, asked anew and remembered; None when it did not come."""
    reading = await phone.api.request(ASSISTANT_CONVERSATION, body=body)
    found = conversation_id(reading.data) if reading.outcome.good else None
    if found is None:
        return None
    assistant = assistant_id(reading.data)
    summary = Summary(found, False, (assistant,) if assistant else ())
    phone.local.put(ASSISTANT, summary, phone.now())
    return summary


class HintChip:
    """One page's hint; use `HintChip.of(phone)`."""

    def __init__(self, phone: Device) -> None:
        self._phone = phone
        self._query: CachedQuery[list[str]] | None = None
        self._poller: asyncio.Task[None] | None = None
        self._first: str | None = None
        phone.page.queries.at_close(self._page_gone)

    @classmethod
    def of(cls, phone: Device) -> HintChip:
        """This page's."""
        return phone.page.of(cls, lambda: cls(phone))

    def show(self, surface: str, context: Mapping[str, str] | None = None) -> None:
        """The person is on that surface now, which is about `context`."""
        phone, told = self._phone, dict(context or {})
        about = {name: value[:QUERY_LETTERS] if name == "query" else value for name, value in told.items()}
        key = ("assistant", "suggestions", phone.user_id, surface, *(f"{name}={about[name]}" for name in sorted(about)))
        if self._query is not None and self._query.key == key:
            return
        phone.notes.did(UserAction.SURFACE, ":".join(key[3:]))
        before = self._query
        query = CachedQuery(key, lambda: self._suggestions(key, surface, told), RULES)
        self._query = query
        phone.page.queries.mount(query)
        self._stop(before)
        self._poller = phone.background.start(phone.page.queries.keep_fresh(query, lambda: EVERY_S[surface]))
        self._shows(phone.page.queries.cache.value(key, phone.now()))

    def hide(self) -> None:
        """On a route without it."""
        if self._query is not None:
            self._phone.notes.did(UserAction.SURFACE, "")
        before, self._query, self._first = self._query, None, None
        self._stop(before)

    def _page_gone(self) -> None:
        """Its reads and polls hold it, and it holds them."""
        self._query = self._poller = None

    def _stop(self, before: CachedQuery[list[str]] | None) -> None:
        if before is not None:
            self._phone.page.queries.unmount(before)
        if self._poller is not None:
            self._poller.cancel()
            self._poller = None

    async def _suggestions(self, key: tuple[str, ...], surface: str, context: dict[str, str]) -> Fetched[list[str]]:
        body = {"surface": surface, "context": context, "limit": LIMIT}
        reading = await self._phone.api.request(ASSISTANT_SUGGESTIONS, body=body)
        if not reading.outcome.good:
            return Fetched(reading.outcome)
        found = shapes.suggestion_ids(reading.data)
        if found is None:
            return Fetched(Outcome.SOFT_FAILURE)
        if self._query is not None and self._query.key == key:
            self._shows(found)
        return Fetched(Outcome.OK, found)

    def _shows(self, found: list[str] | None) -> None:
        first = found[0] if found else None
        if first == self._first:
            return
        self._first = first
        if first is not None:
            self._phone.notes.did(UserAction.HINT, first)
            self._phone.background.start(self._report_shown(first))

    async def _report_shown(self, suggestion: str) -> None:
        await self._phone.api.request(SUGGESTION_SHOWN, body={"suggestionId": suggestion, "kind": "shown"})

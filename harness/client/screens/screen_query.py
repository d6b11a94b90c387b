"""A read whose screen keeps what it brings: one of the page's queries, polled at an interval that may change.

Conversations hold their pages themselves, because polls, sends and older pages grow them together; when to read is the
page's business all the same (`Queries`): stale after 15 s unless the screen says otherwise, one fetch at a time, again
on focus and on reconnect (contract 0.2).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count

from harness.client.cache import queries
from harness.client.cache.query_cache import DEFAULT_STALE_S as STALE_S
from harness.client.cache.query_cache import Rules
from harness.client.device import Device
from harness.core.outcome import Outcome

__all__ = ["STALE_S", "Fetch", "ScreenQuery"]

Fetch = Callable[[], Awaitable[Outcome]]

_numbers = count()


async def _gone() -> Outcome:
    return Outcome.GAVE_UP


async def _nothing() -> queries.Fetched[bool]:
    return queries.Fetched(Outcome.GAVE_UP)


class ScreenQuery:
    """One read with its observers taken together. Does nothing until mounted.

    every_s: the poll interval, asked for anew each time; None for a read without polls.
    """

    def __init__(
        self,
        phone: Device,
        fetch: Fetch,
        *,
        every_s: Callable[[], float] | None = None,
        stale_s: float = STALE_S,
        on_focus: bool = True,
    ) -> None:
        self._phone = phone
        self._queries = phone.page.queries
        self._fetch = fetch
        rules = Rules(stale_s=stale_s, on_focus=on_focus)
        self._read = queries.CachedQuery(("held", str(next(_numbers))), self._fetched, rules)
        self._every_s = every_s
        self._shown = False
        self._poller: asyncio.Task[None] | None = None
        self._queries.at_close(self._page_gone)

    def prefetch(self) -> None:
        """Fetch it ahead of any screen, unless it is fresh."""
        self._queries.prefetch(self._read)

    def mount(self) -> None:
        """A screen begins to show it: fetched now if stale, kept fresh from here on."""
        if self._shown:
            self.prefetch()
        else:
            self._shown = True
            self._queries.mount(self._read)
        self.restart_polling()

    async def ready(self) -> Outcome:
        """Wait for the fetch under way; OK when there is none to wait for."""
        return await self._queries.landed(self._read)

    def unmount(self) -> None:
        """No screen shows it any more; a fetch under way goes on."""
        if self._shown:
            self._shown = False
            self._queries.unmount(self._read)
        self._stop_polling()

    def restart_polling(self) -> None:
        """The interval has changed."""
        self._stop_polling()
        if self._every_s is not None and self._shown:
            self._poller = self._phone.background.start(self._queries.keep_fresh(self._read, self._every_s))

    def invalidate(self) -> None:
        """It has changed: fetched now if a screen shows it, else when one does."""
        self._queries.invalidate(*self._read.key)

    def written(self) -> None:
        """The screen has put something into what it holds: the next poll is a whole interval away."""
        if self._shown:
            self._queries.written(self._read)

    async def refetch(self) -> Outcome:
        """Fetch now, also what was being fetched: it may be from before a write. How it ended."""
        return await self._queries.refetch_anew(self._read)

    def _stop_polling(self) -> None:
        if self._poller is not None:
            self._poller.cancel()
            self._poller = None

    def _page_gone(self) -> None:
        """Forget whose screen it was: the two know each other, and it and its read do."""
        self._fetch, self._every_s = _gone, None
        self._read = self._read._replace(fetch=_nothing)

    async def _fetched(self) -> queries.Fetched[bool]:
        outcome = await self._fetch()
        return queries.Fetched(outcome, outcome.good or None)

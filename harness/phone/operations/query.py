"""A read that a screen keeps fresh, as react-query does it: on mount, on a beat, on focus, on reconnect.

Contract 0.2: stale after 15 s unless the screen says otherwise, refetched when the window comes back or the network
does, if stale by then. A beat counts from the end of the last fetch and pauses in the background and offline. One
fetch at a time: who asks while one is under way joins it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from harness.outcome import Outcome
from harness.phone.link import Change
from harness.phone.phone import Phone

STALE_S = 15.0

Fetch = Callable[[], Awaitable[Outcome]]


class Query:
    """One query with its observers taken together. Does nothing until mounted.

    every_s: the beat, asked for anew each time; None for a query without one.
    """

    def __init__(
        self, phone: Phone, fetch: Fetch, *, every_s: Callable[[], float] | None = None, stale_s: float = STALE_S
    ) -> None:
        self._phone = phone
        self._fetch = fetch
        self._every_s = every_s
        self._stale_s = stale_s
        self._settled_at: float | None = None  # end of the last fetch
        self._fresh_at: float | None = None  # end of the last fetch that brought data
        self._missed = False  # a beat came while there was no network
        self._outcome = Outcome.GAVE_UP
        self._under_way: asyncio.Task[None] | None = None
        self._beating: asyncio.Task[None] | None = None
        self._unwatch: Callable[[], None] | None = None

    @property
    def stale(self) -> bool:
        """Whether a mount or focus now would fetch."""
        return self._fresh_at is None or self._phone.now() - self._fresh_at >= self._stale_s

    def mount(self) -> None:
        """A screen begins to show it: fetched now if stale, kept fresh from here on."""
        if self._unwatch is None:
            self._unwatch = self._phone.link.watch(self._link_changed)
        if self.stale:
            self._start()
        self.restart_beat()

    async def ready(self) -> Outcome:
        """Wait for the fetch under way; OK when there is none to wait for."""
        if self._under_way is None:
            return Outcome.OK
        await asyncio.wait({self._under_way})  # a caller that goes away leaves the fetch alone
        return self._outcome

    def unmount(self) -> None:
        """No screen shows it any more; a fetch under way goes on."""
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        if self._beating is not None:
            self._beating.cancel()
            self._beating = None

    def restart_beat(self) -> None:
        """The interval has changed."""
        if self._beating is not None:
            self._beating.cancel()
            self._beating = None
        if self._every_s is not None and self._unwatch is not None:
            self._beating = self._phone.chore(self._beat(self._every_s))

    async def refetch(self) -> Outcome:
        """Fetch now, or join the fetch under way; how it ended."""
        self._start()
        return await self.ready()

    def _start(self) -> None:
        if self._under_way is None:
            self._outcome = Outcome.GAVE_UP
            self._under_way = self._phone.chore(self._run())
            self._under_way.add_done_callback(self._over)

    async def _run(self) -> None:
        self._outcome = await self._fetch()
        if self._outcome.good:
            self._fresh_at = self._phone.now()

    def _over(self, task: asyncio.Task[None]) -> None:
        self._under_way = None
        self._settled_at = self._phone.now()

    async def _beat(self, every_s: Callable[[], float]) -> None:
        phone = self._phone
        while True:
            now = phone.now()
            if self._settled_at is None:
                self._settled_at = now
            wait = self._settled_at + every_s() - now
            if wait > 0:
                await phone.pause(wait)
            elif phone.link.online and phone.link.visible:
                await self.refetch()
            else:
                self._missed = self._missed or not phone.link.online
                self._settled_at = now

    def _link_changed(self, change: Change) -> None:
        link = self._phone.link
        if change not in (Change.ONLINE, Change.VISIBLE) or not (link.online and link.visible):
            return
        if self._missed or self.stale:
            self._missed = False
            self._start()

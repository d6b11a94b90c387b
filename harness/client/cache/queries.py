"""Reads of a page, made as react-query makes them: the cache decides, this fetches.

A fetch belongs to the page, not to the screen that asked: leaving the screen does not stop it, and the next screen
that wants the same finds it under way. A query whose function listens to its abort signal (`abortable`) is the
exception: it ends with its last reader.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from harness.client.api.classify import Reading
from harness.client.cache.query_cache import DEFAULT, Key, QueryCache, Rules
from harness.core.actions import UserAction
from harness.core.outcome import Outcome

if TYPE_CHECKING:
    from harness.client.device import Device

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fetched(Generic[T]):
    """How a fetch ended, and what it brought; a value only with a good outcome."""

    outcome: Outcome
    value: T | None = None

    @staticmethod
    def of(reading: Reading, checked: Callable[[Any], T | None]) -> Fetched[T]:
        """What a reading brought; a good reply of another shape is a soft failure."""
        if not reading.outcome.good:
            return Fetched(reading.outcome)
        value = checked(reading.data)
        return Fetched(Outcome.SOFT_FAILURE) if value is None else Fetched(Outcome.OK, value)


@dataclass(frozen=True, slots=True)
class CachedQuery(Generic[T]):
    """One read. `again_after_s`: how long after a failure the whole function is tried once more; None where the calls
    in it bring their own second try (`Caller.QUERY`)."""

    key: Key
    fetch: Callable[[], Awaitable[Fetched[T]]]
    rules: Rules = DEFAULT
    again_after_s: float | None = None
    abortable: bool = False


class Queries:
    """The reads of one page load."""

    def __init__(self, phone: Device) -> None:
        self._phone = phone
        self.cache = QueryCache()
        self._known: dict[Key, CachedQuery[Any]] = {}
        self._flights: dict[Key, asyncio.Task[None]] = {}
        self._ends: dict[Key, Outcome] = {}
        self._landed_at: dict[Key, float] = {}
        self._missed: set[Key] = set()  # a beat came while there was no network

    def prefetch(self, query: CachedQuery[T]) -> None:
        """Fetch what no screen shows yet, unless it is fresh. Nobody waits for it."""
        self._known[query.key] = query
        if self.cache.prefetch(query.key, query.rules, self._phone.now()):
            self._fetch_soon(query.key)

    async def once(self, query: CachedQuery[T]) -> Fetched[T]:
        """As `prefetch`, and wait for it."""
        self.prefetch(query)
        return await self.settled(query)

    async def landed(self, query: CachedQuery[Any]) -> Outcome:
        """Wait for the fetch under way and say how it ended; OK when there is none to wait for."""
        flight = self._flights.get(query.key)
        if flight is None:
            return Outcome.OK
        await asyncio.wait((flight,))  # never cancels the flight, as awaiting it would
        return self._ends.get(query.key, Outcome.GAVE_UP)

    async def settled(self, query: CachedQuery[T]) -> Fetched[T]:
        """What is known of it once no fetch of it is under way."""
        await self.landed(query)
        value = self.cache.value(query.key, self._phone.now())
        if value is not None:
            return Fetched(Outcome.OK, value)
        return Fetched(self._ends.get(query.key, Outcome.GAVE_UP))

    def mount(self, query: CachedQuery[T]) -> None:
        """A screen begins to show it."""
        self._known[query.key] = query
        if self.cache.mount(query.key, query.rules, self._phone.now()):
            self._fetch_soon(query.key)

    def unmount(self, query: CachedQuery[T]) -> None:
        """That screen is left."""
        self.cache.unmount(query.key, query.rules, self._phone.now())
        flight = self._flights.get(query.key)
        if query.abortable and flight is not None:
            flight.cancel()

    async def refetch(self, query: CachedQuery[Any]) -> Outcome:
        """Fetch what a screen shows, whatever its age, or join the fetch under way; how it ended."""
        if self.cache.poll(query.key, self._phone.now()):
            self._fetch_soon(query.key)
        return await self.landed(query)

    async def keep_fresh(self, query: CachedQuery[Any], every_s: Callable[[], float]) -> None:
        """A screen's beat, until cancelled: fetched again so long after its last fetch ended; asked anew each time.

        It rests while the app is not on screen. A beat that finds no network is made up for when that is back.
        """
        phone = self._phone
        rested_at = self._landed_at.get(query.key, phone.now())
        while True:
            wait = max(rested_at, self._landed_at.get(query.key, rested_at)) + every_s() - phone.now()
            if wait > 0:
                await phone.pause(wait)
            elif phone.link.online and phone.visible:
                await self.refetch(query)
            else:
                if phone.visible:
                    self._missed.add(query.key)
                rested_at = phone.now()

    def focused(self) -> None:
        """The tab is visible again."""
        for key in self.cache.focused(self._phone.now()):
            self._fetch_soon(key)

    def reconnected(self) -> None:
        """The browser is online again."""
        now = self._phone.now()
        due = self.cache.reconnected(now) + [key for key in self._missed if self.cache.poll(key, now)]
        self._missed.clear()
        for key in due:
            self._fetch_soon(key)

    def invalidate(self, *prefix: str) -> None:
        """A write changed everything whose key begins so."""
        for key in self.cache.invalidate(prefix, self._phone.now()):
            self._fetch_soon(key)

    def _fetch_soon(self, key: Key) -> None:
        task = self._phone.chore(self._fetch(self._known[key]))
        self._flights[key] = task
        # A task cancelled before its first step never reaches its own `finally`.
        task.add_done_callback(lambda over: self._over(key, over))

    def _over(self, key: Key, task: asyncio.Task[None]) -> None:
        if self._flights.get(key) is task:
            del self._flights[key]
            self._landed_at[key] = self._phone.now()
        if task.cancelled() or task.exception() is not None:
            self._ends[key] = Outcome.GAVE_UP
            self.cache.failed(key, self._phone.now())

    async def _fetch(self, query: CachedQuery[Any]) -> None:
        fetched = await query.fetch()
        if not fetched.outcome.good and query.again_after_s is not None:
            await asyncio.sleep(query.again_after_s)
            fetched = await query.fetch()
        self._ends[query.key] = fetched.outcome
        if fetched.outcome.good:
            self.cache.succeeded(query.key, fetched.value, self._phone.now())
        else:
            self.cache.failed(query.key, self._phone.now())


class Screen:
    """A mounted screen: what it shows is observed until `leave`, refetched on focus, polled where it says so.

    name: what it is called in the record of actions; "" for what is no screen of its own.
    """

    name = ""

    def __init__(self, phone: Device) -> None:
        self.phone = phone
        self._shown: list[CachedQuery[Any]] = []
        self._pollers: list[asyncio.Task[None]] = []
        self._opened = False

    def opens(self) -> None:
        """The person gets here: written down, and so is leaving it."""
        self._opened = True
        self.phone.did(UserAction.OPEN, self.name)

    def mount(self, query: CachedQuery[T], *, every_s: float | None = None) -> None:
        """Show this read; with `every_s`, fetch it again that often while the tab is visible."""
        self.phone.page.queries.mount(query)
        self._shown.append(query)
        if every_s is not None:
            self._pollers.append(self.phone.chore(self.phone.page.queries.keep_fresh(query, lambda: every_s)))

    async def show(self, query: CachedQuery[T]) -> Fetched[T]:
        """Mount it and wait until it is there, from memory or from the server."""
        self.mount(query)
        return await self.phone.page.queries.settled(query)

    def unmount(self, query: CachedQuery[T]) -> None:
        """Stop showing this one read."""
        if query in self._shown:
            self._shown.remove(query)
            self.phone.page.queries.unmount(query)

    def leave(self) -> None:
        """The person goes elsewhere. Idempotent."""
        if self._opened:
            self._opened = False
            self.phone.did(UserAction.LEAVE, self.name)
        for poller in self._pollers:
            poller.cancel()
        for query in self._shown:
            self.phone.page.queries.unmount(query)
        self._pollers, self._shown = [], []

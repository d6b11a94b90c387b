"""Reads of a page, made as react-query makes them: the cache decides, this fetches.

A fetch belongs to the page, not to the screen that asked: leaving the screen does not stop it, and the next screen
that wants the same finds it under way. A query whose function listens to its abort signal (`abortable`) is the
exception: it ends with its last reader.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, Generic, NamedTuple, TypeVar

from harness.client.api.classify import Reading
from harness.client.background_tasks import LET_GO, BackgroundTasks, over
from harness.client.cache.network_mode import NetworkMode
from harness.client.cache.query_cache import DEFAULT, Key, QueryCache, Rules
from harness.client.clock import DeviceClock
from harness.client.network_state import NetworkState
from harness.core.client_settings import SHIPPED, ClientSettings
from harness.core.outcome import Outcome

T = TypeVar("T")


class Fetched(NamedTuple, Generic[T]):
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


class CachedQuery(NamedTuple, Generic[T]):
    """One read. `again_after_s`: how long after a failure the whole function is tried once more; None where the calls
    in it bring their own second try (`Caller.QUERY`)."""

    key: Key
    fetch: Callable[[], Awaitable[Fetched[T]]]
    rules: Rules = DEFAULT
    again_after_s: float | None = None
    abortable: bool = False


class _Known:
    """What the page knows of one read: as it was last asked for, the fetch under way, and how and when the last one
    ended (None, 0.0: none has). One object, where four tables would be half of what an open page holds."""

    __slots__ = ("end", "flight", "landed_at", "query")

    def __init__(self, query: CachedQuery[Any]) -> None:
        self.query = query
        self.flight: _Flight | None = None
        self.end: Outcome | None = None
        self.landed_at = 0.0


class _Flight:
    """One fetch under way. current: what it brings is wanted; not once it was overtaken or let go of.
    again: a failed try is followed by another; not once the last screen that showed it was left."""

    __slots__ = ("_over", "again", "current", "fetched", "key", "task")
    task: asyncio.Task[None]

    def __init__(self, key: Key, over: Callable[[_Flight], None]) -> None:
        self.key = key
        self.current = True
        self.again = True
        self.fetched: Fetched[Any] | None = None  # what it brought; None: it was given up
        self._over = over

    def ended(self, task: asyncio.Task[None]) -> None:
        """Its task is over, however."""
        self._over(self)


_flight: ContextVar[_Flight | None] = ContextVar("flight", default=None)
"""The fetch that this task is: what its calls ask before they try again."""


def in_fetch() -> bool:
    """Whether this task is a fetch of the page's reads, which has waited for its network already."""
    return _flight.get() is not None


def tried_again() -> bool:
    """Whether a read that failed in this task is tried once more: somebody shows it still, or nobody ever did."""
    flight = _flight.get()
    return flight is None or flight.again


class Queries:
    """The reads of one page load."""

    def __init__(
        self,
        clock: DeviceClock,
        network: NetworkState,
        background: BackgroundTasks,
        mode: NetworkMode,
        settings: ClientSettings = SHIPPED,
    ) -> None:
        self._clock = clock
        self._mode = mode
        self._network = network
        self._background = background
        self.cache = QueryCache(settings.stale_factor, on_focus=settings.refetch_on_focus)
        self._known: dict[Key, _Known] = {}
        self._at_close: list[Callable[[], None]] = []

    def prefetch(self, query: CachedQuery[T]) -> None:
        """Fetch what no screen shows yet, unless it is fresh. Nobody waits for it."""
        self._wanted(query)
        if self.cache.prefetch(query.key, query.rules, self._clock.now()):
            self._fetch_soon(query.key)

    async def once(self, query: CachedQuery[T]) -> Fetched[T]:
        """As `prefetch`, and wait for it."""
        self.prefetch(query)
        return await self.settled(query)

    async def landed(self, query: CachedQuery[Any]) -> Outcome:
        """Wait for the fetch under way and say how it ended; OK when there is none to wait for."""
        known = self._known.get(query.key)
        if known is None or known.flight is None:
            return Outcome.OK
        flight: _Flight | None = known.flight
        while flight is not None:
            await over(flight.task)
            flight = None if flight.current else known.flight
        return known.end or Outcome.GAVE_UP

    async def settled(self, query: CachedQuery[T]) -> Fetched[T]:
        """What is known of it once no fetch of it is under way."""
        await self.landed(query)
        value = self.cache.value(query.key, self._clock.now())
        if value is not None:
            return Fetched(Outcome.OK, value)
        known = self._known.get(query.key)
        return Fetched(Outcome.GAVE_UP if known is None else known.end or Outcome.GAVE_UP)

    def landed_at(self, query: CachedQuery[Any]) -> float:
        """When its last fetch ended, as loop time; 0.0 before the first."""
        known = self._known.get(query.key)
        return 0.0 if known is None else known.landed_at

    def mount(self, query: CachedQuery[T]) -> None:
        """A screen begins to show it."""
        self._wanted(query)
        if self.cache.mount(query.key, query.rules, self._clock.now()):
            self._fetch_soon(query.key)

    def unmount(self, query: CachedQuery[T]) -> None:
        """That screen is left."""
        now = self._clock.now()
        self.cache.unmount(query.key, query.rules, now)
        known = self._known.get(query.key)
        if self.cache.shown(query.key) or known is None or (flight := known.flight) is None:
            return
        flight.again = False
        if query.abortable:
            known.flight, known.end = None, Outcome.GAVE_UP
            _let_go(flight)
            self.cache.failed(query.key, now)

    async def refetch(self, query: CachedQuery[Any]) -> Outcome:
        """Fetch what a screen shows, whatever its age, or join the fetch under way; how it ended."""
        if self.cache.poll(query.key, self._clock.now()):
            self._fetch_soon(query.key)
        return await self.landed(query)

    async def refetch_anew(self, query: CachedQuery[Any]) -> Outcome:
        """As after a write: a fetch under way is overtaken. How the last one ended."""
        self.invalidate(*query.key)
        return await self.landed(query)

    def written(self, query: CachedQuery[Any]) -> None:
        """The app wrote into what it remembers of it: fresh now, and a poll counts its interval from here."""
        now = self._clock.now()
        self.cache.written(query.key, now)
        self._known_as(query).landed_at = now

    async def keep_fresh(self, query: CachedQuery[Any], every_s: Callable[[], float]) -> None:
        """A screen's poll, until cancelled: fetched again so long after its last fetch ended or the app wrote into what
        it remembers; asked anew each time.

        It rests while the app is not on screen. A poll that finds no network waits for it, as every read does.
        """
        clock, network = self._clock, self._network
        rested_at = self.landed_at(query) or clock.now()
        while True:
            wait = max(rested_at, self.landed_at(query)) + every_s() - clock.now()
            if wait > 0:
                await clock.pause(wait)
            elif network.visible:
                await self.refetch(query)
            else:
                rested_at = clock.now()

    def focused(self) -> None:
        """The tab is visible again."""
        for key in self.cache.focused(self._clock.now()):
            self._fetch_soon(key)

    def reconnected(self) -> None:
        """The browser is online again."""
        for key in self.cache.reconnected(self._clock.now()):
            self._fetch_soon(key)

    def invalidate(self, *prefix: str) -> None:
        """A write changed everything whose key begins so."""
        for key in self.cache.invalidate(prefix, self._clock.now()):
            self._fetch_soon(key)

    def at_close(self, call: Callable[[], None]) -> None:
        """Call it when the page is gone."""
        self._at_close.append(call)

    def close(self) -> None:
        """The page is gone, and all that it remembers: what still comes is nobody's.

        Screens and reads know each other. Who leaves that to the garbage collector, which here looks at new things only
        (`harness.load.gc_control`), keeps every page of every session.
        """
        for known in self._known.values():
            if known.flight is not None:
                known.flight.current = False
            known.flight = known.end = None
        for call in self._at_close:
            call()
        self._at_close.clear()
        self._known.clear()
        self.cache.clear()

    def _fetch_soon(self, key: Key) -> None:
        known = self._known[key]
        query, before = known.query, known.flight
        if before is not None:  # overtaken; on the wire it goes on, unless its function listens to the abort signal
            before.current = False
            if query.abortable:
                _let_go(before)
        flight = known.flight = _Flight(key, self._landed)
        flight.task = self._background.start(self._fetch(query, flight))
        # A task cancelled before its first step never reaches its own `finally`.
        flight.task.add_done_callback(flight.ended)

    def _known_as(self, query: CachedQuery[Any]) -> _Known:
        known = self._known.get(query.key)
        if known is None:
            known = self._known[query.key] = _Known(query)
        return known

    def _wanted(self, query: CachedQuery[Any]) -> None:
        """Somebody asks for it, as it is now; a failed try of its fetch is followed by another again."""
        known = self._known_as(query)
        known.query = query
        if known.flight is not None:
            known.flight.again = True

    def _landed(self, flight: _Flight) -> None:
        del flight.task  # whose context holds the flight: together they would outlive everything that they hold
        if not flight.current:
            return
        key, fetched, now = flight.key, flight.fetched, self._clock.now()
        outcome = Outcome.GAVE_UP if fetched is None else fetched.outcome
        known = self._known[key]
        known.flight, known.landed_at, known.end = None, now, outcome
        if fetched is not None and outcome.good:
            self.cache.succeeded(key, fetched.value, now)
        else:
            self.cache.failed(key, now)

    async def _fetch(self, query: CachedQuery[T], flight: _Flight) -> None:
        _flight.set(flight)
        if not self._mode.reads_now():
            await self._mode.read()
        fetched = await query.fetch()
        if not fetched.outcome.good and query.again_after_s is not None and flight.again:
            await asyncio.sleep(query.again_after_s)
            await self._mode.read(again=True)
            if flight.again:
                fetched = await query.fetch()
        flight.fetched = fetched


def _let_go(flight: _Flight) -> None:
    flight.current = False
    flight.task.cancel(LET_GO)

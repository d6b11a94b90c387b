"""From a committed change to the sockets that may hear of it: a serial poller over the database's change stream.

It starts with the first subscriber, who therefore waits for it, and stops when there was none for a while. What was
committed before a subscription exists, or while the feed is down, is never delivered (realtime contract, 1.5, 4.1, 5).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from sandbox.realtime import cost, encoded
from sandbox.realtime.catalogue import PublicationCatalogue
from sandbox.realtime.channel import ServerChannel
from sandbox.realtime.cost import PollOutcome
from sandbox.realtime.encoded import EncodedMessage
from sandbox.realtime.frames import ServerPush
from sandbox.realtime.payloads import data
from sandbox.realtime.pgoutput import RowChange
from sandbox.realtime.ports import FeedHost
from sandbox.realtime.subscriptions import Subscription, SubscriptionError, SubscriptionRegistry, requests
from sandbox.realtime.table import PublishedTable
from sandbox.realtime.wal import FeedError, WalStream

log = logging.getLogger("sandbox")
_MOST_WAITING = 20_000
_RETRY_S = 0.5


@dataclass
class FeedMetrics:
    """Since the start. lag_ms: from commit to delivery, of the last one delivered; batch: changes in the last poll."""

    polls: int = 0
    changes: int = 0
    delivered: int = 0
    skipped: int = 0
    dropped: int = 0
    lost: int = 0
    errors: int = 0
    starts: int = 0
    batch: int = 0
    lag_ms: float = 0.0
    cost_ms: float = 0.0
    found: str = PollOutcome.NOTHING.value


@dataclass(frozen=True)
class _Delivery:
    """One change with those that hear of it: binding ids by channel and role."""

    change: RowChange
    table: PublishedTable
    number: int
    readers: dict[ServerChannel, list[int]] = field(default_factory=dict)


class _PoisonedError(Exception):
    """Row level security raised for one subscriber: the poll that asked for everybody is over."""


class ChangeFeed:
    """The poller and its subscriptions."""

    def __init__(self, host: FeedHost, dsn: str) -> None:
        self.metrics = FeedMetrics()
        self.registry: SubscriptionRegistry[ServerChannel] = SubscriptionRegistry()
        self._host = host
        self._dsn = dsn
        self._task: asyncio.Task[None] | None = None
        self._ready = False
        self._published: dict[tuple[str, str], PublishedTable] = {}
        self._waiting: deque[list[RowChange]] = deque()
        self._space = asyncio.Event()
        self._wanted: set[ServerChannel] = set()
        self._unused_since = 0.0
        self._paused_until = 0.0
        self._number = 0

    @property
    def queue(self) -> int:
        """Changes that wait for a poll."""
        return sum(len(changes) for changes in self._waiting)

    @property
    def running(self) -> bool:
        """Whether subscriptions are taken without a cold start."""
        return self._ready

    # --- subscriptions

    def subscribe(self, channel: ServerChannel) -> None:
        """Register its bindings once the feed runs, and then say so; changes until then are lost to it."""
        self._wanted.add(channel)
        settings = self._host.settings
        delay_ms: float = settings.subscribe_ms + self._host.fault("realtime_subscribe_delay_ms", channel.place)
        if not self._ready:
            self._start()
            delay_ms += self._host.rng.uniform(settings.cold_retry_min_ms, settings.cold_retry_max_ms)
        self._after(delay_ms, channel)

    def resubscribe(self, channel: ServerChannel) -> None:
        """Again, with its present claims, as after a token refresh; until then the old registration holds."""
        settings = self._host.settings
        self._after(self._host.rng.uniform(settings.resubscribe_min_ms, settings.resubscribe_max_ms), channel)

    def resubscribe_all(self) -> None:
        """What a change of the publication does: all registrations go at once and are made again."""
        self.registry.clear()
        for channel in tuple(self._wanted):
            self.resubscribe(channel)

    def pause(self, seconds: float) -> None:
        """Lose what waits and what arrives within so long; 0 ends a pause."""
        self._paused_until = time.monotonic() + seconds
        if seconds > 0:
            self.metrics.lost += self.queue
            self._waiting.clear()

    def unsubscribe(self, channel: ServerChannel) -> None:
        """Forget the channel."""
        self.registry.remove(channel)
        self._wanted.discard(channel)
        if not self._wanted:
            self._unused_since = time.monotonic()

    def _after(self, delay_ms: float, channel: ServerChannel) -> None:
        if delay_ms > 0:
            self._host.later(delay_ms / 1000, lambda: self._register(channel))
        else:
            self._register(channel)

    def _register(self, channel: ServerChannel) -> None:
        if channel not in self._wanted:
            return
        if not self._ready:
            self._start()
            settings = self._host.settings
            retry_ms = self._host.rng.uniform(settings.cold_retry_min_ms, settings.cold_retry_max_ms)
            self._after(max(retry_ms, 20.0), channel)
            return
        published = {name: table.types for name, table in self._published.items()}
        try:
            wanted = requests(channel.config.bindings, published)
        except SubscriptionError as error:
            channel.notice(str(error), status="error")
            return
        self.registry.replace(channel, channel.access.role, channel.access.claims, wanted)
        channel.notice("Subscribed to PostgreSQL")

    # --- life

    def _start(self) -> None:
        if self._task is None or self._task.done():
            self.metrics.starts += 1
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End it."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        catalogue = stream = reader = None
        try:
            catalogue = await PublicationCatalogue.open(self._dsn)
            stream = await WalStream.open(self._dsn)
            self._published = await catalogue.published()
            reader = asyncio.get_running_loop().create_task(self._read(stream))
            self._unused_since = time.monotonic()
            self._ready = True
            await self._poll(catalogue, reader)
        except (FeedError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
            log.warning("the change feed broke: %s", error)
            await asyncio.sleep(_RETRY_S)
        except Exception:
            log.exception("the change feed broke")
            await asyncio.sleep(_RETRY_S)
        finally:
            self._ready = False
            self._waiting.clear()
            self.registry.clear()
            if reader is not None:
                reader.cancel()
            for opened in (stream, catalogue):
                if opened is not None:
                    opened.close()
            if self._wanted:  # it broke under its subscribers: they register again when it is back
                self._host.later(0, self._again)

    def _again(self) -> None:
        for channel in tuple(self._wanted):
            self.resubscribe(channel)

    async def _read(self, stream: WalStream) -> None:
        async for changes in stream.transactions():
            if time.monotonic() < self._paused_until:
                self.metrics.lost += len(changes)
                continue
            self._waiting.append(changes)
            while len(self._waiting) > _MOST_WAITING:  # let them wait in the database instead
                self._space.clear()
                await self._space.wait()

    # --- polling

    async def _poll(self, catalogue: PublicationCatalogue, reader: asyncio.Task[None]) -> None:
        while not reader.done():
            found = await self._batch(catalogue)
            self.metrics.polls += 1
            self.metrics.found = found.value
            stop_s = self._host.settings.feed_stop_ms / 1000
            if not self._wanted and time.monotonic() - self._unused_since > stop_s:
                return
            await asyncio.sleep(cost.wait_ms(found, self._host.settings.poll_ms, self._host.rng) / 1000)
        await reader

    async def _batch(self, catalogue: PublicationCatalogue) -> PollOutcome:
        changes: list[RowChange] = []
        while self._waiting and len(changes) < self._host.settings.batch:
            changes += self._waiting.popleft()
        self._space.set()
        self.metrics.batch = len(changes)
        if not changes:
            return PollOutcome.NOTHING
        begun = time.monotonic()
        deliveries: list[_Delivery] = []
        cost_ms = 0.0
        before = self._number, self.metrics.changes
        try:
            for change in changes:
                delivery, spent_ms = await self._examine(catalogue, change)
                cost_ms += spent_ms
                if delivery.readers:
                    deliveries.append(delivery)
        except _PoisonedError as error:
            # One statement asks for all changes and everybody: it is rolled back, and nothing of it was consumed.
            self._number, self.metrics.changes = before
            self._waiting.appendleft(changes)
            self.metrics.errors += 1
            if self.metrics.errors == 1:
                log.warning("the change feed's poll fails from now on: %s", error)
            return PollOutcome.FAILED
        cost_ms *= self._host.settings.cost_percent / 100
        self.metrics.cost_ms += cost_ms
        left_s = cost_ms / 1000 - (time.monotonic() - begun)
        if left_s > 0:
            await asyncio.sleep(left_s)
        for delivery in deliveries:
            self._deliver(delivery)
        return PollOutcome.DELIVERED if deliveries else PollOutcome.UNRELATED

    async def _examine(self, catalogue: PublicationCatalogue, change: RowChange) -> tuple[_Delivery, float]:
        """Who is to hear of it, and what finding out would have cost the real server."""
        self.metrics.changes += 1
        self._number += 1
        table = await catalogue.table(change.relation)
        name = (table.schema, table.name)
        self._published[name] = table
        delivery = _Delivery(change, table, self._number)
        subscribed = self.registry.count(name, change.type)
        if not subscribed:
            return delivery, cost.change_ms(0, 0)
        values = (change.old if change.type == "DELETE" else change.new) or {}
        matching = self.registry.matching(name, change.type, values)
        self._raise_where_poisoned(table, matching)
        for one in await self._allowed(catalogue, table, change, matching):
            delivery.readers.setdefault(one.owner, []).append(one.request.binding.id)
        return delivery, cost.change_ms(subscribed, len(matching))

    def _raise_where_poisoned(self, table: PublishedTable, matching: list[Subscription[ServerChannel]]) -> None:
        """:raises _PoisonedError: when the fault says so for one of those who would hear of the change."""
        if not self._host.faults:
            return
        for one in matching:
            since = self._host.fault("realtime_rls_error_from", one.owner.place)
            if since and self._number >= since:
                raise _PoisonedError(f"row level security of {table.name} raised for {one.owner.topic}")

    async def _allowed(
        self,
        catalogue: PublicationCatalogue,
        table: PublishedTable,
        change: RowChange,
        matching: list[Subscription[ServerChannel]],
    ) -> list[Subscription[ServerChannel]]:
        """Those to whom row level security shows the row; nobody can be asked about a row that was deleted."""
        asked: dict[tuple[str, str], bool] = {}
        if change.type != "DELETE" and table.secured and table.keys:
            for one in matching:
                if table.keys_readable(one.role) and not self._host.fault("realtime_ignore_rls", one.owner.place):
                    asked[one.role, one.claims] = False
        if asked:
            callers = list(asked)
            asked = dict(zip(callers, await catalogue.visible(table, change, callers), strict=True))
        return [
            one
            for one in matching
            if asked.get((one.role, one.claims), True) or self._host.fault("realtime_ignore_rls", one.owner.place)
        ]

    def _deliver(self, delivery: _Delivery) -> None:
        change, host, now = delivery.change, self._host, time.monotonic()
        limit = host.fault("realtime_db_event_limit")
        limit = limit or host.settings.max_events_per_second
        if limit != host.db_events.limit:
            host.db_events.limit_to(limit)
        host.db_events.add(sum(len(ids) for ids in delivery.readers.values()), now)
        if host.db_events.tripped:
            self.metrics.skipped += 1
            return
        series = (delivery.table.name, change.type)
        said: dict[str, dict[str, Any]] = {}
        sent: dict[tuple[str, str, tuple[int, ...]], EncodedMessage] = {}
        for channel, ids in delivery.readers.items():
            if not channel.open:
                continue
            place = channel.place
            if host.faults.hits("realtime_drop_one_in", now, place, series, delivery.number):
                self.metrics.dropped += 1
                continue
            role = channel.access.role
            if role not in said:
                said[role] = data(change, delivery.table, role)
            key = (channel.topic, role, tuple(sorted(ids)))
            if key not in sent:
                sent[key] = encoded.text(
                    ServerPush(channel.topic, "postgres_changes", {"data": said[role], "ids": list(key[2])})
                )
            twice = host.faults.hits("realtime_duplicate_one_in", now, place, series, delivery.number)
            swap = host.faults.hits("realtime_swap_one_in", now, place, series, delivery.number)
            channel.deliver(sent[key], swap=swap, copies=2 if twice else 1)
            self.metrics.delivered += 1
        self.metrics.lag_ms = max(0.0, (time.time() - change.committed_s) * 1000)

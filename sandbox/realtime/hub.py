"""The Realtime server of one project: its sockets, topics, counters and settings, and the clock they share."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from typing import Any

import uvicorn

from sandbox.realtime.access import TokenKeys
from sandbox.realtime.channel import ServerChannel
from sandbox.realtime.encoded import EncodedMessage
from sandbox.realtime.faults import EVERYWHERE, Faults, Place
from sandbox.realtime.feed import ChangeFeed
from sandbox.realtime.limits import RateCounter
from sandbox.realtime.ports import ServerCounters
from sandbox.realtime.presence import references
from sandbox.realtime.settings import RealtimeSettings
from sandbox.realtime.socket import ServerSocket
from sandbox.realtime.topic import TopicState

SWEEP_S = 0.5


class Hub:
    """Everything runs on one loop; nothing here is safe to use from another thread."""

    def __init__(
        self, *, dsn: str, token_keys: TokenKeys, settings: RealtimeSettings, faults: Faults, rng: random.Random
    ) -> None:
        self.settings = settings
        self.token_keys = token_keys
        self.faults = faults
        self.rng = rng
        self.references = references(rng)
        self.sockets: dict[int, ServerSocket] = {}
        self.topics: dict[tuple[str, bool], TopicState[ServerChannel]] = {}
        self.users = 0
        self.draining = False
        self.counters = ServerCounters()
        self._numbers = 0
        self._sweeper: asyncio.Task[None] | None = None
        now = time.monotonic()
        self.joins = RateCounter(settings.max_joins_per_second, now)
        self.events = RateCounter(settings.max_events_per_second, now)
        self.presence_events = RateCounter(settings.max_presence_events_per_second, now)
        self.db_events = RateCounter(settings.max_events_per_second, now)
        self.feed = ChangeFeed(self, dsn)

    # --- life

    async def start(self) -> None:
        """Begin to watch idle sockets and ending tokens."""
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep())

    async def stop(self) -> None:
        """End every socket and the change feed."""
        for socket in tuple(self.sockets.values()):
            socket.close(1012)
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper
        await self.feed.stop()

    def protocol(self, config: uvicorn.Config, server_state: Any, app_state: Any) -> ServerSocket:
        """What uvicorn calls for each upgrade."""
        return ServerSocket(self, server_state.connections)

    def configure(self, settings: RealtimeSettings) -> None:
        """Other settings from now on; channels keep their presence windows."""
        self.settings = settings
        self.joins.limit_to(settings.max_joins_per_second)
        self.events.limit_to(settings.max_events_per_second)
        self.db_events.limit_to(settings.max_events_per_second)
        self.presence_events.limit_to(settings.max_presence_events_per_second)

    # --- clock and faults

    @staticmethod
    def monotonic() -> float:
        """Seconds, for durations."""
        return time.monotonic()

    @staticmethod
    def now() -> float:
        """Unix time, for tokens."""
        return time.time()

    @staticmethod
    def later(seconds: float, work: Callable[[], object]) -> asyncio.TimerHandle:
        """Do it then."""
        return asyncio.get_running_loop().call_later(seconds, work)

    def fault(self, name: str, place: Place = EVERYWHERE) -> int:
        """A fault's value there, 0 where it is off."""
        return self.faults.value(name, time.monotonic(), place)

    # --- sockets and channels

    def next_socket(self) -> int:
        """A number that no socket had before."""
        self._numbers += 1
        return self._numbers

    def entered(self, socket: ServerSocket) -> None:
        """An upgrade succeeded."""
        self.sockets[socket.id] = socket

    def left(self, socket: ServerSocket) -> None:
        """A socket ended, and its channels with it."""
        self.sockets.pop(socket.id, None)
        for channel in tuple(socket.channels.values()):
            channel.stop()

    def topic(self, name: str, *, private: bool) -> TopicState[ServerChannel]:
        """Its state, made when nobody is on it."""
        return self.topics.get((name, private)) or TopicState(self, name)

    def started(self, channel: ServerChannel) -> None:
        """A join succeeded."""
        if channel.socket.add(channel):
            self.users += 1
        self.topics[channel.topic, channel.config.private] = channel.topic_state
        channel.topic_state.channels[channel] = None

    def stopped(self, channel: ServerChannel) -> None:
        """A channel ended: its presence goes, its subscriptions go, an empty topic goes."""
        if channel.socket.discard(channel):
            self.users -= 1
        state = channel.topic_state
        state.channels.pop(channel, None)
        self.feed.unsubscribe(channel)
        diff = state.presence.untrack(channel)
        if not state.channels:
            self.topics.pop((channel.topic, channel.config.private), None)
        elif diff is not None:
            state.tell_presence(diff)

    def subscribe(self, channel: ServerChannel) -> None:
        """Its database subscriptions are wanted."""
        self.feed.subscribe(channel)

    def resubscribe(self, channel: ServerChannel) -> None:
        """Its database subscriptions follow its present token."""
        self.feed.resubscribe(channel)

    def channels(self) -> list[ServerChannel]:
        """All of them."""
        return [channel for socket in self.sockets.values() for channel in socket.channels.values()]

    # --- counting

    def count_broadcast(self) -> None:
        """One message was sent."""
        self.events.add(1, self.monotonic())

    def count_event(self) -> bool:
        """One message reaches a channel; whether that is over the limit."""
        now = self.monotonic()
        self.events.add(1, now)
        return self.events.tripped

    def count_presence(self, events: int) -> None:
        """So many presence events."""
        self.presence_events.add(events, self.monotonic())

    def presence_over(self) -> bool:
        """Whether presence is over its limit."""
        return self.presence_events.over(self.monotonic())

    def publish(self, name: str, message: EncodedMessage, *, private: bool) -> None:
        """A message that came by REST."""
        self.count_broadcast()
        state = self.topics.get((f"realtime:{name}", private))
        if state is not None:
            state.fan_out(message, None)

    # --- what time does

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            monotonic, now = self.monotonic(), self.now()
            idle_s, lonely_s = self.settings.idle_ms / 1000, self.settings.no_channel_ms / 1000
            for socket in tuple(self.sockets.values()):
                if monotonic - socket.heard > idle_s:
                    socket.close(1000)
                elif not socket.channels and monotonic - socket.idle_since > lonely_s:
                    socket.abort()
                elif socket.expires_at <= now:
                    for channel in tuple(socket.channels.values()):
                        channel.check_expiry(now)
                    socket.expires_at = min(
                        (channel.access.expires_at for channel in socket.channels.values()), default=float("inf")
                    )
                if socket.is_frozen and not self.fault("realtime_freeze", socket.place):
                    socket.thaw()

"""Keeps a worker's share of the target's limits: requests and connections wait here until they may leave.

One per worker, on its loop's thread; none where nothing is limited. Whoever waits is served first come, first served.
The share can change while it is at work, and runs out by itself where it has to be renewed (`WireShare` as a lease:
Gray and Cheriton, Leases, SOSP 1989).

How long something waited is the generator's doing, never the target's: a `HeldClock` per phone says how long that was,
so that patience with the target does not run meanwhile.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from time import monotonic

from harness.core.token_bucket import TokenBucket, tokens_of
from harness.core.wire_limits import WireLimits, WireShare

REQUESTS, CONNECTIONS = "wire requests", "wire connections"
LEAST_WAIT_S = 0.001
"""Loops have timers of whole milliseconds."""

Held = Callable[[str, float, float], None]
"""Told what waited (`REQUESTS`, `CONNECTIONS`), since when (loop time), and for how many seconds."""


class HeldClock:
    """How long one phone has been held back by the limits, altogether; waits side by side count once."""

    __slots__ = ("_count", "_since", "_sum", "waiting")

    def __init__(self) -> None:
        self._count = 0
        self._since = 0.0
        self._sum = 0.0
        self.waiting: set[asyncio.Future[bool]] = set()

    def begin(self) -> None:
        """Something of this phone begins to wait."""
        if self._count == 0:
            self._since = monotonic()
        self._count += 1

    def end(self) -> None:
        """It waits no longer."""
        self._count -= 1
        if self._count == 0:
            self._sum += monotonic() - self._since

    def total(self) -> float:
        """Seconds in which the phone was held back until now."""
        return self._sum + (monotonic() - self._since if self._count else 0.0)

    def patience(self) -> float:
        """Monotonic seconds without those in which the phone was held back."""
        return monotonic() - self.total()

    def release(self) -> None:
        """The phone is closed: nothing of it waits any longer, and nothing was given."""
        for waiter in self.waiting:
            if not waiter.done():
                waiter.set_result(False)


class _Line:
    """Those who wait for one kind of thing. take: takes one and returns 0, or how many seconds to wait."""

    def __init__(self, name: str, loop: asyncio.AbstractEventLoop, take: Callable[[float], float], held: Held) -> None:
        self._name = name
        self._loop = loop
        self._take = take
        self._held = held
        self._waiting: deque[asyncio.Future[bool]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def try_take(self) -> bool:
        """Take one now, unless there is none or somebody came before."""
        return not self._waiting and self._take(monotonic()) == 0.0

    async def wait(self, holds: HeldClock) -> bool:
        """Wait for one's turn. False when the phone was closed meanwhile; then nothing was taken."""
        began = monotonic()
        waiter: asyncio.Future[bool] = self._loop.create_future()
        self._waiting.append(waiter)
        holds.waiting.add(waiter)
        holds.begin()
        self.serve()
        try:
            return await waiter
        finally:
            holds.end()
            holds.waiting.discard(waiter)
            self._held(self._name, began, monotonic() - began)

    def serve(self) -> None:
        """Give to those who wait what there is, and look again when there may be more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            if self._waiting[0].done():
                self._waiting.popleft()
                continue
            wait_s = self._take(monotonic())
            if wait_s:
                if math.isfinite(wait_s):
                    self._timer = self._loop.call_later(max(wait_s, LEAST_WAIT_S), self._served_later)
                return
            self._waiting.popleft().set_result(True)

    def _served_later(self) -> None:
        self._timer = None
        self.serve()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class WireBudget:
    """One worker's share of `limits`, which begins as `share`.

    until: loop time at which the share runs out unless it is renewed. held: told of whatever had to wait.
    """

    def __init__(
        self,
        limits: WireLimits,
        share: WireShare,
        loop: asyncio.AbstractEventLoop,
        held: Held,
        *,
        until: float = math.inf,
    ) -> None:
        self.open_sockets = 0
        self._until = until
        self._sockets = share.sockets
        self._requests = TokenBucket(share.requests, tokens_of(limits.requests_per_second)[1])
        self._connections = TokenBucket(share.connections, tokens_of(limits.connections_per_second)[1])
        self._request_line = _Line(REQUESTS, loop, self._take_request, held)
        self._connection_line = _Line(CONNECTIONS, loop, self._take_connection, held)

    # ---- requests -------------------------------------------------------------------------------------------

    def try_request(self) -> bool:
        """Whether a request may leave this instant; then it counts."""
        return self._request_line.try_take()

    async def request(self, holds: HeldClock) -> bool:
        """Wait until one may; see `_Line.wait`."""
        return await self._request_line.wait(holds)

    def _take_request(self, now: float) -> float:
        return self._requests.take(now) if now < self._until else math.inf

    # ---- connections ----------------------------------------------------------------------------------------

    @property
    def roomy(self) -> bool:
        """Whether there is room for another open socket beside those that are waited for."""
        return self.open_sockets + len(self._connection_line) < self._sockets

    def try_connection(self) -> bool:
        """Whether a connection may be opened this instant; then it counts, until `closed`."""
        return self._connection_line.try_take()

    async def connection(self, holds: HeldClock) -> bool:
        """Wait until one may."""
        return await self._connection_line.wait(holds)

    def _take_connection(self, now: float) -> float:
        if now >= self._until or self.open_sockets >= self._sockets:
            return math.inf
        wait_s = self._connections.take(now)
        if not wait_s:
            self.open_sockets += 1
        return wait_s

    def closed(self) -> None:
        """A connection is no longer there, or never came to be."""
        self.open_sockets -= 1
        self._connection_line.serve()

    # ---- the share ------------------------------------------------------------------------------------------

    def grant(self, share: WireShare, until: float) -> None:
        """This is the share from now on, until loop time `until`."""
        self._until = until
        self._sockets = share.sockets
        self._requests.resize(share.requests)
        self._connections.resize(share.connections)
        self._request_line.serve()
        self._connection_line.serve()

    def stop(self) -> None:
        """The loop ends."""
        self._request_line.stop()
        self._connection_line.stop()

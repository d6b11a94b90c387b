"""One timer wheel for all sockets of a worker: heartbeats, rejoins, polls. (pure)

Timers that fall into the same tick share one bucket, so 12,500 heartbeats cost one entry in a heap per tick and not
one sleeper each. The clock is injected; whoever owns a loop calls `advance` (see `ticker`).
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable

TICK_S = 0.005
"""Timers come up to this late, never early: half of the shortest delay that matters (10 ms, contract realtime 1.8)."""

Action = Callable[[], None]


class Timer:
    """One planned action. It happens once, or never when cancelled before."""

    __slots__ = ("action",)

    def __init__(self, action: Action) -> None:
        self.action: Action | None = action

    def cancel(self) -> None:
        """Never happen. Twice, or after it happened, does no harm."""
        self.action = None

    @property
    def pending(self) -> bool:
        """Whether it is still to happen."""
        return self.action is not None


class Wheel:
    """Timers on `clock` (seconds, monotonic). Not thread-safe.

    wake: called when the earliest instant with a timer has become earlier, with that instant.
    """

    __slots__ = ("_buckets", "_order", "_tick_s", "clock", "wake")

    def __init__(self, clock: Callable[[], float], *, tick_s: float = TICK_S) -> None:
        self.clock = clock
        self.wake: Callable[[float], None] = lambda _: None
        self._tick_s = tick_s
        self._buckets: dict[int, list[Timer]] = {}
        self._order: list[int] = []  # heap of the buckets' ticks

    def after(self, seconds: float, action: Action) -> Timer:
        """Have `action` called `seconds` from now."""
        return self.at(self.clock() + seconds, action)

    def at(self, instant: float, action: Action) -> Timer:
        """Have `action` called at `instant` of the clock; one that has passed means at the next `advance`."""
        timer = Timer(action)
        tick = math.ceil(instant / self._tick_s - 1e-6)
        bucket = self._buckets.get(tick)
        if bucket is not None:
            bucket.append(timer)
            return timer
        self._buckets[tick] = [timer]
        earliest = not self._order or tick < self._order[0]
        heapq.heappush(self._order, tick)
        if earliest:
            self.wake(tick * self._tick_s)
        return timer

    def next_due(self) -> float | None:
        """The earliest instant with a timer, cancelled ones included; None without any."""
        return self._order[0] * self._tick_s if self._order else None

    def advance(self, limit: int = 256) -> bool:
        """Do what is due, `limit` actions at most. Returns whether more is due now.

        What an action raises comes out; the timers behind it stay.
        """
        now = math.floor(self.clock() / self._tick_s + 1e-6)
        while self._order and self._order[0] <= now:
            tick = self._order[0]
            bucket = self._buckets[tick]
            taken = min(limit, len(bucket))
            due, rest = bucket[:taken], bucket[taken:]
            if rest:
                self._buckets[tick] = rest
            else:
                heapq.heappop(self._order)
                del self._buckets[tick]
            limit -= taken
            self._do(due)
            if limit <= 0:
                return bool(self._order) and self._order[0] <= now
        return False

    def _do(self, due: list[Timer]) -> None:
        for position, timer in enumerate(due):
            action, timer.action = timer.action, None
            if action is None:
                continue
            try:
                action()
            except BaseException:
                for other in due[position + 1 :]:
                    if other.action is not None:
                        self._keep(other)
                raise

    def _keep(self, timer: Timer) -> None:
        """Put a timer that lost its turn into the next bucket due."""
        tick = math.floor(self.clock() / self._tick_s)
        if tick not in self._buckets:
            self._buckets[tick] = []
            heapq.heappush(self._order, tick)
        self._buckets[tick].append(timer)


def _at_once(_tries: int) -> float:
    return 0.0


def _nothing() -> None:
    pass


class Backoff:
    """The JavaScript clients' retry timer: counts its tries, waits longer for each, starts over when reset."""

    __slots__ = ("_action", "_delay", "_timer", "_wheel", "tries")

    def __init__(self, wheel: Wheel, delay: Callable[[int], float], action: Action) -> None:
        """`delay` gives the seconds before try 1, 2, ..."""
        self._wheel = wheel
        self._delay = delay
        self._action = action
        self._timer: Timer | None = None
        self.tries = 0

    def schedule(self) -> None:
        """Plan the next try, in place of one already planned."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._wheel.after(self._delay(self.tries + 1), self._fire)

    def reset(self) -> None:
        """Plan nothing; the next try is the first."""
        self.tries = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def end(self) -> None:
        """Plan nothing ever again, and forget whose it is: the two know each other."""
        self.reset()
        self._delay, self._action = _at_once, _nothing

    def _fire(self) -> None:
        self._timer = None
        self.tries += 1
        self._action()

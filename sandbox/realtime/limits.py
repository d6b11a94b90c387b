"""Rate limits as Realtime counts them: averages over ticks of five seconds, and a window per channel. (pure)

Source: realtime contract, 1.6. Ticks need no timer: whoever asks says what time it is.
"""

from __future__ import annotations

from collections import deque

TICK_S = 5.0
BUCKETS = 12


class RateCounter:
    """Events per second, averaged over the buckets that exist (at most a minute of them); judged at ticks only.

    A cold counter starts with one empty bucket, so its first tick judges ten seconds' worth. A limit of 0 never trips.
    """

    def __init__(self, limit: int, now: float) -> None:
        self.limit = limit
        self.total = 0
        self.tripped = False
        self._count = 0
        self._buckets: deque[int] = deque([0], maxlen=BUCKETS)
        self._next = now + TICK_S

    def add(self, events: int, now: float) -> None:
        """Count so many."""
        self.advance(now)
        self._count += events
        self.total += events

    def advance(self, now: float) -> None:
        """Make up for the ticks since the last call."""
        missed = 0
        while now >= self._next and missed <= BUCKETS:
            self._tick()
            missed += 1
        if now >= self._next:  # a long silence: everything before it is out of the window
            self._next = now + TICK_S

    def over(self, now: float) -> bool:
        """Whether the last tick found the average at or over the limit."""
        self.advance(now)
        return self.tripped

    def limit_to(self, limit: int) -> None:
        """Another limit, judged at once on what was counted until the last tick."""
        self.limit = limit
        self._judge()

    @property
    def average(self) -> float:
        """Events per second, as of the last tick."""
        return sum(self._buckets) / (len(self._buckets) * TICK_S)

    def _tick(self) -> None:
        self._next += TICK_S
        self._buckets.append(self._count)
        self._count = 0
        self._judge()

    def _judge(self) -> None:
        self.tripped = self.limit > 0 and sum(self._buckets) >= self.limit * TICK_S * len(self._buckets)


class CallWindow:
    """At most so many calls in a window that starts with the first of them."""

    def __init__(self, calls: int, window_s: float) -> None:
        self._calls = calls
        self._window_s = window_s
        self._used = 0
        self._until = float("-inf")

    def take(self, now: float) -> bool:
        """Whether one more call is allowed. A limit of 0 calls allows all."""
        if now >= self._until:
            self._used = 0
            self._until = now + self._window_s
        self._used += 1
        return self._calls == 0 or self._used <= self._calls

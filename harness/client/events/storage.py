"""The part of a browser's localStorage that swipe events live in: the queue and the back-off (contract 3.8). (pure)

One per device: all tabs, all mounts and all people who sign in on it share both. What one person could not send goes
out under the next one's token (trap T32).
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Iterable

from harness.client.events.swipe_event import SwipeEvent

QUEUE_CAP = 200
BACKOFF_BASE_MS = 1000
BACKOFF_CAP_MS = 60_000
BACKOFF_FLOOR_MS = 250
FAIL_COUNT_CAP = 10


class Storage:
    """queue: oldest first. fail_count, next_at: the back-off; `next_at` in seconds of the callers' clock.

    writable: set to False while the browser refuses writes (quota, private mode). The app notices nothing: what it
    meant to store is lost, what it meant to remove stays, the back-off keeps its last value.
    """

    __slots__ = ("fail_count", "next_at", "queue", "writable")

    def __init__(self) -> None:
        self.queue: tuple[SwipeEvent, ...] = ()
        self.fail_count = 0
        self.next_at = 0.0
        self.writable = True

    def append(self, events: Iterable[SwipeEvent]) -> tuple[SwipeEvent, ...]:
        """Store the youngest events; the ones lost over it: the oldest beyond 200, or all new ones without storage."""
        fresh = tuple(events)
        if not self.writable:
            return fresh
        grown = self.queue + fresh
        evicted, self.queue = grown[:-QUEUE_CAP], grown[-QUEUE_CAP:]
        return evicted

    def remove(self, ids: Collection[str]) -> tuple[SwipeEvent, ...]:
        """Take out every entry with one of these ids, doubles too; the entries taken."""
        if not self.writable:
            return ()
        removed = tuple(event for event in self.queue if event.client_event_id in ids)
        if removed:
            self.queue = tuple(event for event in self.queue if event.client_event_id not in ids)
        return removed

    def wait(self, now: float) -> float:
        """Seconds until the back-off allows a request; 0.0 when it does."""
        return max(0.0, self.next_at - now)

    def bump(self, now: float, rng: random.Random) -> None:
        """One failure more: full jitter below a doubling ceiling, 250 ms at least, 60 s at most."""
        if not self.writable:
            return
        self.fail_count = min(FAIL_COUNT_CAP, self.fail_count + 1)
        ceiling = min(BACKOFF_CAP_MS, BACKOFF_BASE_MS * 2 ** (self.fail_count - 1))
        self.next_at = now + max(BACKOFF_FLOOR_MS, math.floor(rng.random() * ceiling)) / 1000

    def reset(self) -> None:
        """A success: the next request may go at once."""
        if self.writable:
            self.fail_count, self.next_at = 0, 0.0

"""Faults that end by themselves unless someone renews them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass


@dataclass(slots=True)
class Lease:
    """seconds: from each renewal to the end. holder: who renews it; '' for anyone."""

    seconds: float
    holder: str
    end: Callable[[], None]
    timer: asyncio.TimerHandle


class Leases:
    """Leases by what they are on."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._leases: dict[Hashable, Lease] = {}

    def __len__(self) -> int:
        return len(self._leases)

    def grant(self, what: Hashable, seconds: float, holder: str, end: Callable[[], None]) -> None:
        """`end` is called once, after `seconds` without renewal. Replaces the lease that `what` had."""
        self.drop(what)
        timer = self._loop.call_later(seconds, self._expire, what)
        self._leases[what] = Lease(seconds, holder, end, timer)

    def renew(self, holder: str | None = None) -> int:
        """Start the time of these leases again: of one holder, or of all. How many there were."""
        chosen = [(what, lease) for what, lease in self._leases.items() if holder is None or lease.holder == holder]
        for what, _ in chosen:
            self.touch(what)
        return len(chosen)

    def touch(self, what: Hashable) -> None:
        """Start the time of this one again, if it has a lease."""
        lease = self._leases.get(what)
        if lease is not None:
            lease.timer.cancel()
            lease.timer = self._loop.call_later(lease.seconds, self._expire, what)

    def drop(self, what: Hashable) -> None:
        """It ended otherwise."""
        lease = self._leases.pop(what, None)
        if lease is not None:
            lease.timer.cancel()

    def _expire(self, what: Hashable) -> None:
        self._leases.pop(what).end()

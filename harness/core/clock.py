"""The wall clock: this machine's, set right by the master's where they are apart, in the spelling the client sends."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class WallClock:
    """One a process. Phones date what they send by it, and tokens are minted by it.

    Machines of a fleet whose clocks are apart would otherwise mint tokens of the future, and date what they write
    before or after the run. apart_s: to be added to this machine's time to have the master's.
    """

    def __init__(self) -> None:
        self.apart_s = 0.0

    def now(self) -> float:
        """Seconds since 1970."""
        return time.time() + self.apart_s


WALL = WallClock()
"""Of this process."""


def utc_now(ahead_s: float = 0.0) -> str:
    """Like JavaScript's `new Date().toISOString()`: UTC, milliseconds, a Z; on a clock that is ahead by so much."""
    now = datetime.fromtimestamp(WALL.now() + ahead_s, UTC)
    return now.isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""The loop as the stages' clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic


class LoopClock:
    """Monotonic seconds with the loop's timers. uvloop's own time moves in whole milliseconds, once a turn."""

    __slots__ = ("_loop",)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    time = staticmethod(monotonic)

    def call_at(self, when: float, callback: Callable[[], object]) -> asyncio.Handle:
        wait = when - monotonic()
        return self._loop.call_later(wait, callback) if wait > 0 else self._loop.call_soon(callback)

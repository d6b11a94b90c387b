"""A timer wheel turned by an event loop: one loop timer for everything on it."""

from __future__ import annotations

import asyncio
from time import monotonic

from harness.client.realtime.phoenix.timer_wheel import Wheel

SLICE = 64
"""Timers done before the loop gets a turn: a herd that reconnects at one instant must not hold it up."""
SHORTEST_S = 0.001
"""uvloop's timers have whole milliseconds and may come one early."""


class Ticker:
    """Turns `wheel` on `loop` until `stop`."""

    __slots__ = ("_due", "_handle", "_loop", "wheel")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.Handle | None = None
        self._due = 0.0
        self.wheel = Wheel(monotonic)
        self.wheel.wake = self._wake

    def stop(self) -> None:
        """No timer comes any more."""
        self.wheel.wake = lambda _: None
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None

    def _wake(self, due: float) -> None:
        if self._handle is not None:
            if self._due <= due:
                return
            self._handle.cancel()
        self._due = due
        self._handle = self._loop.call_later(max(SHORTEST_S, due - monotonic()), self._turn)

    def _turn(self) -> None:
        self._handle = None
        more = True
        try:
            more = self.wheel.advance(SLICE)
        finally:
            self._plan(more)

    def _plan(self, more: bool) -> None:
        """The next turn: at once, or with the next timer."""
        if more:
            if self._handle is not None:
                self._handle.cancel()
            self._due = 0.0
            self._handle = self._loop.call_soon(self._turn)
        elif self._handle is None and (due := self.wheel.next_due()) is not None:
            self._wake(due)

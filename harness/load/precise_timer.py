"""Calls at exact instants. uvloop's timers have whole milliseconds and come up to one early or late; a timer descriptor
of the kernel (timerfd_create(2)) has nanoseconds, and one of them serves any number of calls in order.

Where there is none (macOS, Windows) the loop's own timers do.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count
from time import monotonic

_RELATIVE = 0  # to now: where a tool moves the clock of this process, an absolute instant is moved with it
_NANOSECONDS = 1_000_000_000
_EARLIEST_NS = 1  # zero would disarm the timer


class _Spec(ctypes.Structure):
    """struct itimerspec: period, then first expiry."""

    _fields_ = [(name, ctypes.c_long) for name in ("period_s", "period_ns", "first_s", "first_ns")]


class PreciseTimer:
    """One call to come."""

    __slots__ = ("callback",)

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        """It will not be called. Harmless afterwards."""
        self.callback = None


class PreciseTimers:
    """For one loop, on its thread. Instants are `time.monotonic()`, the clock of `loop.time()`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: list[tuple[float, int, PreciseTimer]] = []
        self._order = count()
        self._libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
        self._timer = -1
        if self._libc is not None:
            self._timer = self._libc.timerfd_create(ctypes.c_int(1), ctypes.c_int(os.O_NONBLOCK | os.O_CLOEXEC))
        if self._timer >= 0:
            loop.add_reader(self._timer, self._ring)

    def at(self, instant: float, callback: Callable[[], None]) -> PreciseTimer:
        """Have `callback` called at `instant`, never before it; soon when that has passed."""
        timer = PreciseTimer(callback)
        heappush(self._queue, (instant, next(self._order), timer))
        if self._queue[0][2] is timer:
            self._arm()
        return timer

    def close(self) -> None:
        """Forget every call and give the descriptor back. Idempotent."""
        self._queue.clear()
        if self._timer >= 0:
            self._loop.remove_reader(self._timer)
            os.close(self._timer)
            self._timer = -1

    def _call(self, callback: Callable[[], None]) -> None:
        """What one raises is told as the loop's own timers would, and costs no other its call."""
        try:
            callback()
        except Exception as error:
            self._loop.call_exception_handler({"message": f"exception in {callback!r}", "exception": error})

    def _arm(self) -> None:
        instant = self._queue[0][0]
        if self._timer < 0:
            self._loop.call_later(max(0.0, instant - monotonic()), self._ring)
            return
        wait = max(_EARLIEST_NS, int((instant - monotonic()) * _NANOSECONDS) + 1)
        spec = _Spec(0, 0, wait // _NANOSECONDS, wait % _NANOSECONDS)
        assert self._libc is not None
        self._libc.timerfd_settime(self._timer, ctypes.c_int(_RELATIVE), ctypes.byref(spec), None)

    def _ring(self) -> None:
        if self._timer >= 0:
            with suppress(BlockingIOError):  # armed anew since
                os.read(self._timer, 8)
        while self._queue and self._queue[0][0] <= monotonic():
            callback = heappop(self._queue)[2].callback
            if callback is not None:
                self._call(callback)
        while self._queue and self._queue[0][2].callback is None:
            heappop(self._queue)
        if self._queue:
            self._arm()

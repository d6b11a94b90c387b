"""One wake-up of the loop at a whole millisecond of the monotonic clock, to be moved at will."""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Protocol

_TFD_TIMER_ABSTIME = 1


class Alarm(Protocol):
    """Calls whoever made it at or after the millisecond that was set last; who is called sets it again, or off."""

    def set(self, at_ms: int) -> None:
        """Instead of what was set before. What is past rings in the loop's next turn; 0 is off."""

    def close(self) -> None: ...


class LoopAlarm:
    """The loop's own timer. uvloop's are up to a millisecond late when nothing else wakes the loop."""

    __slots__ = ("_loop", "_ring", "_timer")

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], object]) -> None:
        self._loop = loop
        self._ring = ring
        self._timer: asyncio.TimerHandle | None = None

    def set(self, at_ms: int) -> None:
        self.close()
        if at_ms:
            self._timer = self._loop.call_at(at_ms / 1000, self._ring)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class _Times(ctypes.Structure):
    """struct itimerspec: no interval, then the instant."""

    _fields_ = (("_", ctypes.c_long * 2), ("s", ctypes.c_long), ("ns", ctypes.c_long))


class KernelAlarm:
    """A timerfd: exact to some microseconds, and moved by one call that allocates nothing (Linux).

    :raises OSError: the kernel has none to give.
    """

    __slots__ = ("_descriptor", "_loop", "_place", "_set", "_times")

    def __init__(self, loop: asyncio.AbstractEventLoop, ring: Callable[[], object]) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        flags = os.O_NONBLOCK | os.O_CLOEXEC  # which are TFD_NONBLOCK and TFD_CLOEXEC
        self._descriptor = libc.timerfd_create(time.CLOCK_MONOTONIC, flags)
        if self._descriptor < 0:
            number = ctypes.get_errno()
            raise OSError(number, f"no timerfd: {os.strerror(number)}")
        self._loop = loop
        self._times = _Times()
        self._place = ctypes.byref(self._times)
        self._set = libc.timerfd_settime
        loop.add_reader(self._descriptor, ring)  # until it is set again, which is as good as reading it

    def set(self, at_ms: int) -> None:
        times = self._times
        times.s, times.ns = at_ms // 1000, at_ms % 1000 * 1_000_000
        self._set(self._descriptor, _TFD_TIMER_ABSTIME, self._place, None)

    def close(self) -> None:
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1


def alarm(loop: asyncio.AbstractEventLoop, ring: Callable[[], object]) -> Alarm:
    """The most exact one that there is here."""
    if sys.platform.startswith("linux"):
        try:
            return KernelAlarm(loop, ring)
        except (AttributeError, OSError):  # another C library, or out of descriptors
            pass
    return LoopAlarm(loop, ring)

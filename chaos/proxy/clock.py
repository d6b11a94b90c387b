"""The loop as the stages' clock: what waits for the same millisecond shares one wake-up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from heapq import heappop, heappush
from time import monotonic

from chaos.proxy.alarm import Alarm, LoopAlarm, alarm

NEAR_S = 1.0
"""What waits longer has a timer of the loop's, which a cancel takes away at once."""
LOOP_EARLY_S = 0.0015
"""uvloop rounds a wait to whole milliseconds, and counts from a time of its own that may be one old: by so much a timer
of the loop's may be early, and has to be late instead."""
_NEVER = 1 << 62


class _Waiting(list[Callable[[], object]]):
    """One callback of a millisecond; none once it is cancelled. A list, for it is made with every chunk."""

    __slots__ = ()

    cancel = list.clear


class LoopClock:
    """Monotonic seconds, and timers on them to the nearest millisecond: at most half of one early.

    Each has a turn of its own with those of its millisecond: what they arm comes in a later turn of the loop.

    make_alarm: from the loop and what to call, the wake-up that all of them share.
    """

    __slots__ = ("_alarm", "_loop", "_make_alarm", "_millisecond", "_next", "_waiting")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        make_alarm: Callable[[asyncio.AbstractEventLoop, Callable[[], object]], Alarm] = alarm,
    ) -> None:
        self._loop = loop
        self._make_alarm = make_alarm
        self._alarm: Alarm | None = None
        self._waiting: dict[int, list[_Waiting]] = {}
        self._millisecond: list[int] = []  # a heap: those in which somebody waits
        self._next = _NEVER  # the millisecond that the alarm is set to

    time = staticmethod(monotonic)

    def call_at(self, when: float, callback: Callable[[], object]) -> asyncio.Handle | _Waiting:
        """Call once, not before half a millisecond to `when`."""
        millisecond = int(when * 1000 + 0.5)
        if millisecond in self._waiting:
            waiting = _Waiting((callback,))
            self._waiting[millisecond].append(waiting)
            return waiting
        wait = when - monotonic()
        if wait <= 0:
            return self._loop.call_soon(callback)
        if wait > NEAR_S:
            return self._loop.call_later(wait + LOOP_EARLY_S, callback)
        waiting = _Waiting((callback,))
        self._waiting[millisecond] = [waiting]
        heappush(self._millisecond, millisecond)
        if millisecond < self._next:
            self._wake_at(millisecond)
        return waiting

    def close(self) -> None:
        """Call nothing any more of what waits for less than a second."""
        if self._alarm is not None:
            self._alarm.close()
            self._alarm = None
        self._make_alarm = LoopAlarm  # for connections that still end: it leaves no descriptor behind
        self._waiting.clear()
        self._millisecond.clear()
        self._next = _NEVER

    def _wake_at(self, millisecond: int) -> None:
        self._next = millisecond
        if self._alarm is None:
            self._alarm = self._make_alarm(self._loop, self._ring)
        self._alarm.set(millisecond)

    def _ring(self) -> None:
        now, due, heap = int(monotonic() * 1000), list[_Waiting](), self._millisecond
        while heap and heap[0] <= now:
            due += self._waiting.pop(heappop(heap))
        self._next = -1  # what the callbacks arm does not set the alarm each time
        for waiting in due:
            for callback in waiting:
                try:
                    callback()
                except Exception as error:  # the others of this millisecond have nothing to do with it
                    self._loop.call_exception_handler({"message": "a fault's timer failed", "exception": error})
        self._next = heap[0] if heap else _NEVER
        if self._alarm is not None:
            self._alarm.set(heap[0] if heap else 0)

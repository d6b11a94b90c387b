"""The clock of one device: run time, the wall clock its person sees, and waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from harness.client.interruptible_sleep import InterruptibleSleep, wake
from harness.core.clock import utc_now


class DeviceClock:
    """now: seconds on the loop's clock, read directly, because uvloop's own reading has whole milliseconds.
    skew_s: by which the device's wall clock is ahead. pausing: the tasks that only wait, with nothing on the wire."""

    __slots__ = ("_sleep", "loop", "now", "pausing", "skew_s")

    def __init__(self, now: Callable[[], float], loop: asyncio.AbstractEventLoop, sleep: InterruptibleSleep) -> None:
        self.now = now
        self.loop = loop
        self.skew_s = 0.0
        self.pausing: set[asyncio.Task[Any]] = set()
        self._sleep = sleep

    def wall_now(self) -> float:
        """`now` as the device's own, perhaps wrong, clock has it."""
        return self.now() + self.skew_s

    def wall_clock(self) -> str:
        """The date and time on the device, as the client sends it."""
        return utc_now(self.skew_s)

    async def pause(self, seconds: float) -> None:
        """Think, look, type. :raises SessionClosed: when the run closes."""
        # One frame and no more: a phone that does nothing has four of these.
        task = asyncio.current_task(self.loop)
        assert task is not None
        sleeper = self._sleep.sleeper()
        timer = self.loop.call_later(seconds, wake, sleeper)
        self.pausing.add(task)
        try:
            await sleeper
        finally:
            self.pausing.discard(task)
            self._sleep.over(sleeper)
            timer.cancel()
            del task  # a cancelled one holds the error, which holds this frame

    async def held(self, allowed: asyncio.Future[Any]) -> None:
        """Wait for leave to go on. :raises SessionClosed: when the run closes."""
        task = asyncio.current_task(self.loop)
        assert task is not None
        self.pausing.add(task)
        try:
            await self._sleep.until(allowed)
        finally:
            self.pausing.discard(task)
            del task

"""Python's garbage collector, kept out of the way of what is being measured.

Left to itself it walks through everything that lives whenever the heap has grown by a quarter. A worker's heap is
thousands of phones that never die: such a walk takes hundreds of milliseconds, in which no answer is read and no
session begins (seen: 147 and 241 ms in twenty seconds, the whole of a p99.9). Nearly everything here dies by reference
count; cycles are few and mostly short-lived. So the collector is switched off, and its work done in small steps:

- what was made in the last half second and still lives is looked at, about a millisecond's work; what survives is left
  alone, and dies by its reference count like everything else;
- all is looked at again, once, when the process has grown by half and by a quarter of a gigabyte: a pause that the
  record shows (view `gc`) and the verdict takes into account, rather than a leak.

On the same occasions memory that is free within the process goes back to the system (`harness.load.allocator`).
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable

from harness.load.allocator import give_back

LOOK_EVERY_S = 0.5
YOUNG = 1
"""The generations looked at each time: 0 and 1. Survivors go to 2, which is not looked at."""
MEASURE_EVERY = 10
"""Looks between two readings of the process's memory."""
TRIM_BYTES = 4 * 2**20
"""What is free within the process is given back when it has grown by so much."""
GROWTH = 1.5
GROWTH_BYTES = 256 * 2**20


class GcControl:
    """Does the collector's work on a loop. The collector is the process's: one at a time.

    :param resident: bytes of memory the process holds.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, resident: Callable[[], int]) -> None:
        self._loop = loop
        self._resident = resident
        self._timer: asyncio.TimerHandle | None = None
        self._looks = 0
        self._limit = 0.0
        self._trimmed = 0  # resident bytes after memory was given back last, or less

    def start(self) -> None:
        """Take over. What lives now, the program itself, is never looked at."""
        gc.disable()
        gc.freeze()
        self._set_limit()
        self._arm()

    def stop(self) -> None:
        """Give it back."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            gc.unfreeze()
            gc.enable()

    def _arm(self) -> None:
        self._timer = self._loop.call_later(LOOK_EVERY_S, self._look)

    def _look(self) -> None:
        self._arm()
        self._looks += 1
        if self._looks % MEASURE_EVERY:
            gc.collect(YOUNG)
            return
        resident = self._resident()
        if resident > self._limit:
            gc.collect()
            give_back()
            self._set_limit()
            return
        gc.collect(YOUNG)
        self._trimmed = min(self._trimmed, resident)
        if resident - self._trimmed > TRIM_BYTES:
            give_back()
            self._trimmed = self._resident()

    def _set_limit(self) -> None:
        resident = self._trimmed = self._resident()
        self._limit = max(resident * GROWTH, resident + GROWTH_BYTES)

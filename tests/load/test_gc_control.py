"""The collector's work is done in small steps, and given back."""

from __future__ import annotations

import asyncio
import gc
import platform
import subprocess
import sys
import weakref
from collections.abc import Callable

import pytest

from harness.load.gc_control import GROWTH_BYTES, MEASURE_EVERY, GcControl


class Knot:
    def __init__(self) -> None:
        self.itself = self


def on_a_loop(resident: Callable[[], int], work: Callable[[], object], seconds: float) -> object:
    async def main() -> object:
        collector = GcControl(asyncio.get_running_loop(), resident)
        collector.start()
        try:
            assert not gc.isenabled()
            found = work()
            await asyncio.sleep(seconds)
            return found
        finally:
            collector.stop()

    return asyncio.run(main())


def test_young_cycles_die_and_the_collector_is_given_back() -> None:
    died = on_a_loop(lambda: 0, lambda: weakref.ref(Knot()), 0.5)
    assert isinstance(died, weakref.ref)
    assert died() is None
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0


def test_old_cycles_are_looked_for_only_when_the_process_has_grown() -> None:
    """Memory that only grows would be a leak; the pause it takes to end it shows in the record."""
    sizes = iter([0, 1, 3 * GROWTH_BYTES, *[0] * 100])
    full: list[str] = []

    def saw(phase: str, facts: dict[str, int]) -> None:
        if phase == "start" and facts["generation"] == 2:
            full.append(phase)

    async def main() -> int:
        collector = GcControl(asyncio.get_running_loop(), lambda: next(sizes))
        collector.start()
        try:
            for _ in range(MEASURE_EVERY - 1):
                collector._look()
            before = len(full)
            for _ in range(MEASURE_EVERY + 1):
                collector._look()
            return before
        finally:
            collector.stop()

    gc.callbacks.append(saw)
    try:
        before = asyncio.run(main())
    finally:
        gc.callbacks.remove(saw)
    assert before == 0
    assert len(full) == 1


HOLES = """
import asyncio
from harness.load.gc_control import MEASURE_EVERY, GcControl
from harness.load.health import resident_bytes

def mb() -> float:
    return resident_bytes() / 1e6

async def main() -> None:
    collector = GcControl(asyncio.get_running_loop(), resident_bytes)
    collector.start()
    before = mb()
    replies = [bytes(40_000) for _ in range(2_000)]
    stays = bytes(40_000)  # above them: without it the C library returns them by itself
    full = mb()
    replies.clear()
    kept = mb()
    for _ in range(MEASURE_EVERY):
        collector._look()
    print(full - before, kept - before, mb() - before)
    collector.stop()

asyncio.run(main())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries return memory in their own way")
def test_memory_that_is_free_goes_back_to_the_system() -> None:
    told = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, timeout=60, check=True)
    full, kept, left = map(float, told.stdout.split())
    assert full > 60
    assert kept > full / 2, "it went back by itself, and this shows nothing"
    assert left < full / 4

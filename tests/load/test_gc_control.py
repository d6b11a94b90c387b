"""The collector's work is done in small steps, and given back."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable

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

"""Calls come at their instants, in order, never early; cancelled ones never."""

from __future__ import annotations

import asyncio
from functools import partial
from time import monotonic

import pytest

from harness.load.engine import new_loop
from harness.load.precise_timer import PreciseTimers


@pytest.mark.parametrize("descriptor", [True, False])
def test_calls_come_in_order_and_never_early(descriptor: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not descriptor:
        monkeypatch.setattr("harness.load.precise_timer.sys.platform", "elsewhere")
    came: list[tuple[int, float]] = []

    async def main() -> None:
        timers = PreciseTimers(asyncio.get_running_loop())
        begin = monotonic()

        def note(number: int) -> None:
            came.append((number, monotonic() - begin))

        def again() -> None:
            timers.at(begin, partial(note, 99))

        for number in (7, 3, 9, 1, 5, 2, 8, 0, 6, 4):
            timers.at(begin + 0.0137 * number, partial(note, number))
        timers.at(begin + 0.05, lambda: came.append((-1, 0.0))).cancel()
        timers.at(begin + 0.06, again)
        await asyncio.sleep(0.3)
        timers.at(monotonic() + 0.01, lambda: came.append((-2, 0.0)))
        timers.close()
        timers.close()
        await asyncio.sleep(0.05)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(main())
    assert [number for number, _ in came] == [0, 1, 2, 3, 4, 99, 5, 6, 7, 8, 9]
    early = 0.0 if descriptor else 0.002  # the loop's own timers have whole milliseconds
    assert all(at >= 0.0137 * number - early for number, at in came if number < 10)


@pytest.mark.parametrize("descriptor", [True, False])
def test_a_call_that_raises_is_told_and_costs_no_other_its_turn(
    descriptor: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not descriptor:
        monkeypatch.setattr("harness.load.precise_timer.sys.platform", "elsewhere")
    told: list[object] = []

    def raises(error: Exception) -> None:
        raise error

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
        timers, came = PreciseTimers(loop), asyncio.Event()
        now = monotonic()
        timers.at(now + 0.01, partial(raises, IndexError("first")))
        timers.at(now + 0.01, partial(raises, KeyError("second")))
        timers.at(now + 0.03, came.set)
        await asyncio.wait_for(came.wait(), 10)
        timers.close()

    loop = new_loop()
    loop.run_until_complete(main())
    loop.close()
    assert [type(error) for error in told] == [IndexError, KeyError]

"""The proxy's timers on a real loop: none early, none lost, none twice, with the kernel's alarm and with the loop's."""

from __future__ import annotations

import asyncio
import random
import sys
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chaos.fault import draw, draws
from chaos.proxy.alarm import KernelAlarm, LoopAlarm
from chaos.proxy.clock import LoopClock
from tests.chaos.rig import on_loop

ALARMS = [LoopAlarm, pytest.param(KernelAlarm, marks=pytest.mark.skipif(sys.platform != "linux", reason="timerfd"))]


@pytest.mark.parametrize("alarm", ALARMS)
def test_every_timer_is_called_once_in_time_but_for_those_cancelled(alarm: type[LoopAlarm | KernelAlarm]) -> None:
    early: list[float] = []
    called: list[int] = []

    async def main() -> None:
        clock, dice = LoopClock(asyncio.get_running_loop(), alarm), random.Random(5)
        dues = [clock.time() + dice.uniform(-0.01, 0.12) for _ in range(400)] + [clock.time() + 1.1]

        def note(number: int) -> None:
            called.append(number)
            early.append(dues[number] - clock.time())

        timers = [clock.call_at(due, partial(note, number)) for number, due in enumerate(dues)]
        for timer in timers[:400:3]:
            timer.cancel()
        while len(called) < 267:  # noqa: ASYNC110 - a timer's effect is what is looked for
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.05)
        clock.close()

    on_loop(main())
    assert sorted(called) == [number for number in range(401) if number % 3 or number == 400]
    assert max(early) <= 0.0005 + 1e-6


def test_what_waits_for_more_than_a_second_is_not_early_either() -> None:
    early: list[float] = []

    async def main() -> None:
        clock, dice = LoopClock(asyncio.get_running_loop()), random.Random(5)
        for number in range(1000):
            due = clock.time() + 1.01 + dice.uniform(0, 0.2)
            clock.call_at(due, lambda due=due: early.append(due - clock.time()))  # type: ignore[misc]
            if number % 20 == 0:
                await asyncio.sleep(0)
        while len(early) < 1000:  # noqa: ASYNC110 - a timer's effect is what is looked for
            await asyncio.sleep(0.02)
        clock.close()

    on_loop(main())
    assert max(early) <= 0.0005 + 1e-6


@pytest.mark.parametrize("alarm", ALARMS)
def test_a_timer_that_fails_stops_no_other_and_an_earlier_one_is_not_held_up(
    alarm: type[LoopAlarm | KernelAlarm],
) -> None:
    order, told = list[str](), list[str]()

    def fails() -> None:
        raise ZeroDivisionError

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(str(context["message"])))
        clock, done = LoopClock(loop, alarm), asyncio.Event()
        now = clock.time()
        clock.call_at(now + 0.03, fails)
        clock.call_at(now + 0.03, lambda: order.append("same millisecond"))
        clock.call_at(now + 0.5, done.set)
        clock.call_at(now + 0.01, lambda: order.append("earlier"))
        await done.wait()
        clock.close()

    on_loop(main())
    assert order == ["earlier", "same millisecond"]
    assert told == ["a fault's timer failed"]


def test_what_a_timer_arms_comes_in_a_later_turn_of_the_loop() -> None:
    """Else the slicer's pieces would be written as one."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        clock, turns, done = LoopClock(loop), list[int](), asyncio.Event()
        turn = 0

        def count() -> None:
            nonlocal turn
            turn += 1
            if not done.is_set():
                loop.call_soon(count)

        def piece() -> None:
            turns.append(turn)
            if len(turns) == 5:
                done.set()
            else:
                clock.call_at(clock.time() + 0.0001, piece)

        count()
        clock.call_at(clock.time() + 0.002, piece)
        await done.wait()
        clock.close()
        assert len(set(turns)) == 5

    on_loop(main())


@given(st.integers(0, 2**64), st.text(max_size=20), st.text(max_size=20), st.integers(0, 10**9))
def test_numbers_drawn_together_are_those_drawn_alone(seed: int, fault: str, key: str, first: int) -> None:
    turns = range(first, first + 5)
    assert draws(seed, fault, key, turns) == [draw(seed, fault, key, turn) for turn in turns]

"""The timer wheel on a fake clock, and turned by real loops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from time import monotonic

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.client.realtime.phoenix.timer_wheel import TICK_S, Backoff, Wheel
from harness.client.realtime.ticker import SLICE, Ticker
from tests.loops import LOOPS


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@given(
    delays=st.lists(st.floats(0, 30), min_size=1, max_size=40),
    steps=st.lists(st.floats(0.0001, 5), min_size=1, max_size=40),
    cancelled=st.sets(st.integers(0, 39)),
)
def test_timers_come_never_early_once_and_at_most_a_tick_after_the_turn(
    delays: list[float], steps: list[float], cancelled: set[int]
) -> None:
    clock = Clock()
    wheel = Wheel(clock)
    came: dict[int, float] = {}

    def fire(number: int) -> None:
        assert number not in came
        came[number] = clock.now

    timers = [wheel.after(delay, partial(fire, number)) for number, delay in enumerate(delays)]
    for number in cancelled:
        if number < len(timers):
            timers[number].cancel()
    previous = clock.now
    for step in (*steps, 31.0):
        clock.now += step
        before = set(came)
        assert not wheel.advance(limit=10_000)
        for number in set(came) - before:
            due = 100.0 + delays[number]
            assert due <= clock.now + 1e-6
            assert due > previous - TICK_S - 1e-6
        previous = clock.now
    assert set(came) == set(range(len(delays))) - cancelled
    assert wheel.next_due() is None


def test_a_herd_is_done_in_slices_in_the_order_in_which_it_came() -> None:
    clock, came = Clock(), list[int]()
    wheel = Wheel(clock)
    for number in range(10):
        wheel.after(1, partial(came.append, number))
    clock.now += 2
    assert wheel.advance(limit=4)
    assert came == [0, 1, 2, 3]
    assert wheel.advance(limit=4)
    assert not wheel.advance(limit=4)
    assert came == list(range(10))


def test_an_action_that_raises_takes_no_other_with_it() -> None:
    clock, came = Clock(), list[int]()
    wheel = Wheel(clock)

    def fails() -> None:
        raise KeyError

    wheel.after(1, lambda: came.append(1))
    wheel.after(1, fails)
    wheel.after(1, lambda: came.append(2))
    clock.now += 2
    with pytest.raises(KeyError):
        wheel.advance()
    wheel.advance()
    assert came == [1, 2]


def test_an_action_may_plan_and_cancel() -> None:
    clock, came = Clock(), list[str]()
    wheel = Wheel(clock)
    later = wheel.after(1, lambda: came.append("never"))

    def first() -> None:
        came.append("first")
        later.cancel()
        wheel.after(0, lambda: came.append("at once"))

    wheel.at(clock.now + 0.5, first)
    clock.now += 0.7
    wheel.advance()
    clock.now += 3
    wheel.advance()
    assert came == ["first", "at once"]


def test_the_owner_is_woken_only_for_an_earlier_timer() -> None:
    wheel, woken = Wheel(Clock()), list[float]()
    wheel.wake = woken.append
    for delay in (5, 7, 5, 2, 3):
        wheel.after(delay, lambda: None)
    assert woken == pytest.approx([105.0, 102.0])


def test_a_backoff_counts_and_starts_over() -> None:
    clock, tries = Clock(), []
    wheel = Wheel(clock)
    backoff = Backoff(wheel, lambda number: float(number), lambda: tries.append(round(clock.now - 100, 2)))
    backoff.schedule()
    backoff.schedule()  # in place of the first
    clock.now += 1.01
    wheel.advance()
    backoff.schedule()
    clock.now += 1.5
    wheel.advance()
    assert tries == [1.01]
    clock.now += 0.6
    wheel.advance()
    assert tries == [1.01, 3.11]
    assert backoff.tries == 2
    backoff.schedule()
    backoff.reset()
    clock.now += 10
    wheel.advance()
    assert len(tries) == 2
    assert backoff.tries == 0


@pytest.mark.parametrize("loop_factory", LOOPS.values(), ids=LOOPS)
def test_a_loop_turns_it_with_one_timer_of_its_own(loop_factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    late: list[float] = []

    async def main() -> None:
        ticker = Ticker(asyncio.get_running_loop())
        wheel = ticker.wheel

        def note(due: float) -> None:
            late.append(monotonic() - due)

        def again() -> None:
            wheel.after(0.01, partial(late.append, 0.0))

        for number in range(300):
            due = monotonic() + 0.01 + number % 7 * 0.02
            wheel.at(due, partial(note, due))
        wheel.after(0.05, again)
        async with asyncio.timeout(10):
            while len(late) < 301:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        wheel.after(0.01, lambda: late.append(0.0))
        ticker.stop()
        await asyncio.sleep(0.05)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert len(late) == 301
    assert min(late) >= 0
    assert SLICE < 300


def test_a_failing_action_is_reported_to_the_loop_and_the_rest_goes_on() -> None:
    complaints: list[dict[str, object]] = []
    came: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        ticker = Ticker(loop)

        def fails() -> None:
            raise KeyError("ours")

        ticker.wheel.after(0.01, fails)
        ticker.wheel.after(0.02, lambda: came.append(1))
        async with asyncio.timeout(5):
            while not came:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        ticker.stop()

    asyncio.run(main())
    assert len(complaints) == 1

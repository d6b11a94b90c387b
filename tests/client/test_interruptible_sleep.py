"""A closing run wakes every sleeper, and nobody falls asleep again."""

import asyncio

import pytest

from harness.client.interruptible_sleep import InterruptibleSleep, SessionClosed


def test_sleep_lasts_as_long_as_it_says() -> None:
    async def scene() -> float:
        loop = asyncio.get_running_loop()
        begun = loop.time()
        await InterruptibleSleep(loop).sleep(0.05)
        return loop.time() - begun

    assert 0.045 <= asyncio.run(scene()) < 1.0


def test_close_wakes_sleepers_and_refuses_new_ones() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        pulse = InterruptibleSleep(loop)
        sleepers = [loop.create_task(pulse.sleep(60.0)) for _ in range(100)]
        await asyncio.sleep(0)
        pulse.close()
        ended = await asyncio.wait_for(asyncio.gather(*sleepers, return_exceptions=True), 5.0)
        assert all(isinstance(end, SessionClosed) for end in ended)
        with pytest.raises(SessionClosed):
            await pulse.sleep(0.0)

    asyncio.run(scene())


def test_a_cancelled_sleeper_leaves_nothing_behind() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        pulse = InterruptibleSleep(loop)
        sleeper = loop.create_task(pulse.sleep(60.0))
        await asyncio.sleep(0)
        sleeper.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sleeper
        assert not pulse._sleepers

    asyncio.run(scene())

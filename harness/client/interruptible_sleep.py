"""Thinking time that a run can end: every sleeping session wakes when the run closes."""

from __future__ import annotations

import asyncio


class SessionClosed(Exception):
    """The run is closing: the person puts the phone away. Personas let it through."""


class InterruptibleSleep:
    """Owned by one event loop; not thread-safe."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._sleepers: set[asyncio.Future[None]] = set()
        self.closing = False

    async def sleep(self, seconds: float) -> None:
        """Sleep; :raises SessionClosed: at once when the run is closing or begins to."""
        sleeper = self.sleeper()
        timer = self._loop.call_later(seconds, wake, sleeper)
        try:
            await sleeper
        finally:
            self.over(sleeper)
            timer.cancel()

    def sleeper(self) -> asyncio.Future[None]:
        """What somebody awaits whom the run's end shall wake; `wake` it, and say when it is `over`.

        :raises SessionClosed: the run is closing.
        """
        if self.closing:
            raise SessionClosed
        sleeper = self._loop.create_future()
        self._sleepers.add(sleeper)
        return sleeper

    def over(self, sleeper: asyncio.Future[None]) -> None:
        """Nobody awaits it any more."""
        self._sleepers.discard(sleeper)

    async def until(self, allowed: asyncio.Future[None]) -> None:
        """Wait for something that somebody else sets; :raises SessionClosed: as `sleep`."""
        if self.closing:
            raise SessionClosed
        self._sleepers.add(allowed)
        try:
            await allowed
        finally:
            self._sleepers.discard(allowed)

    def close(self) -> None:
        """Wake everybody with `SessionClosed`, now and from now on."""
        self.closing = True
        for sleeper in self._sleepers:
            if not sleeper.done():
                sleeper.set_exception(SessionClosed())


def wake(sleeper: asyncio.Future[None]) -> None:
    """It has slept enough."""
    if not sleeper.done():
        sleeper.set_result(None)

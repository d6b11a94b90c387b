"""The app's mutations and reads without a network: they wait in the page and go on together (`paused`, the rules)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Any

from harness.client.cache.paused import PausedWork, Resumed, Wake
from harness.client.clock import DeviceClock
from harness.client.interruptible_sleep import SessionClosed
from harness.client.network_state import NetworkState

_mutating: ContextVar[bool] = ContextVar("mutating", default=False)


class HeldWork:
    """Something that waits. go_on: it may. lost: its page is gone, it never will."""

    __slots__ = ("go_on", "lost")

    def __init__(self, go_on: Callable[[], object], lost: Callable[[], object]) -> None:
        self.go_on = go_on
        self.lost = lost


class NetworkMode:
    """One device's. What waits belongs to the page: call `page_gone` when that goes."""

    def __init__(self, clock: DeviceClock, network: NetworkState, reads_turn: Callable[[Wake], None]) -> None:
        """reads_turn: called when what is stale on screen is to be read again, after the mutations that waited."""
        self._clock = clock
        self._network = network
        self._reads_turn = reads_turn
        self._paused: PausedWork[HeldWork] = PausedWork()

    @property
    def waiting(self) -> int:
        """How much waits."""
        return len(self._paused)

    # ---- mutations --------------------------------------------------------------------------------------------

    def mutate(self, act: Callable[[], object], lost: Callable[[], object]) -> None:
        """Do something that takes no time as the app's mutation: now, or when there is a network; `lost` when the page
        goes before."""
        if self._now().may_begin():
            act()
            return
        held = HeldWork(act, lost)

        def done() -> None:
            act()
            self._go_on(self._now().over(held))

        held.go_on = done
        self._paused.hold_mutation(held)

    @asynccontextmanager
    async def mutation(self) -> AsyncIterator[None]:
        """Around all that one mutation of the app does. Within another it is a part of that one.

        :raises SessionClosed: when the run or the page ends while it waits.
        """
        if _mutating.get():
            yield
            return
        held = None
        if not self._now().may_begin():
            held, allowed = self._held()
            self._paused.hold_mutation(held)
        mark = _mutating.set(True)
        try:
            if held is not None:
                await self._clock.held(allowed)
            yield
        finally:
            _mutating.reset(mark)
            if held is not None:
                self._go_on(self._now().over(held))

    # ---- reads ------------------------------------------------------------------------------------------------

    def reads_now(self) -> bool:
        """Whether a read's first try may begin without `read`."""
        return self._network.online

    async def read(self, *, again: bool = False) -> None:
        """Wait until a read's first try may begin (`again`: its second).

        :raises SessionClosed: when the run or the page ends meanwhile.
        """
        if self._now().may_begin(again=again):
            return
        held, allowed = self._held()
        self._paused.hold_read(held)
        try:
            await self._clock.held(allowed)
        finally:
            self._paused.let_go(held)

    # ---- what happens to the device -----------------------------------------------------------------------------

    def wake(self, why: Wake) -> None:
        """The network is back, or the app is on screen again."""
        self._go_on(self._now().wake(why))

    def page_gone(self) -> None:
        """What waited in the page is lost with it."""
        for held in self._paused.close():
            held.lost()

    # ---- inside -----------------------------------------------------------------------------------------------

    def _now(self) -> PausedWork[HeldWork]:
        self._paused.online, self._paused.visible = self._network.online, self._network.visible
        return self._paused

    def _held(self) -> tuple[HeldWork, asyncio.Future[Any]]:
        allowed: asyncio.Future[Any] = self._clock.loop.create_future()

        def go_on() -> None:
            if not allowed.done():
                allowed.set_result(None)

        def lost() -> None:
            if not allowed.done():
                allowed.set_exception(SessionClosed())

        return HeldWork(go_on, lost), allowed

    def _go_on(self, resumed: Resumed[HeldWork]) -> None:
        for held in resumed.works:
            held.go_on()
        for why in resumed.reads:
            self._reads_turn(why)

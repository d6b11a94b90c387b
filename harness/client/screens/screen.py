"""What all screens have in common: what they show is mounted until they are left."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from harness.client.cache.queries import CachedQuery, Fetched
from harness.client.device import Device
from harness.core.actions import UserAction

T = TypeVar("T")


class Route:
    """The route that a page is on by itself: the landing page, which nobody leaves on purpose, but by going on."""

    def __init__(self) -> None:
        self.stays: Screen | None = None

    def goes_on(self, to: Screen | None = None) -> None:
        """The person opens something else."""
        before = self.stays
        if before is not None and before is not to:
            self.stays = None
            before.leave()


class Screen:
    """A mounted screen: what it shows is observed until `leave`, refetched on focus, polled where it says so. After
    that it shows nothing any more, whatever answers still come in.

    name: what it is called in the record of actions; "" for what is no screen of its own.
    """

    name = ""

    def __init__(self, phone: Device) -> None:
        self.phone = phone
        self._shown: list[CachedQuery[Any]] = []
        self._pollers: list[asyncio.Task[None]] = []
        self._opened = False
        self._left = False

    def opens(self) -> None:
        """The person gets here: written down, and so is leaving it."""
        goes_on(self.phone, self)
        self._opened, self._left = True, False
        self.phone.notes.did(UserAction.OPEN, self.name)

    def stays(self) -> None:
        """Nobody leaves it on purpose: it is left when the person opens something else."""
        self.phone.page.of(Route, Route).stays = self

    def mount(self, query: CachedQuery[T], *, every_s: float | None = None) -> None:
        """Show this read; with `every_s`, fetch it again that often while the tab is visible."""
        if self._left:
            return
        self.phone.page.queries.mount(query)
        self._shown.append(query)
        if every_s is not None:
            self._pollers.append(
                self.phone.background.start(self.phone.page.queries.keep_fresh(query, lambda: every_s))
            )

    async def show(self, query: CachedQuery[T]) -> Fetched[T]:
        """Mount it and wait until it is there, from memory or from the server."""
        self.mount(query)
        return await self.phone.page.queries.settled(query)

    def unmount(self, query: CachedQuery[T]) -> None:
        """Stop showing this one read."""
        if query in self._shown:
            self._shown.remove(query)
            self.phone.page.queries.unmount(query)

    def leave(self) -> None:
        """The person goes elsewhere. Idempotent."""
        self._left = True
        if self._opened:
            self._opened = False
            self.phone.notes.did(UserAction.LEAVE, self.name)
        for poller in self._pollers:
            poller.cancel()
        for query in self._shown:
            self.phone.page.queries.unmount(query)
        self._pollers, self._shown = [], []


def goes_on(phone: Device, to: Screen | None = None) -> None:
    """The person opens something that is no screen of this kind, or `to`."""
    phone.page.of(Route, Route).goes_on(to)

"""Pictures of people: a storage path becomes a signed address, which a page remembers (contract 5.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from urllib.parse import quote

from harness.client.api.chat_calls import AVATAR_SIGN
from harness.client.device import Device
from harness.core.actions import UserAction

SIGNED_FOR_S = 3600
"""Seconds a signed address is valid; asked for with each signature."""
KEPT_S = SIGNED_FOR_S - 60.0
"""Seconds a page remembers one: a minute less."""


class Avatars:
    """One page's; use `Avatars.of(phone)`."""

    def __init__(self, phone: Device) -> None:
        self._phone = phone
        self._signed_at: dict[str, float] = {}
        self._under_way: dict[str, asyncio.Task[None]] = {}

    @classmethod
    def of(cls, phone: Device) -> Avatars:
        """This page's."""
        return phone.page.of(cls, lambda: cls(phone))

    async def resolve(self, pictures: Iterable[str | None]) -> None:
        """Have an address of each, all at once; nobody learns of a failure. Addresses elsewhere need no signature."""
        phone, now = self._phone, self._phone.now()
        paths = [path for path in dict.fromkeys(pictures) if path and "://" not in path]
        new = [
            path for path in paths if path not in self._under_way and now - self._signed_at.get(path, -KEPT_S) >= KEPT_S
        ]
        if new:
            phone.notes.did(UserAction.AVATARS, number=len(new))
        for path in new:
            self._under_way[path] = phone.background.start(self._sign(path))
        waited = [task for path in paths if (task := self._under_way.get(path)) is not None]
        if waited:
            await asyncio.wait(waited)

    async def _sign(self, path: str) -> None:
        try:
            await self._phone.api.request(AVATAR_SIGN, quote(path), body={"expiresIn": SIGNED_FOR_S})
            self._signed_at[path] = self._phone.now()  # a refused one counts as well: there is no picture for an hour
        finally:
            self._under_way.pop(path, None)

"""What an open direct chat asks about the other: whether either has blocked the other, when they were last active
(contract 5.4, 5.5)."""

from __future__ import annotations

from dataclasses import replace

from harness.client.api.call import Caller
from harness.client.api.calls import BLOCKED_CHECK
from harness.client.api.chat_calls import LAST_ACTIVE
from harness.client.cache.queries import CachedQuery, Fetched
from harness.client.cache.query_cache import Rules
from harness.client.device import Device
from harness.client.screens.screen_query import ScreenQuery
from harness.core.outcome import Outcome

LAST_ACTIVE_EVERY_S = 60.0
STALE_S = 30.0
BLOCKED_QUERY = replace(BLOCKED_CHECK, caller=Caller.QUERY)
"""As the screen asks; before a send the same question has no further try."""


class OtherPerson:
    """One chat's."""

    def __init__(self, phone: Device, other: str) -> None:
        self._phone = phone
        self._other = other
        self._last_active = ScreenQuery(
            phone, self._load_last_active, every_s=lambda: LAST_ACTIVE_EVERY_S, stale_s=STALE_S
        )

    def mount(self) -> None:
        """The chat opens."""
        self._last_active.mount()
        self._phone.page.queries.mount(self._blocked())

    def unmount(self) -> None:
        """It is left."""
        self._last_active.unmount()
        self._phone.page.queries.unmount(self._blocked())

    def _blocked(self) -> CachedQuery[bool]:
        phone, other = self._phone, self._other

        async def fetch() -> Fetched[bool]:
            outcome = (await phone.api.request(BLOCKED_QUERY, phone.user_id, other)).outcome
            return Fetched(outcome, outcome.good or None)

        return CachedQuery(("block-status", phone.user_id, other), fetch, Rules(stale_s=STALE_S))

    async def _load_last_active(self) -> Outcome:
        return (await self._phone.api.request(LAST_ACTIVE, self._other)).outcome

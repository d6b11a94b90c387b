"""The conversations of one's own, as one page of the app remembers them (contract 5.1).

Three places show them: the messages screen, an open conversation, and the swipe page, whose sheet for sharing a title
is there from the start. While any does they are read again each 60 s (`list_poll_s`); focus changes
nothing.
"""

from __future__ import annotations

import asyncio

from harness.client.api import chat_calls as calls
from harness.client.api import chat_shapes as shapes
from harness.client.api import retry
from harness.client.api.chat_shapes import Summary
from harness.client.api.classify import Reading
from harness.client.cache.query_cache import CONVERSATIONS
from harness.client.device import Device
from harness.client.screens.avatars import Avatars
from harness.client.screens.screen_query import ScreenQuery
from harness.core.actions import UserAction
from harness.core.outcome import Outcome


class ConversationList:
    """One page's; use `ConversationList.of(phone)`."""

    def __init__(self, phone: Device) -> None:
        self._phone = phone
        self._owners: list[object] = []
        self.rows: list[Summary] = []
        self._query = ScreenQuery(
            phone, self._load, every_s=lambda: phone.settings.list_poll_s, stale_s=CONVERSATIONS.stale_s, on_focus=False
        )

    @classmethod
    def of(cls, phone: Device) -> ConversationList:
        """This page's."""
        return phone.page.of(cls, lambda: cls(phone))

    def mount(self, owner: object) -> None:
        """Somebody begins to show it: fetched when older than 60 s."""
        if not any(one is owner for one in self._owners):
            self._owners.append(owner)
            self._query.mount()

    def unmount(self, owner: object) -> None:
        """They no longer do."""
        shown = [one for one in self._owners if one is not owner]
        if len(shown) < len(self._owners):
            self._owners = shown
            if not shown:
                self._query.unmount()

    async def prefetch(self) -> None:
        """What the app reads ahead: fetched when older than 60 s, shown by nobody yet."""
        self._query.prefetch()
        await self._query.ready()

    async def ready(self) -> Outcome:
        """Wait for a fetch under way."""
        return await self._query.ready()

    def written(self) -> None:
        """A message was sent or came: the app moves its row up, and the list's next poll is a whole interval away."""
        self._query.written()

    def changed(self) -> None:
        """Read again whatever its age, unless it has never been read and is on its way."""
        self._query.invalidate()

    async def _load(self) -> Outcome:
        phone = self._phone
        reading = await self._summaries()
        for delay in retry.query_delays():
            if reading.outcome.good:
                break
            await asyncio.sleep(delay)
            reading = await self._summaries()
        if not reading.outcome.good:
            return reading.outcome
        rows = shapes.summaries(reading.data, phone.user_id)
        if rows is None:
            return Outcome.SOFT_FAILURE
        await self._read_beside(rows)
        self.rows = rows
        return Outcome.OK

    async def _summaries(self) -> Reading:
        """Version 2, and at once version 1 after any error: four requests when everything fails (10.4)."""
        body = {"p_user_id": self._phone.user_id}
        reading = await self._phone.api.request(calls.LIST_V2, body=body)
        return reading if reading.outcome.good else await self._phone.api.request(calls.LIST_V1, body=body)

    async def _read_beside(self, rows: list[Summary]) -> None:
        """Where anybody has a picture: the addresses that are missing, then the marks of everybody, oneself included.
        The list is shown after both."""
        phone = self._phone
        pictures = [picture for row in rows for picture in row.pictures]
        people = list(dict.fromkeys(person for row in rows for person in row.people)) if pictures else []
        phone.notes.did(UserAction.LISTED, number=len(people))
        if not pictures:
            return
        await Avatars.of(phone).resolve(pictures)
        if people:
            await phone.api.request(calls.PROFILES_PUBLIC, ",".join(people))

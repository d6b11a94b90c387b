"""The conversation list: its RPC and fallback, what it reads beside, what a person does on it (contract 5.1)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from typing import Any
from urllib.parse import quote

from harness.client.api import chat_calls as calls
from harness.client.api import chat_shapes as shapes
from harness.client.api import retry
from harness.client.api.chat_shapes import Summary
from harness.client.api.classify import Reading
from harness.client.cache.query_cache import CONVERSATIONS
from harness.client.device import Device
from harness.client.screens.browse.suggestions import show_suggestions
from harness.client.screens.chat.receipts import ReceiptWriter
from harness.client.screens.screen import Screen
from harness.client.screens.screen_query import ScreenQuery
from harness.core.actions import UserAction
from harness.core.ledger import WriteKind
from harness.core.outcome import Outcome

LIST_EVERY_S = 60.0
AVATAR_KEPT_S = 3600.0
SIGNED_FOR_S = 3600
"""Seconds a signed address is valid; asked for with each signature."""


class Inbox:
    """The list as one page holds it; use `Inbox.of(phone)`. Stays mounted on the list and in conversations."""

    def __init__(self, phone: Device) -> None:
        self._phone = phone
        self.rows: list[Summary] = []
        self._signed: dict[str, float] = {}  # avatar path -> when it was signed
        self._probed = False
        self._hints: Screen | None = None
        self._query = ScreenQuery(phone, self._load, every_s=lambda: LIST_EVERY_S, stale_s=CONVERSATIONS.stale_s)

    @classmethod
    def of(cls, phone: Device) -> Inbox:
        """This page's list."""
        return phone.page.of(cls, lambda: cls(phone))

    def show(self) -> None:
        """A screen that needs the list opens: fetched when older than 60 s, then every 60 s while visible.

        The first time on a page it also probes for the columns of the preferences.
        """
        self._phone.notes.did(UserAction.OPEN, "list")
        self._query.mount()
        if self._hints is None:
            self._hints = Screen(self._phone)
            show_suggestions(self._hints, "messages")
        if not self._probed:
            self._probed = True
            self._phone.background.start(self._just(self._phone.api.request(calls.PREFS_PROBE_ID)))
            self._phone.background.start(self._just(self._phone.api.request(calls.PREFS_PROBE_MUTED)))

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

    def leave(self) -> None:
        """The person leaves for a screen without it."""
        if self._hints is not None:
            self._hints.leave()
            self._hints = None
        self._query.unmount()

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
        self.rows = rows
        self._read_beside()
        return Outcome.OK

    async def _summaries(self) -> Reading:
        """Version 2, and at once version 1 after any error: four requests when everything fails (10.4)."""
        body = {"p_user_id": self._phone.user_id}
        reading = await self._phone.api.request(calls.LIST_V2, body=body)
        return reading if reading.outcome.good else await self._phone.api.request(calls.LIST_V1, body=body)

    def _read_beside(self) -> None:
        """Avatars that have no signature yet, and the profiles of everybody listed."""
        phone, now = self._phone, self._phone.now()
        paths = dict.fromkeys(path for row in self.rows for path in row.avatars)
        new = [path for path in paths if now - self._signed.get(path, -AVATAR_KEPT_S) >= AVATAR_KEPT_S]
        people = dict.fromkeys(person for row in self.rows for person in row.others)
        phone.notes.did(UserAction.LISTED, number=len(people))
        phone.notes.did(UserAction.AVATARS, number=len(new))
        for path in new:
            self._signed[path] = now
            phone.background.start(self._sign(path))
        if people:
            phone.background.start(self._just(phone.api.request(calls.PROFILES_PUBLIC, ",".join(people))))

    async def _sign(self, path: str) -> None:
        reading = await self._phone.api.request(calls.AVATAR_SIGN, quote(path), body={"expiresIn": SIGNED_FOR_S})
        if not reading.outcome.good:
            self._signed.pop(path, None)

    async def _just(self, request: Coroutine[Any, Any, Reading]) -> None:
        """Whatever comes of it."""
        await request

    # ---- what a person does on the list ---------------------------------------------------------------------

    async def mark_read(self, row: Summary) -> Outcome:
        """By RPC; any error falls back to the receipt itself."""
        body = {"p_conversation_id": row.conversation, "p_last_message_id": row.last_message}
        with self._phone.notes.operation("mark_read") as operation:
            reading = await self._marked(row, body)
            if not reading.outcome.good and row.last_message is not None:
                reading = await ReceiptWriter.of(self._phone).read(row.conversation, row.last_message)
            operation.ends(reading.outcome)
        return reading.outcome

    async def _marked(self, row: Summary, body: dict[str, Any]) -> Reading:
        """The RPC; the server dates the marker."""
        if row.last_message is None:
            return await self._phone.api.request(calls.MARK_READ, body=body)
        write = self._phone.notes.write(WriteKind.READ, subject=row.conversation, object_=row.last_message)
        write.sent()
        reading = await self._phone.api.request(calls.MARK_READ, body=body)
        write.answered(reading)
        return reading

    async def mark_unread(self, row: Summary) -> Outcome:
        """Deletes the own receipt, which no policy allows: 204, nothing deleted, taken for success (trap T45)."""
        with self._phone.notes.operation("mark_unread") as operation:
            reading = await self._phone.api.request(calls.MARK_UNREAD, row.conversation, self._phone.user_id)
            operation.ends(reading.outcome)
        return reading.outcome

    async def set_prefs(
        self, row: Summary, *, muted: bool = False, hidden: bool = False, muted_until: datetime | None = None
    ) -> Outcome:
        """Mute, hide; with everything off the row goes."""
        phone = self._phone
        with phone.notes.operation("conversation_prefs") as operation:
            if not (muted or hidden or muted_until):
                reading = await phone.api.request(calls.PREFS_DELETE, phone.user_id, row.conversation)
            else:
                body = {
                    "user_id": phone.user_id,
                    "conversation_id": row.conversation,
                    "muted": muted,
                    "hidden": hidden,
                    "muted_until": muted_until.isoformat() if muted_until else None,
                }
                reading = await phone.api.request(calls.PREFS_WRITE, body=body)
            operation.ends(reading.outcome)
        return reading.outcome


async def conversation_list(phone: Device) -> list[Summary]:
    """Go to the list, from tapping its tab to rows on screen; empty when it did not come."""
    inbox = Inbox.of(phone)
    with phone.notes.operation("conversation_list") as operation:
        inbox.show()
        shown = operation.ends(await inbox.ready())
    return inbox.rows if shown else []


async def start_conversation(phone: Device, other: str) -> Summary | None:
    """Open or make the direct conversation with a person; the same one every time (contract 5.2)."""
    phone.notes.did(UserAction.NEW_CHAT)
    with phone.notes.operation("create_direct_conversation") as operation:
        reading = await phone.api.request(calls.CREATE_CONVERSATION, body={"targetUserId": other})
        if not operation.ends(reading.outcome):
            return None
        found = shapes.conversation_id(reading.data)
        if found is None:
            operation.ends(Outcome.SOFT_FAILURE)
            return None
    return Summary(found, False, (other,))

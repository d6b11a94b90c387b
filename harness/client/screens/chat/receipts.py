"""Delivery and read receipts, in the amounts in which the app writes them (contract 5.6, traps T45, T46).

Every message of others that comes into view gets a delivery receipt, again on every open; a live one gets two, because
the channel's callback and the list's own effect both write. Nobody waits for a receipt and no error shows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from harness.client.api import chat_calls as calls
from harness.client.api.call import Call
from harness.client.api.calls import DELIVERY_RECEIPT, READ_RECEIPT
from harness.client.api.chat_shapes import ChatMessage
from harness.client.api.classify import Reading
from harness.client.device import Device
from harness.client.realtime.told_keys import RowKey, delivery_key, read_key
from harness.client.screens.chat.read_marker import ReadMarker
from harness.client.write import Write
from harness.core.instants import epoch_us
from harness.core.ledger import WriteKind

NO_SUCH_CONSTRAINT = "42P10"


class ReceiptWriter:
    """Writes receipts; use `ReceiptWriter.of(phone)`.

    A table that once refuses the upsert for want of its constraint gets plain inserts until the page is reloaded.
    """

    def __init__(self, phone: Device) -> None:
        self._phone = phone
        self._plain: set[str] = set()

    @classmethod
    def of(cls, phone: Device) -> ReceiptWriter:
        """This page's writer."""
        return phone.page.of(cls, lambda: cls(phone))

    async def delivered(self, conversation: str, message: str) -> Reading:
        """One delivery receipt; the server dates it."""
        body = {"conversation_id": conversation, "message_id": message, "user_id": self._phone.user_id}
        write = self._phone.notes.write(WriteKind.DELIVERED, subject=conversation, object_=message)
        key = delivery_key(self._phone.user_id, message)
        return await self._write(write, key, DELIVERY_RECEIPT, calls.DELIVERY_RECEIPT_INSERT, body)

    async def delivered_together(self, conversation: str, messages: Sequence[str]) -> None:
        """One request for several messages, each once: the upsert takes no row twice."""
        one = {"conversation_id": conversation, "user_id": self._phone.user_id}
        rows = [{**one, "message_id": message} for message in dict.fromkeys(messages)]
        writes = [
            self._phone.notes.write(WriteKind.DELIVERED, subject=conversation, object_=row["message_id"])
            for row in rows
        ]
        for write in writes:
            write.sent()
        leaves, user = self._phone.page.realtime.leaves, self._phone.user_id
        stored = [leaves(conversation, delivery_key(user, row["message_id"])) for row in rows]
        reading = await self._request(DELIVERY_RECEIPT, calls.DELIVERY_RECEIPT_INSERT, rows)
        for write, answered in zip(writes, stored, strict=True):
            write.answered(reading)
            answered(reading)

    async def read(self, conversation: str, message: str, clock: Callable[[], str] | None = None) -> Reading:
        """The read marker, dated by the phone: it may go backwards."""
        at = (clock or self._phone.clock.wall_clock)()
        body = {
            "conversation_id": conversation,
            "user_id": self._phone.user_id,
            "last_read_message_id": message,
            "last_read_at": at,
        }
        write = self._phone.notes.write(WriteKind.READ, subject=conversation, object_=message, key=epoch_us(at) or 0)
        key = read_key(self._phone.user_id, message, at)
        return await self._write(write, key, READ_RECEIPT, calls.READ_RECEIPT_INSERT, body)

    async def _write(self, write: Write, key: RowKey, upsert: Call, insert: Call, body: dict[str, Any]) -> Reading:
        write.sent()
        stored = self._phone.page.realtime.leaves(body["conversation_id"], key)
        reading = await self._request(upsert, insert, body)
        write.answered(reading)
        stored(reading)
        return reading

    async def _request(self, upsert: Call, insert: Call, body: Any) -> Reading:
        if upsert.name not in self._plain:
            reading = await self._phone.api.request(upsert, body=body)
            if reading.code != NO_SUCH_CONSTRAINT:
                return reading
            self._plain.add(upsert.name)
        return await self._phone.api.request(insert, body=body)


class Receipts:
    """The receipts of one open conversation: what was seen since it opened, and what is marked read."""

    def __init__(self, phone: Device, conversation: str, clock: Callable[[], str] | None = None) -> None:
        self._phone = phone
        self._conversation = conversation
        self._clock = clock
        self._writer = ReceiptWriter.of(phone)
        self._seen: set[str] = set()
        self._marker = ReadMarker()
        self._marking: asyncio.Task[None] | None = None
        self._gathered: list[str] = []  # messages whose receipts wait for each other
        self._every_s = phone.settings.receipts_every_s

    def arrived(self, messages: Iterable[ChatMessage], copies: int) -> int:
        """Messages are in view; those of others that are new get `copies` delivery receipts each, all at once.

        How many of others are new.
        """
        new = 0
        for message in messages:
            if message.sender != self._phone.user_id and message.id not in self._seen:
                self._seen.add(message.id)
                new += 1
                for _ in range(copies):
                    self._deliver(message.id)
        return new

    def live(self, message: ChatMessage) -> None:
        """The channel's callback has a new message: it writes a receipt of its own, whatever the list does."""
        if message.sender != self._phone.user_id:
            self._deliver(message.id)

    def newest(self, message: str) -> None:
        """The person is at the end and this is the last message the server knows."""
        self._marker.sees(message)
        if self._marker.due() is not None and (self._marking is None or self._marking.done()):
            self._marking = self._phone.background.start(self._mark())

    def _deliver(self, message: str) -> None:
        """Write a delivery receipt: at once, or with all others of a while."""
        start = self._phone.background.start
        if not self._every_s:
            start(self._deliver_one(message))
            return
        self._gathered.append(message)
        if len(self._gathered) == 1:
            start(self._deliver_gathered())

    async def _deliver_one(self, message: str) -> None:
        await self._writer.delivered(self._conversation, message)

    async def _deliver_gathered(self) -> None:
        await self._phone.pause(self._every_s)
        messages, self._gathered = self._gathered, []
        await self._writer.delivered_together(self._conversation, messages)

    async def _mark(self) -> None:
        """Write what is newest when the throttle lets it, until there is nothing new."""
        while (due := self._marker.due()) is not None:
            if (wait := due - self._phone.now()) > 0:
                await self._phone.pause(wait)
            if (message := self._marker.take(self._phone.now())) is not None:
                self._phone.background.start(self._read(message))

    async def _read(self, message: str) -> None:
        await self._writer.read(self._conversation, message, self._clock)

"""Conversations: the list, an open conversation with its pollers, sending, receipts (contract section 5)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from harness.outcome import Outcome
from harness.phone import shapes
from harness.phone.calls import (
    BLOCKED_CHECK,
    CONVERSATION_LIST,
    DELIVERY_RECEIPT,
    DELIVERY_RECEIPTS_POLL,
    MESSAGE_SEND,
    MESSAGES_POLL,
    REACTIONS_POLL,
    READ_RECEIPT,
    READ_RECEIPTS_POLL,
)
from harness.phone.clock import utc_now
from harness.phone.phone import Phone
from harness.phone.shapes import Message, Summary

POLL_S = 5.0
"""Poll interval of an open conversation while its channel is SUBSCRIBED."""
POLL_UNSUBSCRIBED_S = 1.5
READ_RECEIPT_EVERY_S = 3.0


async def conversation_list(phone: Phone) -> list[Summary]:
    """The list screen; empty when it did not come."""
    reading = await phone.request(CONVERSATION_LIST, body={"p_user_id": phone.user_id})
    if reading.outcome is not Outcome.OK:
        return []
    return shapes.summaries(reading.data, phone.user_id) or []


@dataclass(slots=True)
class Conversation:
    """An open conversation screen. `poll_s` follows the state of its realtime channel."""

    phone: Phone
    summary: Summary
    poll_s: float = POLL_S
    last_own: str | None = None
    _receipted: set[str] = field(default_factory=set)
    _read_up_to: str | None = None

    async def open(self) -> bool:
        """From tapping the row to messages on screen; then the pollers run until `leave`."""
        with self.phone.operation("conversation_open") as operation:
            if not operation.ends(await self._load_messages()):
                return False
        self.phone.chore(self._poll())
        return True

    async def _poll(self) -> None:
        """Messages, receipts and reactions, each refetched on its own beat; they start together, as the app's do."""
        while True:
            await self.phone.pause(self.poll_s)
            await asyncio.gather(*(self.phone.chore(read) for read in self._reads()))

    def _reads(self) -> list[Any]:
        reads: list[Any] = [self._poll_messages(), self._poll_path(READ_RECEIPTS_POLL), self._poll_path(REACTIONS_POLL)]
        if self.last_own is not None:
            reads.append(self._poll_path(DELIVERY_RECEIPTS_POLL, self.last_own))
        return reads

    async def _poll_messages(self) -> None:
        await self._load_messages()

    async def _poll_path(self, call: Any, *arguments: str) -> None:
        await self.phone.request(call, self.summary.conversation, *arguments)

    async def _load_messages(self) -> Outcome:
        reading = await self.phone.request(MESSAGES_POLL, self.summary.conversation)
        if reading.outcome is not Outcome.OK:
            return reading.outcome
        messages = shapes.messages(reading.data)
        if messages is None:
            return Outcome.SOFT_FAILURE
        self._seen(messages)
        return Outcome.OK

    def _seen(self, newest_first: list[Message]) -> None:
        """Newly seen messages of others get a delivery receipt each; the newest one is marked read (5.6)."""
        for message in newest_first:
            if message.sender == self.phone.user_id:
                if self.last_own is None:
                    self.last_own = message.id
            elif message.id not in self._receipted:
                self._receipted.add(message.id)
                self.phone.chore(self._delivered(message.id))
        if newest_first and newest_first[0].id != self._read_up_to:
            first_time = self._read_up_to is None
            self._read_up_to = newest_first[0].id
            self.phone.chore(self._read(self._read_up_to, 0.0 if first_time else READ_RECEIPT_EVERY_S))

    async def _delivered(self, message: str) -> None:
        body = {
            "conversation_id": self.summary.conversation,
            "message_id": message,
            "user_id": self.phone.user_id,
        }
        await self.phone.request(DELIVERY_RECEIPT, body=body)

    async def _read(self, message: str, throttle_s: float) -> None:
        """Trailing throttle: only what is newest when it fires is written."""
        if throttle_s:
            await self.phone.pause(throttle_s)
            if message != self._read_up_to:
                return
        body = {
            "conversation_id": self.summary.conversation,
            "user_id": self.phone.user_id,
            "last_read_message_id": message,
            "last_read_at": utc_now(),
        }
        await self.phone.request(READ_RECEIPT, body=body)

    async def send(self, text: str) -> Outcome:
        """From pressing send to the server's row: the blocked check in direct chats, then the insert. No retry."""
        phone, me = self.phone, self.phone.user_id
        content = {"type": "text", "text": text, "clientId": phone.new_id()}
        with phone.operation("message_send") as operation:
            if not self.summary.is_group and self.summary.others:
                blocked = await phone.request(BLOCKED_CHECK, me, self.summary.others[0])
                if not operation.ends(blocked.outcome):
                    return blocked.outcome
            row = {
                "conversation_id": self.summary.conversation,
                "user_id": me,
                "sender_id": me,
                "body": content,
                "meta": content,
                "message_type": "text",
                "text": text,
                "client_id": content["clientId"],
                "attachment_url": None,
            }
            sent = await phone.request(MESSAGE_SEND, body=row)
            if operation.ends(sent.outcome) and sent.outcome is not Outcome.CONFLICT:
                stored = shapes.message(sent.data)
                if stored is None:
                    operation.ends(Outcome.SOFT_FAILURE)
                    return Outcome.SOFT_FAILURE
                self.last_own = stored.id
            return sent.outcome

    def leave(self) -> None:
        """Back to the list: the pollers stop."""
        self.phone.drop_chores()

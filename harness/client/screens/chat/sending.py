"""What a person does to messages: send, try again, edit, delete, react (contract 5.4, 5.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import Enum
from typing import Any
from urllib.parse import quote

import orjson

from harness.client.api import chat_calls as calls
from harness.client.api import chat_shapes as shapes
from harness.client.api.call import Call
from harness.client.api.calls import BLOCKED_CHECK, MESSAGE_SEND
from harness.client.api.chat_shapes import ChatMessage, Summary
from harness.client.device import Device
from harness.client.message_content import message_content
from harness.client.realtime.conversation_channel import told_payload
from harness.client.realtime.session import Answered
from harness.client.realtime.told_keys import RowKey, own_message, reaction_key
from harness.client.write import Write
from harness.core.actions import UserAction
from harness.core.delivery_facts import FactKind
from harness.core.instants import epoch_us
from harness.core.ledger import WriteKind
from harness.core.outcome import Outcome


class AttachmentKind(Enum):
    """What hangs on a message; the value is the kind in the message's body."""

    IMAGE = "image"
    AUDIO = "audio"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that lies in storage."""

    path: str
    kind: AttachmentKind


@dataclass(slots=True)
class Bubble:
    """One message as the screen shows it. message: the server's row, None while pending and when sending failed."""

    client_id: str
    text: str
    attachment: Attachment | None = None
    message: ChatMessage | None = None
    outcome: Outcome | None = None
    tried: bool = False  # whether it was ever posted: a message is awaited from its first send on
    write: Write | None = None

    @property
    def failed(self) -> bool:
        """Whether the bubble offers to try again."""
        return self.message is None and self.outcome is not None

    def body(self) -> dict[str, Any]:
        """The message's content in the app's key order."""
        kind = "text"
        if self.attachment is not None:
            kind = f"text+{self.attachment.kind.value}" if self.text else self.attachment.kind.value
        return {"type": kind, "text": self.text, "clientId": self.client_id}

    @property
    def message_type(self) -> str:
        """The column knows fewer kinds than the body: any attachment counts as an image."""
        if self.attachment is None:
            return "text"
        return "text+image" if self.text else "image"


class Sender:
    """Writes into one conversation."""

    def __init__(self, phone: Device, summary: Summary, tell: Callable[[Mapping[str, Any]], None]) -> None:
        """tell: called with what the others of the conversation are to be told, after each write that was answered."""
        self._phone = phone
        self._summary = summary
        self._tell = tell

    async def post(self, bubble: Bubble) -> None:
        """From pressing send (or "try again": same client id, trap T43) to the server's row. No retry by itself.

        Without a network it waits, and goes out when that is back.
        """
        phone, summary = self._phone, self._summary
        bubble.outcome = Outcome.GAVE_UP  # until proven otherwise
        async with AsyncExitStack() as steps:
            operation = steps.enter_context(phone.notes.operation("message_send"))
            await steps.enter_async_context(phone.network_mode.mutation())
            if not bubble.tried:
                bubble.tried = True
                phone.notes.saw(FactKind.SENT, summary.conversation, bubble.client_id, at=operation.intended)
            if not summary.is_group and summary.others:
                blocked = await phone.api.request(BLOCKED_CHECK, phone.user_id, summary.others[0])
                if not operation.ends(blocked.outcome):
                    bubble.outcome = blocked.outcome
                    return
            row_sent = self._row(bubble)
            write = self._written(bubble, row_sent)
            write.sent()
            self._leaves(own_message(phone.user_id, bubble.client_id))
            sent = await phone.api.request(MESSAGE_SEND, body=row_sent)
            operation.ends(sent.outcome)
            bubble.outcome = sent.outcome
            row = shapes.message(sent.data) if sent.outcome.good else None
            write.answered(sent, row.id if row is not None else None)
            if row is not None:
                bubble.message = row  # the channel may have brought it already
                self._tell(told_payload(sent.data, new=True))
                created = epoch_us(row.created_at)
                phone.notes.saw(FactKind.STORED, summary.conversation, bubble.client_id, row.id, mark_us=created)
            elif sent.outcome.good:
                bubble.outcome = Outcome.SOFT_FAILURE
                operation.ends(Outcome.SOFT_FAILURE)

    def _leaves(self, key: RowKey) -> Answered:
        return self._phone.page.realtime.leaves(self._summary.conversation, key)

    def _written(self, bubble: Bubble, row: dict[str, Any]) -> Write:
        """The message's place in the ledger, made with the first try; a try again is the same write."""
        if bubble.write is None:
            summary = self._summary
            bubble.write = self._phone.notes.write(
                WriteKind.MESSAGE,
                id_=bubble.client_id,
                subject=summary.conversation,
                detail="group" if summary.is_group else "direct",
                number=1 + len(summary.others),
                content=message_content(row),
            )
        return bubble.write

    def _row(self, bubble: Bubble) -> dict[str, Any]:
        content = bubble.body()
        return {
            "conversation_id": self._summary.conversation,
            "user_id": self._phone.user_id,
            "sender_id": self._phone.user_id,
            "body": content,
            "meta": content,
            "message_type": bubble.message_type,
            "text": bubble.text,
            "client_id": bubble.client_id,
            "attachment_url": bubble.attachment.path if bubble.attachment else None,
        }

    async def edit(self, bubble: Bubble, text: str) -> Outcome:
        """Change a sent text. Messages with an attachment cannot be edited."""
        if bubble.message is None or bubble.attachment is not None:
            return Outcome.GAVE_UP
        edited_at = self._phone.clock.wall_clock()
        bubble.text = text
        row = {
            "body": {**bubble.body(), "editedAt": edited_at},
            "message_type": "text",
            "text": text,
            "client_id": bubble.client_id,
            "meta": {"editedAt": edited_at},
        }
        return await self._patch(calls.MESSAGE_EDIT, bubble, bubble.message, row, edited_at)

    async def delete(self, bubble: Bubble) -> Outcome:
        """Delete for everybody. The new body is JSON in a JSON string, and the client id goes (trap T44)."""
        if bubble.message is None:
            return Outcome.GAVE_UP
        deleted_at = self._phone.clock.wall_clock()
        deleted = {"type": "system", "text": "", "deleted": True, "deletedAt": deleted_at}
        row = {
            "body": orjson.dumps(deleted).decode(),
            "message_type": "system",
            "text": None,
            "client_id": None,
            "meta": {"deleted": True, "deletedAt": deleted_at},
            "attachment_url": None,
        }
        outcome = await self._patch(calls.MESSAGE_DELETE, bubble, bubble.message, row, deleted_at)
        if outcome.good and bubble.attachment is not None:
            await self._phone.api.request(calls.ATTACHMENT_REMOVE, body={"prefixes": [bubble.attachment.path]})
        return outcome

    async def _patch(self, call: Call, bubble: Bubble, message: ChatMessage, row: dict[str, Any], at: str) -> Outcome:
        phone = self._phone
        async with AsyncExitStack() as steps:
            operation = steps.enter_context(phone.notes.operation(call.name))
            await steps.enter_async_context(phone.network_mode.mutation())
            kind = WriteKind.EDIT if call is calls.MESSAGE_EDIT else WriteKind.DELETE
            facts = {"subject": self._summary.conversation, "object_": message.id}
            write = phone.notes.write(kind, **facts, key=epoch_us(at) or 0, content=message_content(row))
            write.sent()
            reading = await phone.api.request(call, message.id, self._summary.conversation, phone.user_id, body=row)
            write.answered(reading)
            if operation.ends(reading.outcome):
                bubble.message = shapes.message(reading.data) or message
                if shapes.message(reading.data) is not None:
                    self._tell(told_payload(reading.data, new=False))
        return reading.outcome

    async def react(self, message: ChatMessage, emoji: str) -> Outcome:
        """Put an emoji on a message; the same one again takes it off, which the app learns from a 409."""
        phone, conversation = self._phone, self._summary.conversation
        key = reaction_key(phone.user_id, message.id, emoji)
        row = {
            "conversation_id": conversation,
            "message_id": message.id,
            "user_id": phone.user_id,
            "emoji": emoji,
        }
        async with AsyncExitStack() as steps:
            operation = steps.enter_context(phone.notes.operation("message_react"))
            await steps.enter_async_context(phone.network_mode.mutation())
            write = phone.notes.write(WriteKind.REACTION, subject=message.id, detail=emoji)
            write.sent()
            stored = self._leaves(key)
            reading = await phone.api.request(calls.REACT, body=row)
            write.answered(reading)
            stored(reading)
            if reading.outcome is Outcome.CONFLICT:
                phone.notes.did(UserAction.REACTED)
                write = phone.notes.write(WriteKind.UNREACTION, subject=message.id, detail=emoji)
                write.sent()
                phone.page.realtime.removes(conversation, key)
                reading = await phone.api.request(calls.UNREACT, message.id, phone.user_id, quote(emoji))
                write.answered(reading)
            operation.ends(reading.outcome)
        return reading.outcome

"""A chat with the assistant: its conversation, and one answer at a time (contract 6.6).

The answer is asked for by a raw fetch, 600 ms after the last message: no retry of its own but one after a refused
token, and no second try when it times out after 20 s although the server may still store the reply. A 429 is shown
and forgotten; the server's own queue answers later, and the status RPC, asked every 2 s while busy, shows it.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

from harness.client.api import chat_calls as calls
from harness.client.api.assistant_reading import ReplyStatus, reply_status
from harness.client.api.chat_shapes import Summary
from harness.client.api.classify import Reading
from harness.client.device import Device
from harness.client.screens.browse.suggestions import HintChip, find_assistant
from harness.client.screens.chat.assistant_turns import Turns
from harness.client.screens.chat.conversation import Conversation
from harness.client.screens.chat.sending import Bubble
from harness.client.screens.screen import goes_on
from harness.core.actions import UserAction
from harness.core.outcome import Outcome

STATUS_EVERY_S = 2.0
_REFUSED = frozenset((401, 403))


async def assistant_conversation(phone: Device) -> Summary | None:
    """Go to the assistant's conversation, which a route of its own asks for each time; None when it did not come."""
    goes_on(phone)
    HintChip.of(phone).hide()
    return await find_assistant(phone, {})


class AssistantChat:
    """The assistant's conversation on screen."""

    def __init__(self, phone: Device, conversation: Conversation) -> None:
        self.conversation = conversation
        self._phone = phone
        self._turns = Turns()
        self._written_at: dict[str, float] = {}  # message -> when send was pressed
        self._status = ReplyStatus()
        self._asking_status: asyncio.Task[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether an answer is still to come, as far as the app knows."""
        return self._turns.busy or self._status.busy

    async def say(self, text: str) -> Bubble:
        """Send a message; the answer is asked for in the background."""
        pressed = self._phone.now()
        bubble = await self.conversation.send(text)
        if bubble.message is not None:
            self._written_at[bubble.message.id] = pressed
            self._turns.wrote(bubble.message.id, self._phone.now())
            self._phone.background.start(self._after_debounce())
        return bubble

    def leave(self) -> None:
        """Back to the list. An answer under way is not waited for by anybody, but comes all the same."""
        if self._asking_status is not None:
            self._asking_status.cancel()
        self.conversation.leave()

    # ---- the answer -----------------------------------------------------------------------------------------

    async def _after_debounce(self) -> None:
        self._watch()
        due = self._turns.due
        while due is not None and (wait := due - self._phone.now()) > 0:
            await self._phone.pause(wait)
        message = self._turns.fire(self._phone.now())
        while message is not None:
            await self._ask(message)
            message = self._turns.ended()

    async def _ask(self, message: str) -> None:
        """One answer, from pressing send to knowing it is stored."""
        asked = self._phone.now()
        self._phone.notes.did(UserAction.ASKED)
        with self._phone.notes.operation("assistant_reply", intended=self._written_at.pop(message)) as operation:
            reading = await self._request(message)
            if reading.status in _REFUSED and await self._phone.auth.refresh_now():
                reading = await self._request(message)
            operation.ends(reading.outcome)
        self._phone.notes.did(UserAction.ANSWERED, seconds=self._phone.now() - asked)

    async def _request(self, message: str) -> Reading:
        id_ = self._phone.api.request_id()
        headers = calls.ASSISTANT_REPLY.headers + f"x-request-id: {id_}\r\n".encode()
        body = {
            "conversationId": self.conversation.summary.conversation,
            "userMessageId": message,
            "stream": True,
        }
        return await self._phone.api.request(replace(calls.ASSISTANT_REPLY, headers=headers), body=body)

    # ---- its state ------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        if self._asking_status is None or self._asking_status.done():
            self._asking_status = self._phone.background.start(self._ask_status())

    async def _ask_status(self) -> None:
        """While something is to come; a status that cannot be had counts as idle."""
        while self.busy:
            await self._phone.pause(STATUS_EVERY_S)
            if not (self._phone.network.visible and self._phone.network.online):
                continue
            id_ = self.conversation.summary.conversation
            reading = await self._phone.api.request(calls.ASSISTANT_STATUS, body={"p_conversation_id": id_})
            self._status = reply_status(reading.data) if reading.outcome is Outcome.OK else ReplyStatus()

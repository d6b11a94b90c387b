"""Typing, as the others see it: a broadcast on the channel, by HTTP while the channel is not joined (trap T47).

Contract 5.5 and realtime 2.2: `isTyping: true` with the first key and at most every 2 s after it, `false` when the
field is emptied by sending, or 3 s after the last key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from harness.client.api.call import Call
from harness.client.api.chat_calls import TYPING_BROADCAST
from harness.client.device import Device
from harness.client.realtime.client import Sent
from harness.client.realtime.conversation_channel import MARK, ConversationChannel
from harness.core.delivery_facts import FactKind

HEARTBEAT_S = 2.0
INACTIVITY_S = 3.0
TOPIC = "supabase_realtime_typing:conversation:"
_CALL: Call = TYPING_BROADCAST


def typing_signal(user: str, name: str, *, typing: bool) -> dict[str, Any]:
    """What the others are told, in the app's key order."""
    return {"userId": user, "displayName": name, "isTyping": typing}


class Keyboard:
    """The input field of one open conversation. name: what the others call this person, as the list has it by then.
    channel: asked anew for each signal; while there is none, `joined` says whether signals count as sent on it.
    """

    def __init__(
        self,
        phone: Device,
        conversation: str,
        name: Callable[[], str],
        joined: Callable[[], bool],
        channel: Callable[[], ConversationChannel | None],
    ) -> None:
        self._phone = phone
        self._conversation = conversation
        self._name = name
        self._joined = joined
        self._channel = channel
        self._shown = False  # the others see us typing
        self._signalled_at = -HEARTBEAT_S
        self._idle: asyncio.Task[None] | None = None

    async def types(self, seconds: float) -> None:
        """Write for that long without a break. Call `cleared` when the text was sent."""
        self._stop_idling()
        phone = self._phone
        until = phone.now() + seconds
        while (left := until - phone.now()) > 0:
            since = phone.now() - self._signalled_at
            if not self._shown or since >= HEARTBEAT_S:
                self._signal(typing=True)
                since = 0.0
            await phone.pause(min(left, HEARTBEAT_S - since))
        self._idle = phone.background.start(self._inactive())

    def cleared(self) -> None:
        """The field is empty again, or its screen is left."""
        self._stop_idling()
        if self._shown:
            self._signal(typing=False)

    async def _inactive(self) -> None:
        await self._phone.pause(INACTIVITY_S)
        self._idle = None
        self.cleared()

    def _stop_idling(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _signal(self, *, typing: bool) -> None:
        self._shown = typing
        phone, channel = self._phone, self._channel()
        self._signalled_at = phone.now()
        payload = typing_signal(phone.user_id, self._name(), typing=typing)
        if channel is None:
            if not self._joined():
                phone.background.start(self._broadcast(payload))
            return
        mark = channel.mark()
        payload[MARK] = mark
        sent = channel.say(payload)
        phone.notes.saw(FactKind.SAID, self._conversation, mark, "socket" if sent is Sent.SOCKET else "http")
        if sent is Sent.REST:
            phone.background.start(self._broadcast(payload))

    async def _broadcast(self, payload: dict[str, Any]) -> None:
        phone = self._phone
        message = {"topic": TOPIC + self._conversation, "event": "typing", "payload": payload, "private": False}
        await phone.api.request(_CALL, body={"messages": [message]})

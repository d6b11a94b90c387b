"""One message for many sockets: encoded once per serializer, and only for those that are met. (pure)

Which serializer gets what of a broadcast: realtime contract, 1.3.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from sandbox.realtime import binary
from sandbox.realtime.binary import JSON, UserBroadcast
from sandbox.realtime.frames import BINARY, V2, FrameError, ServerPush, encode, frame


class EncodedMessage:
    """The frames of one message. A serializer that cannot carry it gets None."""

    def __init__(self, make: Callable[[str], bytes | None]) -> None:
        self._make = make
        self._made: dict[str, bytes | None] = {}

    def get(self, vsn: str) -> bytes | None:
        """The whole WebSocket frame for a version."""
        if vsn not in self._made:
            self._made[vsn] = self._make(vsn)
        return self._made[vsn]


def text(message: ServerPush) -> EncodedMessage:
    """A message that is JSON text for everybody."""
    return EncodedMessage(lambda vsn: encode(vsn, message))


def user_broadcast(topic: str, message: UserBroadcast) -> EncodedMessage:
    """A broadcast that came as bytes: kind 4 for version 2; JSON text for version 1, which never hears raw bytes."""

    def make(vsn: str) -> bytes | None:
        if vsn == V2:
            try:
                return frame(BINARY, binary.encode_broadcast(topic, message))
            except FrameError:
                pass  # too long a name for a binary header: as text, where it is JSON
        payload = _parsed(message)
        if payload is None:
            return None
        said = {"event": message.event, "payload": payload, "type": "broadcast"}
        return encode(vsn, ServerPush(topic, "broadcast", said))

    return EncodedMessage(make)


def _parsed(message: UserBroadcast) -> Any:
    if message.encoding != JSON:
        return None
    try:
        orjson.loads(message.data)
    except ValueError:
        return None
    return orjson.Fragment(message.data)

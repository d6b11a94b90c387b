"""Phoenix messages in both serializers, and the WebSocket frames around them (realtime contract, 1.2). (pure)"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any

import orjson

from sandbox.realtime.binary import FrameError, UserBroadcast, decode_push

V1 = "1.0.0"
V2 = "2.0.0"
VERSIONS = (V1, V2)
TEXT = 0x81
BINARY = 0x82


@dataclass(frozen=True, slots=True)
class ClientPush:
    """What a client sent. payload is a UserBroadcast where it came as a binary frame; size: bytes of the message."""

    join_ref: str | None
    ref: str | None
    topic: str
    event: str
    payload: Any
    size: int = 0


@dataclass(frozen=True, slots=True)
class ServerPush:
    """What the server sends. Version 1 has no `join_ref`; fan-out messages carry neither reference."""

    topic: str
    event: str
    payload: Any
    ref: str | None = None
    join_ref: str | None = None


def decode(vsn: str, data: bytes, *, binary: bool) -> ClientPush:
    """One message. :raises FrameError: when it is none of this version."""
    if binary:
        if vsn == V1:
            raise FrameError("version 1.0.0 has no binary frames")
        pushed = decode_push(data)
        return ClientPush(pushed.join_ref, pushed.ref, pushed.topic, "broadcast", pushed.message, len(data))
    try:
        message = orjson.loads(data)
    except ValueError as error:
        raise FrameError("not JSON") from error
    join_ref, ref, topic, event, payload = _fields(vsn, message)
    if not isinstance(topic, str) or not isinstance(event, str):
        raise FrameError("topic and event are strings")
    return ClientPush(_reference(join_ref), _reference(ref), topic, event, payload, len(data))


def _fields(vsn: str, message: Any) -> tuple[Any, Any, Any, Any, Any]:
    if vsn == V2:
        if not isinstance(message, list) or len(message) != 5:
            raise FrameError("version 2.0.0 sends arrays of five")
        join_ref, ref, topic, event, payload = message
        return join_ref, ref, topic, event, payload
    if not isinstance(message, dict):
        raise FrameError("version 1.0.0 sends objects")
    try:
        return message.get("join_ref"), message["ref"], message["topic"], message["event"], message["payload"]
    except KeyError as error:
        raise FrameError(f"there is no {error.args[0]!r}") from error


def _reference(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise FrameError("references are strings or null")


def encode(vsn: str, message: ServerPush) -> bytes:
    """The whole WebSocket text frame."""
    if vsn == V2:
        body = orjson.dumps([message.join_ref, message.ref, message.topic, message.event, message.payload])
    else:
        body = orjson.dumps(
            {"event": message.event, "payload": message.payload, "ref": message.ref, "topic": message.topic}
        )
    return frame(TEXT, body)


def frame(first: int, body: bytes) -> bytes:
    """A final, unmasked frame (RFC 6455, 5.2): the same bytes go to every receiver. first: TEXT or BINARY."""
    size = len(body)
    if size < 126:
        return bytes((first, size)) + body
    if size < 65536:
        return struct.pack("!BBH", first, 126, size) + body
    return struct.pack("!BBQ", first, 127, size) + body


def reply(push: ClientPush, response: Any, *, status: str = "ok", join_ref: str | None = None) -> ServerPush:
    """The answer to a push, by its reference."""
    return ServerPush(push.topic, "phx_reply", {"response": response, "status": status}, push.ref, join_ref)


def system(topic: str, message: str, *, status: str, extension: str, join_ref: str | None) -> ServerPush:
    """A notice of a channel about itself."""
    payload = {
        "channel": topic.removeprefix("realtime:"),
        "extension": extension,
        "message": message,
        "status": status,
    }
    return ServerPush(topic, "system", payload, None, join_ref)


__all__ = ["BINARY", "TEXT", "V1", "V2", "VERSIONS", "ClientPush", "FrameError", "ServerPush", "UserBroadcast"]

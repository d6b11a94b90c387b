"""Realtime of the replay: every join is granted, every push acknowledged, and nothing happens by itself but for what
`Live` does, where there is one."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Mapping
from typing import Any, cast

from websockets.utils import apply_mask

from replay.live import Live
from sandbox.realtime.frames import V1, V2, ClientPush, FrameError, ServerPush, decode, encode, frame, reply, system

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
PLAIN, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
FINAL = 0x80
FIRST_NUMBER = 1000
"""Of a binding. 0 would never match (contract realtime 1.4)."""


class Channels(asyncio.Protocol):
    """One socket, either version of the serializer. vsn: which of them."""

    __slots__ = ("_buffer", "_keys", "_live", "_topics", "_transport", "_upgraded", "vsn")

    def __init__(self, live: Live | None = None) -> None:
        self._buffer = b""
        self._upgraded = False
        self._live = live
        self._topics: dict[str, dict[str, int]] = {}
        self._keys: dict[str, str] = {}  # under which it is present, by topic
        self.vsn = V1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._leave(tuple(self._topics))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            self._buffer = rest
            self._upgrade(head)
        while (found := self._frame()) is not None:
            opcode, content = found
            if opcode == CLOSE:
                self.write(frame(FINAL | CLOSE, b""))
                self._transport.close()
            elif opcode == PING:
                self.write(frame(FINAL | PONG, content))
            elif opcode in (PLAIN, BINARY):
                try:
                    self._said(decode(self.vsn, content, binary=opcode == BINARY))
                except FrameError:
                    continue  # as the server does: it drops what it cannot read

    def _upgrade(self, head: bytes) -> None:
        line, *lines = head.split(b"\r\n")
        self.vsn = V2 if b"vsn=2.0.0" in line else V1
        headers = {name.lower(): value.strip() for name, _, value in (one.partition(b":") for one in lines)}
        accept = base64.b64encode(hashlib.sha1(headers[b"sec-websocket-key"] + MAGIC).digest())
        self.write(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
            b"sec-websocket-accept: %b\r\n\r\n" % accept
        )
        self._upgraded = True

    def _frame(self) -> tuple[int, bytes] | None:
        """The next whole one of the client's; they are masked."""
        buffer = self._buffer
        if len(buffer) < 6:
            return None
        length, start = buffer[1] & 127, 2
        if length == 126:
            length, start = int.from_bytes(buffer[2:4], "big"), 4
        elif length == 127:
            length, start = int.from_bytes(buffer[2:10], "big"), 10
        end = start + 4 + length
        if len(buffer) < end:
            return None
        self._buffer = buffer[end:]
        return buffer[0] & 15, apply_mask(buffer[start + 4 : end], buffer[start : start + 4])

    # ---- what a client says -------------------------------------------------------------------------------------

    def _said(self, push: ClientPush) -> None:
        match push.event:
            case "phx_join":
                self._joined(push)
            case "phx_leave":
                self._answer(push)
                if push.topic in self._topics:
                    self._leave((push.topic,))
            case "access_token":  # has no answer where it is taken
                pass
            case "broadcast":  # nor has this, unless it was asked for, which phones do not
                if self._live is not None:
                    self._live.broadcast(self, push)
            case "presence":
                self._answer(push)
                self._present(push)
            case _:
                self._answer(push)

    def _joined(self, push: ClientPush) -> None:
        config = _part(push.payload, "config")
        asked = [one for one in config.get("postgres_changes") or () if isinstance(one, dict)]
        numbered = [{**one, "id": FIRST_NUMBER + number} for number, one in enumerate(asked)]
        self._topics[push.topic] = {str(one.get("table")): one["id"] for one in numbered}
        presence = _part(config, "presence")
        if key := presence.get("key"):
            self._keys[push.topic] = str(key)
        self._answer(push, {"postgres_changes": numbered})
        if numbered:
            told = "Subscribed to PostgreSQL"
            self._tell(system(push.topic, told, status="ok", extension="postgres_changes", join_ref=push.join_ref))
        if self._live is not None:
            self._live.joined(self, push, presence=bool(presence.get("enabled")))

    def _present(self, push: ClientPush) -> None:
        said = _part(push.payload, "payload")
        if self._live is not None and said and (key := self._keys.get(push.topic)):
            self._live.tracks(self, key, said)

    def _leave(self, topics: tuple[str, ...]) -> None:
        for topic in topics:
            self._topics.pop(topic, None)
            self._keys.pop(topic, None)
        if self._live is not None:
            self._live.left(self, topics)

    # ---- what it is told ----------------------------------------------------------------------------------------

    def bindings(self, topic: str) -> Mapping[str, int]:
        """See `live.Socket`."""
        return self._topics.get(topic, {})

    def write(self, data: bytes) -> None:
        """See `live.Socket`."""
        if not self._transport.is_closing():
            self._transport.write(data)

    def _answer(self, push: ClientPush, response: Mapping[str, Any] | None = None) -> None:
        self._tell(reply(push, response or {}, join_ref=push.join_ref))

    def _tell(self, message: ServerPush) -> None:
        self.write(encode(self.vsn, message))


def _part(value: Any, name: str) -> dict[str, Any]:
    """A member that is an object; an empty one where it is none."""
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}

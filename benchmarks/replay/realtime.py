"""Realtime of the replay: every join is granted, every push acknowledged, and nothing happens by itself."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import Any, cast

import orjson
from websockets.utils import apply_mask

MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Channels(asyncio.Protocol):
    """One socket, either version of the serializer."""

    __slots__ = ("_arrays", "_buffer", "_transport", "_upgraded")

    def __init__(self) -> None:
        self._buffer = b""
        self._upgraded = self._arrays = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._upgraded:
            head, end, rest = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            self._buffer = rest
            self._upgrade(head)
        while (frame := self._frame()) is not None:
            opcode, content = frame
            if opcode == CLOSE:
                self._transport.write(bytes((0x80 | CLOSE, 0)))
                self._transport.close()
            elif opcode == PING:
                self._write(content, PONG)
            elif opcode in (TEXT, BINARY):
                self._said(orjson.loads(content))

    def _upgrade(self, head: bytes) -> None:
        line, *lines = head.split(b"\r\n")
        self._arrays = b"vsn=2.0.0" in line
        headers = {name.lower(): value.strip() for name, _, value in (one.partition(b":") for one in lines)}
        accept = base64.b64encode(hashlib.sha1(headers[b"sec-websocket-key"] + MAGIC).digest())
        self._transport.write(
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
        end = start + 4 + length
        if len(buffer) < end:
            return None
        self._buffer = buffer[end:]
        return buffer[0] & 15, apply_mask(buffer[start + 4 : end], buffer[start : start + 4])

    def _said(self, message: Any) -> None:
        if self._arrays:
            join_ref, ref, topic, event, content = message
        else:
            join_ref, ref, topic = message.get("join_ref"), message.get("ref"), message["topic"]
            event, content = message["event"], message["payload"]
        response: dict[str, Any] = {}
        if event == "phx_join":
            bindings = content.get("config", {}).get("postgres_changes", ())
            response["postgres_changes"] = [{**one, "id": 1000 + number} for number, one in enumerate(bindings)]
        reply = {"status": "ok", "response": response}
        told: Any = {"event": "phx_reply", "payload": reply, "ref": ref, "topic": topic}
        if self._arrays:
            told = [join_ref, ref, topic, "phx_reply", reply]
        self._write(orjson.dumps(told), TEXT)

    def _write(self, content: bytes, opcode: int) -> None:
        length = len(content)
        size = bytes((length,)) if length < 126 else b"\x7e" + length.to_bytes(2, "big")
        self._transport.write(bytes((0x80 | opcode,)) + size + content)

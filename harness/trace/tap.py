"""A proxy on loopback that writes down all that a client sends through it: requests, preflights, frames, sockets.

Everything passes bit for bit, but the Host header, which names the target, and offers to compress a websocket's frames,
which would hide what is in them. Only what was cleaned is kept.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any, cast
from urllib.parse import urlsplit

import orjson

from chaos.frames import FrameSplitter, is_close, is_message
from chaos.http1 import MalformedHttp, MessageHead, MessageMark, MessageScanner
from harness.egress.gate import LOOPBACK, Gate
from harness.egress.tls import shared_context
from harness.trace.clean import TraceCleaner
from harness.trace.lines import frame_event, request_event
from harness.trace.model import TracedRequest, TracedSocket, TraceEvent
from harness.trace.stamps import StampedEvent

CHUNK = 1 << 16
LONGEST = 16 << 20
"""Bytes of a request's body that are read to be written down; a longer one ends the connection."""


class TapBroken(Exception):
    """One side is gone in the middle of a message."""


class _Side:
    """One connection, read part by part."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, reply: bool) -> None:
        self.reader, self.writer = reader, writer
        self.scanner = MessageScanner(reply=reply)

    async def part(self) -> MessageHead | bytes | MessageMark | None:
        """The next; None when the connection ended between messages. :raises TapBroken: within one."""
        while (part := self.scanner.pull()) is None:
            data = await self.reader.read(CHUNK)
            if data:
                self.scanner.push(data)
                continue
            if self.scanner.between and not self.scanner.buffered:
                return None
            if (end := self.scanner.pull_end()) is None:
                raise TapBroken
            return end
        return part

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()


class _Opened(asyncio.StreamReaderProtocol):
    """Streams on a connection that the gate opens."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        super().__init__(reader)
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.transport = cast("asyncio.Transport", transport)


@dataclass(slots=True)
class _Noted:
    """One event in monotonic time, until it is known in which flow it fell."""

    at: float
    stamped: StampedEvent


class RecordingProxy:
    """In front of `upstream`, on a free port of loopback (or on `port`); `url` says where."""

    def __init__(
        self, upstream: str, *, gate: Gate = LOOPBACK, port: int = 0, clock: Callable[[], float] = monotonic
    ) -> None:
        parts = urlsplit(upstream)
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or "127.0.0.1"
        self._port = parts.port or (443 if self._secure else 80)
        self._netloc = parts.netloc
        self._gate, self._clock, self._wanted_port = gate, clock, port
        self.url = ""
        self.cleaner = TraceCleaner()
        self._noted: list[_Noted] = []
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._wanted_port, limit=1 << 18)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open)

    def events(self, begin: float, end: float) -> list[StampedEvent]:
        """What was sent from one instant of the clock to another, with the seconds from the first."""
        return [
            replace(noted.stamped, event=replace(noted.stamped.event, t=noted.at - begin))
            for noted in self._noted
            if begin <= noted.at < end
        ]

    # ---- writing down -----------------------------------------------------------------------------------------

    def note(self, stamped: StampedEvent | None, at: float) -> _Noted | None:
        if stamped is None:
            return None
        noted = _Noted(at, stamped)
        self._noted.append(noted)
        return noted

    def note_socket(self, change: str) -> None:
        self.note(StampedEvent(TracedSocket(0.0, change)), self._clock())

    def note_request(self, head: MessageHead, body: bytes) -> _Noted | None:
        told = {
            "url": head.target,
            "method": head.method,
            "headers": dict(head.headers),
            "body": _decoded(body),
        }
        with contextlib.suppress(ValueError, KeyError, TypeError):
            return self.note(request_event(told, 0.0, self.cleaner), self._clock())
        return None

    def note_reply(self, noted: _Noted | None, status: int) -> None:
        if noted is not None and isinstance(noted.stamped.event, TracedRequest):
            event: TraceEvent = replace(noted.stamped.event, status=status, seconds=self._clock() - noted.at)
            noted.stamped = replace(noted.stamped, event=event)

    def note_frame(self, frame: bytes) -> None:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            self.note(frame_event(unmasked(frame), 0.0, self.cleaner), self._clock())

    # ---- connections ------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = _Side(reader, writer, reply=False)
        connection = _TapConnection(self, client)
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await connection.run()
        except (OSError, TapBroken, MalformedHttp, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # also when the proxy stops: whoever started this task would only report it
        finally:
            self._open.discard(task)
            connection.close()

    async def upstream(self) -> _Side:
        tls: ssl.SSLContext | None = shared_context() if self._secure else None
        reader = asyncio.StreamReader(limit=1 << 18)
        protocol = _Opened(reader)
        await self._gate.connect(lambda: protocol, self._host, self._port, tls=tls)
        assert protocol.transport is not None
        writer = asyncio.StreamWriter(protocol.transport, protocol, reader, asyncio.get_running_loop())
        return _Side(reader, writer, reply=True)

    def forwarded(self, raw: bytes) -> bytes:
        """A request's head as the target gets it."""
        lines = raw.split(b"\r\n")
        kept = [lines[0], b"Host: " + self._netloc.encode()]
        dropped = (b"host:", b"sec-websocket-extensions:")
        return b"\r\n".join(kept + [line for line in lines[1:] if not line.lower().startswith(dropped)])


class _TapConnection:
    """One client's connection and the one behind it."""

    def __init__(self, proxy: RecordingProxy, client: _Side) -> None:
        self._proxy, self._client = proxy, client
        self._up: _Side | None = None

    def close(self) -> None:
        self._client.writer.close()
        if self._up is not None:
            self._up.writer.close()

    async def run(self) -> None:
        """One exchange after the other."""
        while isinstance(head := await self._client.part(), MessageHead):
            body = bytearray()
            while (part := await self._client.part()) is not MessageMark.END:
                assert isinstance(part, bytes)
                body += part
                if len(body) > LONGEST:
                    raise TapBroken
            if not await self._exchange(head, bytes(body)):
                return

    async def _exchange(self, head: MessageHead, body: bytes) -> bool:
        upgrades = "upgrade" in head.headers
        noted = None if upgrades else self._proxy.note_request(head, body)
        if self._up is None or self._up.reader.at_eof():
            if self._up is not None:
                self._up.writer.close()
            self._up = await self._proxy.upstream()
        up = self._up
        up.scanner.no_body = head.method == "HEAD"
        await up.send(self._proxy.forwarded(head.raw) + body)
        while True:
            reply = await up.part()
            if not isinstance(reply, MessageHead):
                return False
            await self._client.send(reply.raw)
            if reply.status == 101:
                await self._websocket(up)
                return False
            while (part := await up.part()) is not MessageMark.END:
                assert isinstance(part, bytes)
                await self._client.send(part)
            if reply.status >= 200:
                self._proxy.note_reply(noted, reply.status)
                return _stays_open(reply)

    async def _websocket(self, up: _Side) -> None:
        self._proxy.note_socket("open")
        ended: list[str] = []

        async def upward() -> None:
            splitter, data = FrameSplitter(), self._client.scanner.rest()
            while data or (data := await self._client.reader.read(CHUNK)):
                for frame in splitter.split(data):
                    if is_close(frame):
                        ended.append("closed by client")
                        self._proxy.note_socket(ended[-1])
                    elif is_message(frame):
                        self._proxy.note_frame(frame)
                    await up.send(frame)
                data = b""

        async def downward() -> None:
            data = up.scanner.rest()
            while data or (data := await up.reader.read(CHUNK)):
                await self._client.send(data)
                data = b""

        pumps = [asyncio.ensure_future(upward()), asyncio.ensure_future(downward())]
        try:
            _, going = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            if not ended:
                self._proxy.note_socket("closed by server" if pumps[0] in going else "closed by client")
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)


def unmasked(frame: bytes) -> bytes:
    """What a client's frame says."""
    short, at = frame[1] & 0x7F, 2
    at += 2 if short == 126 else 8 if short == 127 else 0
    if not frame[1] & 0x80:
        return frame[at:]
    mask, data = frame[at : at + 4], frame[at + 4 :]
    size = len(data)
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
    return (int.from_bytes(data, "big") ^ key).to_bytes(size, "big")


def _decoded(body: bytes) -> Any:
    if not body:
        return None
    try:
        return orjson.loads(body)
    except ValueError:
        return "not JSON"


def _stays_open(head: MessageHead) -> bool:
    framed = "content-length" in head.headers or "transfer-encoding" in head.headers or head.status in (204, 304)
    return framed and "close" not in head.headers.get("connection", "").lower()

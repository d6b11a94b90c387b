"""A scripted server that answers with bytes, well-behaved or not, and a wire to it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from harness.client.http.client import Detail, HttpClient, Origin, Reply, WireError
from harness.core.outcome import Outcome

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
HEADERS = b"apikey: k\r\n"
TEXT = b"what the body says, " * 10
SERVER, NETWORK = Outcome.SERVER_ERROR, Outcome.NETWORK


@dataclass
class Peer:
    """One accepted connection, as a script sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int  # of the connection, from 0

    async def request(self) -> bytes:
        """The next request, head and body; empty when the client closed."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                ),
                0,
            )
            return head + await self.reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        raw: socket.socket = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


async def eventually(happens: Callable[[], bool]) -> None:
    """Wait until `happens`, two seconds at most."""
    for _ in range(1000):
        if happens():
            return
        await asyncio.sleep(0.002)
    pytest.fail("it never happened")


@dataclass
class Server:
    port: int = 0
    connections: int = 0
    open: int = 0
    requests: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def serving(script: Script, tls: ssl.SSLContext | None = None) -> Any:
    """A server whose every connection follows `script`; when a script returns its connection is closed."""
    server = Server()
    tasks: set[asyncio.Task[None]] = set()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        peer = Peer(reader, writer, server.connections)
        server.connections += 1
        server.open += 1
        try:
            await script(peer)
        except (ConnectionError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            server.open -= 1
            writer.close()

    listener = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def wire_to(port: int, *, scheme: str = "http", host: str = "127.0.0.1", **options: Any) -> HttpClient:
    return HttpClient(Origin(scheme, host, port), loop=asyncio.get_running_loop(), **options)


async def get(wire: HttpClient, *, timeout_s: float = 5.0, method: str = "GET", body: bytes | None = None) -> Reply:
    return await wire.send(method, "/x?y=1", HEADERS, body, timeout_s=timeout_s)


def answering(*replies: bytes) -> Script:
    """Answer each request of a connection with the next of `replies`, the last one for ever."""

    async def script(peer: Peer) -> None:
        turn = 0
        while await peer.request():
            await peer.write(replies[min(turn, len(replies) - 1)])
            turn += 1

    return script


def ending_with(reply: bytes, end: str = "close") -> Script:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.write(reply)
        if end == "reset":
            await asyncio.sleep(0.05)  # let the bytes arrive first
            peer.reset()
        elif end == "stay":
            await asyncio.sleep(20)

    return script


async def outcome_of(
    script: Script, *, method: str = "GET", timeout_s: float = 5.0, **options: Any
) -> Reply | WireError:
    """One request against `script`, on a fresh wire."""
    async with serving(script) as server:
        wire = wire_to(server.port, **options)
        try:
            return await get(wire, method=method, timeout_s=timeout_s)
        except WireError as error:
            return error
        finally:
            wire.close()


def fails(result: Reply | WireError, outcome: Outcome, detail: Detail) -> WireError:
    assert isinstance(result, WireError), result
    assert (result.outcome, result.detail) == (outcome, detail)
    assert result.elapsed_s > 0
    return result


def head(*lines: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 " + status + b"\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def sized(body: bytes, *lines: bytes) -> bytes:
    return head(b"content-length: %d" % len(body), *lines) + body


def chunked(body: bytes, size: int = 7) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def run_tolerating_server_noise(run: Any, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """The scripted server shares the loop, and its side of a refused handshake is a complaint of its own."""

    async def quietly() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        await work()

    run(quietly())

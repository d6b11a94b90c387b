"""The reference of the wire: one connection, httptools, a future a request, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import httptools


class BareConnection(asyncio.Protocol):
    """One request at a time. `send` has its reply's body."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._loop = asyncio.get_running_loop()
        self._transport = cast("asyncio.Transport", transport)
        self._parser: Any = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []

    def send(self, request: bytes) -> asyncio.Future[bytes]:
        """The whole request, as it goes out."""
        self._reply: asyncio.Future[bytes] = self._loop.create_future()
        self._transport.write(request)
        return self._reply

    def close(self) -> None:
        """At once."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)

    def on_message_complete(self) -> None:
        body, self._parts = b"".join(self._parts), []
        self._reply.set_result(body)


async def opened(port: int, number: int) -> list[BareConnection]:
    """So many connections to loopback."""
    loop = asyncio.get_running_loop()
    return [(await loop.create_connection(BareConnection, "127.0.0.1", port))[1] for _ in range(number)]


def dealt(requests: Sequence[Any], hands: int) -> list[Sequence[Any]]:
    """The requests among so many, in turn."""
    return [requests[place::hands] for place in range(hands)]

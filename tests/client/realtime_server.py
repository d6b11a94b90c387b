"""A small Realtime server for tests: real sockets, the protocol of `websockets`, behaviour scripted by the test.

It speaks 1.0.0 and 2.0.0, answers joins, heartbeats, leaves and acknowledged broadcasts, and writes down all it hears.
Whatever else a test wants it does itself with a `Peer`: raw bytes, odd frames, silence.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from time import monotonic
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from harness.client.http.origin import Origin


@dataclass
class Heard:
    """One message of a client."""

    at: float
    topic: str
    event: str
    payload: Any
    ref: str | None
    join_ref: str | None


class Peer:
    """One accepted socket."""

    def __init__(self, connection: ServerConnection, version: str) -> None:
        self.connection = connection
        self.version = version
        self.heard: list[Heard] = []

    def read(self, message: str | bytes) -> Heard:
        now = monotonic()
        if isinstance(message, bytes):
            lengths, texts, position = message[1:6], [], 7
            for length in lengths:
                texts.append(message[position : position + length].decode())
                position += length
            body = message[position:]
            payload = {"type": "broadcast", "event": texts[3], "payload": orjson.loads(body) if message[6] else body}
            return Heard(now, texts[2], "broadcast", payload, texts[1], texts[0])
        parts = orjson.loads(message)
        if isinstance(parts, list):
            return Heard(now, parts[2], parts[3], parts[4], parts[1], parts[0])
        return Heard(now, parts["topic"], parts["event"], parts["payload"], parts.get("ref"), parts.get("join_ref"))

    async def say(
        self, topic: str, event: str, payload: Any, ref: str | None = None, join_ref: str | None = None
    ) -> None:
        """Send one envelope of the client's version."""
        if self.version == "2.0.0":
            text = orjson.dumps([join_ref, ref, topic, event, payload])
        else:
            text = orjson.dumps({"event": event, "payload": payload, "ref": ref, "topic": topic})
        await self.connection.send(text.decode())

    async def reply(self, to: Heard, response: Any, status: str = "ok") -> None:
        await self.say(to.topic, "phx_reply", {"status": status, "response": response}, to.ref, to.join_ref)

    async def raw(self, data: bytes) -> None:
        """Put bytes on the connection beside the protocol."""
        self.connection.transport.write(data)


Handler = Callable[[Peer, Heard], Awaitable[bool]]
"""Whether the test has dealt with a message itself."""


async def not_handled(_: Peer, __: Heard) -> bool:
    return False


@dataclass
class RealtimeServer:
    """handler: asked first about every message. refuse: answers upgrades with this status and JSON body instead."""

    handler: Handler = not_handled
    refuse: tuple[int, Mapping[str, Any]] | None = None
    peers: list[Peer] = field(default_factory=list)
    attempts: list[float] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    port: int = 0

    @property
    def origin(self) -> Origin:
        return Origin("http", "127.0.0.1", self.port)

    def heard(self, event: str) -> list[Heard]:
        """What all clients said of this event, in order of peers."""
        return [message for peer in self.peers for message in peer.heard if message.event == event]

    def _upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        self.attempts.append(monotonic())
        self.paths.append(request.path)
        if self.refuse is None:
            return None
        status, body = self.refuse
        response = connection.respond(HTTPStatus(status), orjson.dumps(body).decode())
        del response.headers["content-type"]
        response.headers["content-type"] = "application/json"
        return response

    async def _serve(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        version = parse_qs(urlsplit(connection.request.path).query)["vsn"][0]
        peer = Peer(connection, version)
        self.peers.append(peer)
        try:
            async for message in connection:
                said = peer.read(message)
                peer.heard.append(said)
                if not await self.handler(peer, said):
                    await self._answer(peer, said)
        except ConnectionClosed:
            pass

    async def _answer(self, peer: Peer, said: Heard) -> None:
        match said.event:
            case "phx_join":
                bindings = said.payload["config"]["postgres_changes"]
                numbered = [{**binding, "id": 1000 + number} for number, binding in enumerate(bindings)]
                await peer.reply(said, {"postgres_changes": numbered})
                if bindings:
                    notice = {"extension": "postgres_changes", "status": "ok", "message": "Subscribed to PostgreSQL"}
                    notice["channel"] = said.topic.removeprefix("realtime:")
                    await peer.say(said.topic, "system", notice, None, said.join_ref)
            case "phx_leave":
                await peer.reply(said, {})
                await peer.say(said.topic, "phx_close", {}, said.join_ref, said.join_ref)
            case "heartbeat" | "presence":
                await peer.reply(said, {})
            case "broadcast":
                await peer.reply(said, {})


@asynccontextmanager
async def realtime_server(**behaviour: Any) -> AsyncIterator[RealtimeServer]:
    """A server on a free port of 127.0.0.1, gone with its connections at the end."""
    scripted = RealtimeServer(**behaviour)
    server: Server = await serve(
        scripted._serve,
        "127.0.0.1",
        0,
        process_request=scripted._upgrade,
        compression=None,
        ping_interval=None,
        close_timeout=0.2,
        max_size=None,
    )
    scripted.port = next(iter(server.sockets)).getsockname()[1]
    try:
        yield scripted
    finally:
        for peer in scripted.peers:
            peer.connection.transport.abort()
        server.close()
        await server.wait_closed()


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for something that has to happen soon. :raises TimeoutError: when it does not."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is awaited has no event to offer
            await asyncio.sleep(0.005)

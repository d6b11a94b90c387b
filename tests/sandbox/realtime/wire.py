"""A bare Phoenix client for tests: raw WebSocket, both serializers, nothing automatic."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import websockets

from sandbox.server import Sandbox

LIMIT_S = 8.0
V1, V2 = "1.0.0", "2.0.0"


@dataclass(frozen=True)
class Heard:
    """One text message from the server."""

    join_ref: str | None
    ref: str | None
    topic: str
    event: str
    payload: Any


class Wire:
    """One socket. Messages that `wait` passes over are kept for the next one who asks."""

    def __init__(self, socket: Any, vsn: str) -> None:
        self.socket = socket
        self.vsn = vsn
        self.kept: list[Heard | bytes] = []
        self._refs = itertools.count(1)

    async def push(self, topic: str, event: str, payload: Any, join_ref: str | None = None) -> str:
        ref = str(next(self._refs))
        join_ref = ref if event == "phx_join" else join_ref
        if self.vsn == V2:
            message: Any = [join_ref, ref, topic, event, payload]
        else:
            message = {"topic": topic, "event": event, "payload": payload, "ref": ref, "join_ref": join_ref}
        await self.socket.send(orjson.dumps(message).decode())
        return ref

    async def hear(self, limit_s: float = LIMIT_S) -> Heard | bytes:
        """The next message, whatever it is."""
        data = await asyncio.wait_for(self.socket.recv(), limit_s)
        if isinstance(data, bytes):
            return data
        said = orjson.loads(data)
        if self.vsn == V2:
            return Heard(*said)
        assert set(said) == {"topic", "event", "payload", "ref"}
        return Heard(None, said["ref"], said["topic"], said["event"], said["payload"])

    async def wait(self, wanted: Callable[[Any], bool], limit_s: float = LIMIT_S) -> Any:
        """The first message that is wanted."""
        for index, kept in enumerate(self.kept):
            if wanted(kept):
                return self.kept.pop(index)
        async with asyncio.timeout(limit_s):
            while True:
                heard = await self.hear(limit_s)
                if wanted(heard):
                    return heard
                self.kept.append(heard)

    async def event(self, name: str, limit_s: float = LIMIT_S) -> Heard:
        found: Heard = await self.wait(lambda heard: isinstance(heard, Heard) and heard.event == name, limit_s)
        return found

    async def reply(self, ref: str, limit_s: float = LIMIT_S) -> Heard:
        found: Heard = await self.wait(
            lambda heard: isinstance(heard, Heard) and heard.event == "phx_reply" and heard.ref == ref, limit_s
        )
        return found

    async def join(self, topic: str, token: str | None = None, **config: Any) -> str:
        """Join and wait for the reply, and for the Postgres notice where there are bindings; the join's ref."""
        ref = await self.push(topic, "phx_join", {"config": config, "access_token": token})
        answer = await self.reply(ref)
        assert answer.payload["status"] == "ok", answer
        if config.get("postgres_changes"):
            notice = await self.event("system")
            assert notice.payload["message"] == "Subscribed to PostgreSQL", notice
        return ref

    async def refused(self, topic: str, token: str | None = None, **config: Any) -> str:
        ref = await self.push(topic, "phx_join", {"config": config, "access_token": token})
        answer = await self.reply(ref)
        assert answer.payload["status"] == "error", answer
        return str(answer.payload["response"]["reason"])

    async def silence(self, seconds: float = 0.3) -> None:
        """Nothing is said for so long."""
        assert self.kept == []
        try:
            heard = await self.hear(seconds)
        except TimeoutError:
            return
        raise AssertionError(f"heard {heard!r}")

    async def closed(self, limit_s: float = LIMIT_S) -> int:
        """Read until the end; the close code."""
        async with asyncio.timeout(limit_s):
            try:
                while True:
                    self.kept.append(await self.hear(limit_s))
            except websockets.ConnectionClosed as error:
                return 1006 if error.rcvd is None else error.rcvd.code


@asynccontextmanager
async def wire(sandbox: Sandbox, vsn: str = V2, query: str | None = None, **options: Any) -> AsyncIterator[Wire]:
    asked = f"apikey={sandbox.discovery['anon_key']}&eventsPerSecond=10&vsn={vsn}" if query is None else query
    address = f"{sandbox.url.replace('http', 'ws', 1)}/realtime/v1/websocket?{asked}"
    async with websockets.connect(address, compression=None, max_size=None, ping_interval=None, **options) as socket:
        yield Wire(socket, vsn)

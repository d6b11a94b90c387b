"""A proxy between real sockets, on the test's own loop."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import uvloop

from chaos.proxy.bodies import ProxyBody, ToxicBody
from chaos.proxy.proxy import Proxy
from chaos.proxy.proxy_collection import ProxyCollection, ProxySettings
from chaos.proxy.toxic import Toxic

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def on_loop(main: Coroutine[Any, Any, None], limit_s: float = 20) -> None:
    """Run on uvloop, as the proxy does, with an end."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(asyncio.wait_for(main, limit_s))


@dataclass
class Rig:
    """A proxy collection with one proxy, `target`."""

    collection: ProxyCollection
    proxy: Proxy
    open_writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def toxic(self, kind: str, *, stream: str = "downstream", share: float = 1, **more: Any) -> Toxic:
        """Add one; `more` are its attributes, but for `lease_s` and `name`."""
        body: dict[str, Any] = {key: more.pop(key) for key in ("lease_s", "name", "holder") if key in more}
        body |= {"type": kind, "stream": stream, "toxicity": share, "attributes": more}
        return await self.collection.add("target", ToxicBody.of(body))

    async def change(self, toxic: Toxic, *, share: float | None = None, **attributes: Any) -> None:
        await self.collection.change("target", toxic.name, ToxicBody.of({"toxicity": share, "attributes": attributes}))

    async def remove(self, toxic: Toxic) -> None:
        await self.collection.remove("target", toxic.name)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = self.proxy.listen.rsplit(":", 1)
        reader, writer = await asyncio.open_connection(host, int(port))
        self.open_writers.append(writer)
        return reader, writer


@contextlib.asynccontextmanager
async def proxied(handler: Handler | None = None, *, upstream: str = "", **settings: Any) -> AsyncIterator[Rig]:
    """A proxy to a server of `handler`, by default an echo, or to `upstream`."""
    server = await asyncio.start_server(handler or echo, "127.0.0.1", 0) if not upstream else None
    if server is not None:
        upstream = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    collection = ProxyCollection(ProxySettings(**settings))
    proxy = await collection.create(ProxyBody.of({"name": "target", "listen": "127.0.0.1:0", "upstream": upstream}))
    rig = Rig(collection, proxy)
    try:
        yield rig
    finally:
        await collection.close()
        for writer in rig.open_writers:
            writer.close()
        if server is not None:
            server.close()
        await asyncio.sleep(0.01)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Back what came, until the other side is done."""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()


async def round_trip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, data: bytes = b"x") -> float:
    """Seconds until all of it is back."""
    began = time.monotonic()
    writer.write(data)
    assert await asyncio.wait_for(reader.readexactly(len(data)), 10) == data
    return time.monotonic() - began


async def is_silent(reader: asyncio.StreamReader, seconds: float) -> bool:
    """Nothing comes and nothing ends for that long."""
    try:
        await asyncio.wait_for(reader.read(1), seconds)
    except TimeoutError:
        return True
    return False

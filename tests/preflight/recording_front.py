"""A relay in front of a sandbox that writes down what arrives: method and path of each request."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import unquote

REQUEST = re.compile(rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) (/[^\r\n ]*) HTTP/1\.1\r\n")
"""Anywhere in a chunk: a body that was answered before it was read may stand before it."""


class Seen:
    """url: of the relay. requests: "METHOD path" in the order in which they came."""

    def __init__(self) -> None:
        self.url = ""
        self.requests: list[str] = []


@contextmanager
def recording(url: str) -> Iterator[Seen]:
    """A relay to the sandbox at `url`, in a thread of its own."""
    host, _, port = url.rpartition("//")[2].partition(":")
    seen = Seen()
    loop = asyncio.new_event_loop()
    ready, ended = threading.Event(), asyncio.Event()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            behind_reader, behind = await asyncio.open_connection(host, int(port))
            await asyncio.gather(_pass(reader, behind, seen.requests), _pass(behind_reader, writer, None))
        except OSError:
            writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(relay, "127.0.0.1", 0)
        seen.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await ended.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield seen
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(20)
        loop.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, requests: list[str] | None) -> None:
    try:
        while data := await reader.read(1 << 16):
            if requests is not None:
                requests += [f"{one[1].decode()} {unquote(one[2].decode())}" for one in REQUEST.finditer(data)]
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()

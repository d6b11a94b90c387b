"""A relay in front of a target that counts what arrives: requests, upgrades among them, connections, open sockets."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

REQUEST = re.compile(rb"^(?:GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) [^\r\n]* HTTP/1\.1\r\n", re.MULTILINE)
"""Counted where a chunk holds one: nobody here sends more than one request ahead of its answer, and bodies are JSON."""


@dataclass
class Arrivals:
    """What arrived, by the relay's clock."""

    url: str = ""
    requests: list[float] = field(default_factory=list)
    connections: list[float] = field(default_factory=list)
    open: int = 0
    most_open: int = 0


def most_in_a_second(instants: list[float]) -> int:
    """The largest count in any second, wherever it begins."""
    ordered, first, most = sorted(instants), 0, 0
    for last, at in enumerate(ordered):
        while ordered[first] <= at - 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


@contextmanager
def counting(url: str) -> Iterator[Arrivals]:
    """A relay to the target at `url`, in a thread of its own."""
    host, _, port = url.rpartition("//")[2].partition(":")
    found = Arrivals()
    loop = asyncio.new_event_loop()
    ready, ended = threading.Event(), asyncio.Event()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        found.connections.append(monotonic())
        found.open += 1
        found.most_open = max(found.most_open, found.open)
        try:
            behind_reader, behind = await asyncio.open_connection(host, int(port))
            await asyncio.gather(_pass(reader, behind, found.requests), _pass(behind_reader, writer, None))
        except OSError:
            writer.close()
        finally:
            found.open -= 1

    async def serve() -> None:
        server = await asyncio.start_server(relay, "127.0.0.1", 0)
        found.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await ended.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield found
    finally:
        loop.call_soon_threadsafe(ended.set)
        thread.join(20)
        loop.close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, requests: list[float] | None) -> None:
    upgraded = False
    try:
        while data := await reader.read(1 << 16):
            if requests is not None and not upgraded and (match := REQUEST.search(data)):
                requests.append(monotonic())
                upgraded = b"upgrade: websocket" in data.lower() and match.start() == 0
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()

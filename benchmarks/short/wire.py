"""A request on our own connections, over one on a bare asyncio protocol: the short form of `benchmarks/wire.py`."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator

import uvloop
from replay.process import BENCHMARKS
from wire import BATCH, HEADERS

from harness.client.http.client import HttpClient, Origin
from short.bare import BareConnection, opened
from short.judging import Turn
from short.turns import by_turns, cores, pin

CONNECTIONS, EACH, TURNS = 20, 100, 25
PATH = "/functions/v1/x"
KINDS = {"wire, GET": ("GET", None), "wire, POST of 6 KB": ("POST", BATCH)}
Sending = Callable[[], Awaitable[object]]


@contextlib.contextmanager
def answering(core: int) -> Iterator[int]:
    """The server of `benchmarks/wire.py`; its port."""
    command = [sys.executable, "wire.py", "--client", "server", "--core", str(core)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=BENCHMARKS) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


def looked() -> dict[str, list[Turn]]:
    """Both kinds of request."""
    first, last = cores()
    with answering(first) as port, asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        pin(last)
        return {name: _by_turns(runner, port, *kind) for name, kind in KINDS.items()}


def _by_turns(runner: asyncio.Runner, port: int, method: str, body: bytes | None) -> list[Turn]:
    block = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items()).encode()
    length = b"" if body is None else b"content-length: %d\r\n" % len(body)
    request = b"%b %b HTTP/1.1\r\nhost: 127.0.0.1\r\n%b%b\r\n%b" % (
        method.encode(),
        PATH.encode(),
        block,
        length,
        body or b"",
    )
    origin, loop = Origin("http", "127.0.0.1", port), runner.get_loop()
    clients = [HttpClient(origin, loop=loop) for _ in range(CONNECTIONS)]
    bare = runner.run(opened(port, CONNECTIONS))

    def ours(client: HttpClient) -> Sending:
        return lambda: client.send(method, PATH, block, body, timeout_s=20.0)

    async def all_of(sending: list[Sending]) -> float:
        async def one(send: Sending) -> None:
            for _ in range(EACH):
                await send()

        begun = time.process_time()
        await asyncio.gather(*(one(send) for send in sending))
        return time.process_time() - begun

    def reference(connection: BareConnection) -> Sending:
        return lambda: connection.send(request)

    our_sending = [ours(client) for client in clients]
    bare_sending = [reference(connection) for connection in bare]
    found = by_turns(lambda: runner.run(all_of(our_sending)), lambda: runner.run(all_of(bare_sending)), TURNS)
    for connection in bare:
        connection.close()
    for client in clients:
        client.close()
    return found

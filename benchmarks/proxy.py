"""What a request through the chaos proxy costs, beside a plain relay and HAProxy in the same run; memory of websockets.

    python benchmarks/proxy.py [--seconds 3] [--connections 64] [--rounds 3] [--sockets 5000]

Every proxy is one process on the last core; the server and the closed-loop client share the first. Each keep-alive
connection has one request in flight. CPU is the proxy's own, user and system, as the kernel counts it. HAProxy (Debian)
is left out with a message when it is not installed.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, cast

import httpx
import psutil
import uvloop

WARMUP_S = 0.5
HAPROXY = shutil.which("haproxy", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or ""
BODY = b'{"ok":true,"pad":"' + b"x" * 180 + b'"}'
REPLY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY
REQUEST = b"GET /functions/v1/x HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer x\r\n\r\n"
HANDSHAKE = (
    b"GET /realtime/v1/websocket HTTP/1.1\r\nhost: bench\r\nconnection: Upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n"


def pin(core: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def cores() -> tuple[int, int]:
    """Of server and client, and of the proxy."""
    there = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    return there[0], there[-1]


def cpu_s(pid: int) -> float:
    """Seconds of CPU that a process has used. On Linux by its own clock: the counts of /proc move in steps of 10 ms."""
    if not sys.platform.startswith("linux"):
        used = psutil.Process(pid).cpu_times()
        return float(used.user + used.system)
    return time.clock_gettime((~pid << 3) | 2)  # as clock_getcpuclockid has it


# ---- processes that this script starts of itself ------------------------------------------------------------------


async def target() -> None:
    """Answers every request, and every handshake; prints its port."""

    class Answering(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast("asyncio.Transport", transport)

        def data_received(self, data: bytes) -> None:
            if data.startswith(b"GET /realtime"):
                self.transport.write(SWITCHED)
            elif data[0] == 0x81:  # a websocket frame: echo
                self.transport.write(data)
            else:
                self.transport.write(REPLY)

    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.sleep(900)


async def relay(upstream: int) -> None:
    """The least a proxy can do on this loop: two protocols that write to each other."""
    loop = asyncio.get_running_loop()

    class End(asyncio.Protocol):
        peer: End | None = None

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast("asyncio.Transport", transport)

        def data_received(self, data: bytes) -> None:
            cast("End", self.peer).transport.write(data)

        def connection_lost(self, exc: Exception | None) -> None:
            if self.peer is not None:
                self.peer.transport.close()

    class Front(End):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.early = b""
            self.opening = loop.create_task(self.open())

        async def open(self) -> None:
            _, back = await loop.create_connection(End, "127.0.0.1", upstream)
            self.peer, back.peer = back, self
            if self.early:
                back.transport.write(self.early)

        def data_received(self, data: bytes) -> None:
            if self.peer is None:
                self.early += data
            else:
                self.peer.transport.write(data)

    server = await loop.create_server(Front, "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.sleep(900)


@contextlib.contextmanager
def own_process(role: str, core: int, *arguments: str) -> Iterator[tuple[int, int]]:
    """This script in another role: its port and process id."""
    process = subprocess.Popen(
        [sys.executable, __file__, "--role", role, "--core", str(core), *arguments], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline()), process.pid
    finally:
        process.kill()
        process.wait(10)


@contextlib.contextmanager
def chaos_proxy(upstream: int, core: int) -> Iterator[tuple[str, int, int]]:
    """API URL, port and process id of our proxy."""
    process = subprocess.Popen(
        [sys.executable, "-m", "chaos.proxy", "--api", "127.0.0.1:0", "--upstream", f"127.0.0.1:{upstream}"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
        preexec_fn=lambda: pin(core),
    )
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        yield ready["api"], int(ready["proxies"]["target"].rsplit(":", 1)[1]), process.pid
    finally:
        process.terminate()
        process.wait(10)


@contextlib.contextmanager
def haproxy(upstream: int, core: int) -> Iterator[tuple[int, int]]:
    """One thread, http mode, keep-alive on both sides."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "haproxy.cfg"
        config.write_text(
            "global\n  nbthread 1\n  maxconn 4000\n"
            "defaults\n  mode http\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n"
            f"listen bench\n  bind 127.0.0.1:{port}\n  server target 127.0.0.1:{upstream}\n"
        )
        process = subprocess.Popen(
            [HAPROXY, "-db", "-q", "-f", str(config)],
            preexec_fn=lambda: pin(core),
        )
        try:
            for _ in range(200):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.05)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(10)


# ---- the load -----------------------------------------------------------------------------------------------------


class Asking(asyncio.Protocol):
    """One connection in a closed loop."""

    done = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.got = b""
        self.transport.write(REQUEST)

    def data_received(self, data: bytes) -> None:
        self.got += data
        if self.got.endswith(b'"}'):
            assert self.got.startswith(b"HTTP/1.1 200"), self.got[:40]
            self.got = b""
            Asking.done += 1
            self.transport.write(REQUEST)


async def closed_loop(port: int, pid: int, connections: int, seconds: float) -> tuple[float, float]:
    """CPU microseconds a request in the proxy, and requests a second."""
    loop = asyncio.get_running_loop()
    opened = [(await loop.create_connection(Asking, "127.0.0.1", port))[0] for _ in range(connections)]
    await asyncio.sleep(WARMUP_S)
    first, before, began = Asking.done, cpu_s(pid), time.monotonic()
    await asyncio.sleep(seconds)
    done, after, took = Asking.done - first, cpu_s(pid), time.monotonic() - began
    for transport in opened:
        transport.abort()
    await asyncio.sleep(0.1)
    if not done:
        raise RuntimeError("no request came through")
    return (after - before) / done * 1e6, done / took


@contextlib.asynccontextmanager
async def sockets(port: int, count: int) -> AsyncIterator[float]:
    """That many websockets, opened and each used once; yields how many seconds it took."""
    loop, answered, all_answered = asyncio.get_running_loop(), 0, asyncio.Event()

    class Socket(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast("asyncio.Transport", transport)
            self.transport.write(HANDSHAKE)

        def data_received(self, data: bytes) -> None:
            nonlocal answered
            if data.startswith(b"HTTP/1.1 101"):
                self.transport.write(b"\x81\x85abcd" + b"hello")
            else:
                answered += 1
                if answered == count:
                    all_answered.set()

    began, opened = time.monotonic(), []
    for start in range(0, count, 200):
        opening = (loop.create_connection(Socket, "127.0.0.1", port) for _ in range(min(200, count - start)))
        opened += [transport for transport, _ in await asyncio.gather(*opening)]
    await asyncio.wait_for(all_answered.wait(), 60)
    yield time.monotonic() - began
    for transport in opened:
        transport.abort()
    await asyncio.sleep(0.2)


def resident_kb(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss) / 1024


# ---- the tables ---------------------------------------------------------------------------------------------------


def toxics(api: str, *bodies: dict[str, Any]) -> None:
    httpx.post(f"{api}/reset", trust_env=False).raise_for_status()
    for body in bodies:
        httpx.post(f"{api}/proxies/target/toxics", json=body, trust_env=False).raise_for_status()


LATENCY = [
    {"type": "latency", "stream": stream, "attributes": {"latency": 5, "jitter": 2}}
    for stream in ("upstream", "downstream")
]
RULE = {"type": "http_status", "toxicity": 0.5, "attributes": {"path": "/elsewhere/*"}}
DELAY = {"type": "ws_delay", "toxicity": 0.01, "attributes": {"delay": 100}}


async def compare(options: argparse.Namespace) -> None:
    first, last = cores()
    pin(first)
    found: dict[str, list[tuple[float, float]]] = {}

    async def measure(name: str, port: int, pid: int) -> None:
        found.setdefault(name, []).append(await closed_loop(port, pid, options.connections, options.seconds))

    with own_process("target", first) as (upstream, _):
        for _ in range(options.rounds):
            with own_process("relay", last, "--upstream", str(upstream)) as (port, pid):
                await measure("plain relay", port, pid)
            with chaos_proxy(upstream, last) as (api, port, pid):
                await measure("ours, no fault", port, pid)
                toxics(api, *LATENCY)
                await measure("ours, latency 5+-2 ms both ways", port, pid)
                toxics(api, RULE)
                await measure("ours, an HTTP rule", port, pid)
            if HAPROXY:
                with haproxy(upstream, last) as (port, pid):
                    await measure("HAProxy, http mode, 1 thread", port, pid)
        print(f"{options.connections} connections, {options.seconds:g} s, median of {options.rounds} rounds\n")
        print(f"{'proxy':<34}{'CPU us/request':>15}{'requests/s':>12}{'x relay':>9}")
        base = statistics.median(cost for cost, _ in found["plain relay"])
        for name, rounds in found.items():
            cost, rate = (statistics.median(column) for column in zip(*rounds, strict=True))
            print(f"{name:<34}{cost:>15.1f}{rate:>12.0f}{cost / base:>8.1f}x")
        if "HAProxy, http mode, 1 thread" not in found:
            print("HAProxy is not installed here: apt-get install haproxy")
        await websockets(upstream, last, options.sockets)


async def websockets(upstream: int, core: int, count: int) -> None:
    print(f"\n{count} websockets, each used once\n\n{'proxy':<34}{'KB/socket':>15}{'opened/s':>12}")
    kinds: tuple[tuple[str, list[dict[str, Any]]], ...] = (
        ("ours, no fault", []),
        ("ours, ws_delay and latency", [DELAY, *LATENCY]),
    )
    for name, bodies in kinds:
        with chaos_proxy(upstream, core) as (api, port, pid):
            toxics(api, *bodies)
            async with sockets(port, 50):  # code and pools that every process pays once
                pass
            before = resident_kb(pid)
            async with sockets(port, count) as took:
                print(f"{name:<34}{(resident_kb(pid) - before) / count:>15.1f}{count / took:>12.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="measured window per proxy and round")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3, help="the median of the rounds is shown")
    parser.add_argument("--sockets", type=int, default=5000, help="websockets of the memory table")
    parser.add_argument("--role", help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--upstream", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role:
        pin(options.core)
        main_of = target() if options.role == "target" else relay(options.upstream)
    else:
        main_of = compare(options)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main_of)


if __name__ == "__main__":
    main()

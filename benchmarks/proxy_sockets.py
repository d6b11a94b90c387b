"""Many websockets through the chaos proxy: how fast they open, what each holds in memory, and how late messages are.

    python benchmarks/proxy_sockets.py [--sockets 2000] [--seconds 10]

Every socket is opened, asked once and kept; then 5 % of them send a message of 150 bytes each second, which the server
echoes. "direct" are as many messages on sockets without a proxy, in the same process and the same seconds, so that the
delay of the machine can be told from the proxy's. Memory is the proxy process's resident one, over 50 sockets that pay
for code and pools; the kernel's buffers are not in it. Two descriptors a socket: the limit is raised as far as it goes.
The client connects from, and the server listens on, one address of 127.0.0.0/8 for every 10,000 sockets, each with a
proxy of the same process, so that ports do not run out. Where the hard limit is too low for one process, start several
of these beside each other.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import httpx
import psutil
import uvloop
from proxy import DELAY, HANDSHAKE, LATENCY, SWITCHED, cores, cpu_s, pin

A_PLACE = 10_000
"""Sockets for each loopback address."""
MOST = 50_000
AT_ONCE = 200
TALKING = 0.05
PATIENCE_S = 120.0
KINDS: tuple[tuple[str, list[dict[str, Any]]], ...] = (
    ("no fault", []),
    ("ws_delay and latency both ways", [DELAY, *LATENCY]),
)
FRAME = b"\x82\xfe\x00\x96abcd"
"""Head of a masked binary message of 150 bytes; its mask is never looked at."""


def raise_limit(sockets: int) -> None:
    """:raises SystemExit: the system allows fewer descriptors than a proxy of so many sockets needs."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = 2 * sockets + 200
    wanted = hard if hard == resource.RLIM_INFINITY else max(hard, needed)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))  # root may raise the hard limit as well
    except (OSError, ValueError):
        raise SystemExit(
            f"{sockets} sockets need {needed} descriptors in the proxy, and the hard limit is {hard}; "
            "raise it (ulimit -Hn), or ask for fewer with --sockets"
        ) from None


def address(place: int) -> str:
    return f"127.0.0.{place + 1}"


# ---- the server -----------------------------------------------------------------------------------------------------


class Echoing(asyncio.Protocol):
    """Switches, then sends back what it gets."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(SWITCHED if data.startswith(b"GET ") else data)


async def serve(places: int) -> None:
    """One listener an address; prints their ports on a line."""
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(Echoing, address(place), 0, backlog=4096) for place in range(places)]
    print(json.dumps([server.sockets[0].getsockname()[1] for server in servers]), flush=True)
    await asyncio.sleep(1800)


@contextlib.contextmanager
def server(places: int, core: int) -> Iterator[list[int]]:
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve", str(places), "--core", str(core)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
    finally:
        process.kill()
        process.wait(10)


@contextlib.contextmanager
def proxies(upstreams: Sequence[int], core: int, toxics: Sequence[dict[str, Any]]) -> Iterator[tuple[list[int], int]]:
    """Ports of one proxy an upstream, and the process that has them all."""
    process = subprocess.Popen(
        [sys.executable, "-m", "chaos.proxy", "--api", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[1],
        preexec_fn=lambda: pin(core),
    )
    try:
        assert process.stdout is not None
        api, ports = json.loads(process.stdout.readline())["api"], []
        with httpx.Client(base_url=api, trust_env=False) as client:
            for place, upstream in enumerate(upstreams):
                body = {
                    "name": f"p{place}",
                    "listen": f"{address(place)}:0",
                    "upstream": f"{address(place)}:{upstream}",
                }
                made = client.post("/proxies", json=body).raise_for_status().json()
                ports.append(int(made["listen"].rsplit(":", 1)[1]))
                for toxic in toxics:
                    client.post(f"/proxies/p{place}/toxics", json=toxic).raise_for_status()
        yield ports, process.pid
    finally:
        process.terminate()
        process.wait(60)


# ---- the sockets ----------------------------------------------------------------------------------------------------


class Crowd:
    """Sockets to the same ports: those open, and the delays of their messages in seconds."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.ports = ports
        self.members: list[Member] = []
        self.delays: list[float] = []
        self.sent = self.lost = 0

    async def open(self, count: int) -> float:
        """That many more, each answered once; seconds that it took."""
        loop, began = asyncio.get_running_loop(), time.monotonic()
        for start in range(0, count, AT_ONCE):
            there = len(self.members)
            opening = [
                loop.create_connection(
                    lambda: Member(self), address(place), self.ports[place], local_addr=(address(place), 0)
                )
                for number in range(there, there + min(AT_ONCE, count - start))
                for place in [number // A_PLACE % len(self.ports)]
            ]
            self.members += [member for _, member in await asyncio.gather(*opening)]
        end = time.monotonic() + PATIENCE_S
        while not all(member.answered for member in self.members):
            if time.monotonic() > end:
                raise RuntimeError(f"not all of {count} sockets were answered within {PATIENCE_S:g} s")
            await asyncio.sleep(0.01)
        return time.monotonic() - began

    async def talk(self, seconds: float) -> None:
        """5 % of the members, a message a second each, spread evenly."""
        talking = self.members[:: round(1 / TALKING)]
        began, total = time.monotonic(), round(len(talking) * seconds)
        for number in range(total):
            wait = began + number / len(talking) - time.monotonic()
            if wait > 0.0005:
                await asyncio.sleep(wait)
            talking[number % len(talking)].say()
            self.sent += 1
        end = time.monotonic() + 10
        while len(self.delays) < self.sent and time.monotonic() < end:  # noqa: ASYNC110 - an event a message costs more
            await asyncio.sleep(0.02)

    def close(self) -> None:
        for member in self.members:
            member.transport.abort()


class Member(asyncio.Protocol):
    """One websocket; a message's beginning is the instant at which it was sent."""

    __slots__ = ("answered", "crowd", "got", "transport")

    def __init__(self, crowd: Crowd) -> None:
        self.crowd = crowd
        self.answered = False
        self.got = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(HANDSHAKE)

    def say(self) -> None:
        self.transport.write(FRAME + time.monotonic_ns().to_bytes(8, "big") + bytes(142))

    def data_received(self, data: bytes) -> None:
        if not self.answered:
            self.answered = data.startswith(b"HTTP/1.1 101")
            return
        self.got += data
        while len(self.got) >= len(FRAME) + 150:
            sent = int.from_bytes(self.got[8:16], "big")
            self.got = self.got[len(FRAME) + 150 :]
            self.crowd.delays.append((time.monotonic_ns() - sent) / 1e9)

    def connection_lost(self, exc: Exception | None) -> None:
        self.crowd.lost += 1


# ---- the table ------------------------------------------------------------------------------------------------------


def in_ms(delays: Sequence[float]) -> str:
    cuts = statistics.quantiles(delays, n=100, method="inclusive")
    return f"{cuts[49] * 1000:>9.2f}{cuts[98] * 1000:>9.2f}"


async def compare(options: argparse.Namespace) -> None:
    count, (first, last) = options.sockets, cores()
    pin(first)
    places = -(-count // A_PLACE)
    print(f"{count} websockets; load average of the machine {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    print(
        f"{'proxy':<30}{'opened/s':>9}{'CPU us':>8}{'KB each':>9}{'messages':>9}{'CPU us':>8}{'p50 ms':>9}{'p99 ms':>9}"
    )
    with server(places, first) as upstreams:
        for name, toxics in KINDS:
            with proxies(upstreams, last, toxics) as (ports, pid):
                process, direct, crowd = psutil.Process(pid), Crowd(upstreams), Crowd(ports)
                await crowd.open(50)
                await direct.open(200)
                resident, used = process.memory_info().rss, cpu_s(pid)
                took = await crowd.open(count - 50)
                opening = cpu_s(pid) - used
                kb = (process.memory_info().rss - resident) / 1024 / (count - 50)
                used = cpu_s(pid)
                await asyncio.gather(crowd.talk(options.seconds), direct.talk(options.seconds))
                talking = cpu_s(pid) - used
                opened = count - 50
                print(
                    f"{name:<30}{opened / took:>9.0f}{opening / opened * 1e6:>8.0f}{kb:>9.1f}{crowd.sent:>9}"
                    f"{talking / crowd.sent * 1e6:>8.0f}{in_ms(crowd.delays)}",
                    flush=True,
                )
                print(f"{'  direct':<56}{direct.sent:>9}{'':>8}{in_ms(direct.delays)}")
                missing = crowd.sent - len(crowd.delays)
                if missing or crowd.lost:
                    print(f"  {missing} messages did not come back, {crowd.lost} sockets were closed")
                crowd.close()
                direct.close()
                await asyncio.sleep(0.5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sockets", type=int, default=2000, help=f"100 to {MOST}")
    parser.add_argument("--seconds", type=float, default=10.0, help="of messages")
    parser.add_argument("--serve", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not 100 <= options.sockets <= MOST:
        parser.error(f"--sockets {options.sockets}: from 100 to {MOST}")
    raise_limit(0 if options.serve else options.sockets)
    if options.serve:
        pin(options.core)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(options.serve) if options.serve else compare(options))


if __name__ == "__main__":
    main()

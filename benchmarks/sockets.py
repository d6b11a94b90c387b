"""How many Realtime sockets one process holds, and how honest it stays: ours beside what people usually reach for.

    .venv/bin/python benchmarks/sockets.py [--sockets 12500] [--seconds 60]

A light server of our own runs in another process on another core. Every socket joins a channel with one database
binding, sends its heartbeat each 25 s and gets one change of 600 bytes each 5 s, sent at instants of its own and
carrying the clock (CLOCK_MONOTONIC, one for all processes). Receive delay is the instant the client has read the
message minus that. Memory is what the process grew by, from before the first socket to the end, per socket; CPU is
user and system time of the client process in the window. Peers that fail at the full size are tried at smaller ones.

Exit code 1 when ours misses a bar: 25 KiB a socket, 35 % of a core, 10 ms of delay at p99, nothing lost.
"""

from __future__ import annotations

import argparse
import array
import asyncio
import base64
import contextlib
import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import orjson

HEARTBEAT_S, EVERY_S, SIZE = 25.0, 5.0, 600
CONNECTS_PER_S = 1_000
BARS = {"KiB a socket": 25.0, "% of a core": 35.0, "p99 ms": 10.0, "lost": 0.0}
PATIENCE_S = 90.0
"""Until everybody has joined."""
SIZES = (12_500, 6_000, 3_000, 1_000)
CONVERSATION = "conversation-db-00000000-0000-4000-8000-{:012d}"
MARK = b"1234567.123456"
"""Where the clock goes."""


# ---- server -----------------------------------------------------------------------------------------------------


def change(topic: str, version: str) -> tuple[bytes, bytes]:
    """A change of 600 bytes around its clock."""

    def text(filler: str) -> bytes:
        record = {"id": "m", "sent": 1234567.123456, "text": filler}
        data = {"schema": "public", "table": "messages", "type": "INSERT", "record": record, "errors": None}
        payload = {"data": data, "ids": [1000]}
        if version == "2.0.0":
            return orjson.dumps([None, None, topic, "postgres_changes", payload])
        return orjson.dumps({"event": "postgres_changes", "payload": payload, "ref": None, "topic": topic})

    whole = text("x" * (SIZE - len(text(""))))
    before, _, after = whole.partition(MARK)
    return before, after


class Accepting(asyncio.Protocol):
    """One socket of the server: upgrade, joins and heartbeats answered, changes sent when told."""

    everyone: list[Accepting] = []  # noqa: RUF012

    def __init__(self) -> None:
        self.transport: Any = None
        self.buffer = b""
        self.upgraded = False
        self.version = ""
        self.change: tuple[bytes, bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        if self.change is not None:
            self.everyone.remove(self)
            self.change = None

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        if not self.upgraded:
            head, end, rest = self.buffer.partition(b"\r\n\r\n")
            if not end:
                return
            self.buffer = rest
            self.upgrade(head)
        while (frame := self.frame()) is not None:
            opcode, payload = frame
            if opcode == 8:
                self.transport.write(b"\x88\x00")
                self.transport.close()
            elif opcode == 9:
                self.write(payload, 10)
            elif opcode in (1, 2):
                self.said(payload)

    def upgrade(self, head: bytes) -> None:
        lines = head.split(b"\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])}
        self.version = "2.0.0" if b"vsn=2.0.0" in lines[0] else "1.0.0"
        digest = hashlib.sha1(headers[b"sec-websocket-key"] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
            b"sec-websocket-accept: " + base64.b64encode(digest) + b"\r\n\r\n"
        )
        self.upgraded = True

    def frame(self) -> tuple[int, bytes] | None:
        """The next whole frame of the client."""
        from websockets.utils import apply_mask

        buffer = self.buffer
        if len(buffer) < 6:
            return None
        length, start = buffer[1] & 127, 2
        if length == 126:
            length, start = int.from_bytes(buffer[2:4], "big"), 4
        if len(buffer) < start + 4 + length:
            return None
        body = buffer[start + 4 : start + 4 + length]
        self.buffer = buffer[start + 4 + length :]
        return buffer[0] & 15, apply_mask(body, buffer[start : start + 4])

    def write(self, payload: bytes, opcode: int = 1) -> None:
        length = len(payload)
        size = bytes([length]) if length < 126 else b"\x7e" + length.to_bytes(2, "big")
        self.transport.write(bytes([0x80 | opcode]) + size + payload)

    def say(self, said: Said, event: str, payload: Any) -> None:
        if self.version == "2.0.0":
            self.write(orjson.dumps([said.join_ref, said.ref, said.topic, event, payload]))
        else:
            self.write(orjson.dumps({"event": event, "payload": payload, "ref": said.ref, "topic": said.topic}))

    def said(self, message: bytes) -> None:
        said = Said.read(orjson.loads(message))
        if said.event != "phx_join":
            self.say(said, "phx_reply", {"status": "ok", "response": {}})
            return
        bindings = said.payload["config"]["postgres_changes"]
        numbered = [{**binding, "id": 1000 + number} for number, binding in enumerate(bindings)]
        self.say(said, "phx_reply", {"status": "ok", "response": {"postgres_changes": numbered}})
        self.change = change(said.topic, self.version)
        self.everyone.append(self)


@dataclass
class Said:
    topic: str
    event: str
    payload: Any
    ref: str | None
    join_ref: str | None

    @classmethod
    def read(cls, parts: Any) -> Said:
        if isinstance(parts, list):
            return cls(parts[2], parts[3], parts[4], parts[1], parts[0])
        return cls(parts["topic"], parts["event"], parts["payload"], parts.get("ref"), parts.get("join_ref"))


def serve() -> None:
    """Print the port; on a line with a number of messages, send each socket that many, then print how many went."""
    import uvloop

    async def send(messages: int) -> int:
        sockets = list(Accepting.everyone)
        sent, total, begun = 0, len(sockets) * messages, monotonic()
        while sent < total:
            due = min(total, int((monotonic() - begun) / EVERY_S * len(sockets)))
            while sent < due:
                peer = sockets[sent % len(sockets)]
                if peer.change is not None:
                    before, after = peer.change
                    peer.write(b"%b%14.6f%b" % (before, monotonic(), after))
                sent += 1
            await asyncio.sleep(0.002)
        return sent

    async def main() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Accepting, "127.0.0.1", 0, backlog=4096)
        print(server.sockets[0].getsockname()[1], flush=True)
        while line := await loop.run_in_executor(None, sys.stdin.readline):
            print(await send(int(line)), flush=True)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


# ---- what every client measures ---------------------------------------------------------------------------------


@dataclass
class Figures:
    """What one client process says of itself."""

    sockets: int
    connect_s: float
    kib: float
    rss_mib: float
    core: float
    p50_ms: float
    p99_ms: float
    received: int
    heartbeats: int


class Meter:
    """Delays and counts, in memory taken before the first socket."""

    def __init__(self, sockets: int, seconds: float) -> None:
        self.delays = array.array("d", bytes(8 * int(sockets * (seconds / EVERY_S + 2))))
        self.received = self.heartbeats = 0
        self.base = rss()

    def message(self, delay_s: float) -> None:
        self.delays[self.received] = delay_s
        self.received += 1

    def figures(self, sockets: int, connect_s: float, core: float) -> Figures:
        grown, delays = rss() - self.base, sorted(self.delays[: self.received])
        at = [delays[min(len(delays) - 1, int(len(delays) * share))] * 1000 for share in (0.5, 0.99)]
        return Figures(
            sockets,
            connect_s,
            grown / 1024 / sockets,
            rss() / 2**20,
            core,
            at[0],
            at[1],
            self.received,
            self.heartbeats,
        )


def rss() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


class Window:
    """The measured time: tells the orchestrator to let the server send, and takes CPU at both ends."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        print("go", flush=True)
        self.wall, self.cpu = monotonic(), time.process_time()

    def core(self) -> float:
        return (time.process_time() - self.cpu) / (monotonic() - self.wall)


def join(number: int) -> bytes:
    """A 1.0.0 join as text, for clients that know no Phoenix."""
    binding = {"event": "*", "schema": "public", "table": "messages"}
    config = {"postgres_changes": [binding]}
    topic = "realtime:" + CONVERSATION.format(number)
    return orjson.dumps(
        {"topic": topic, "event": "phx_join", "payload": {"config": config}, "ref": "1", "join_ref": "1"}
    )


BEAT = b'{"topic":"phoenix","event":"heartbeat","payload":{},"ref":"2"}'


# ---- clients ----------------------------------------------------------------------------------------------------


class Attempts:
    """In place of a phone's observer."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.joined = self.failed = 0

    def attempt(self, _: str, name: str, outcome: Any, at: float, seconds: float, size: int, code: str) -> None:
        if not outcome.good:
            self.failed += 1
            print(name, outcome, code, file=sys.stderr)
        elif name == "realtime_heartbeat":
            self.meter.heartbeats += 1
        elif name == "realtime_join":
            self.joined += 1

    def problem(self, error: BaseException) -> None:
        raise error


async def ours(port: int, sockets: int, seconds: float, version: str) -> Figures:
    from harness.client.http.origin import Origin
    from harness.client.realtime.client import (
        JS_2_90,
        JS_2_119,
        Binding,
        DatabaseChange,
        FrameTally,
        RealtimeClient,
        Ticker,
    )

    loop, meter = asyncio.get_running_loop(), Meter(sockets, seconds)
    ticker, tally, attempts = Ticker(loop), FrameTally(), Attempts(meter)
    origin, generation = Origin("http", "127.0.0.1", port), JS_2_90 if version == "1.0.0" else JS_2_119

    def changed(news: DatabaseChange) -> None:
        meter.message(news.received_at - news.record["sent"])

    def phone(number: int) -> RealtimeClient:
        client = RealtimeClient(
            loop=loop,
            wheel=ticker.wheel,
            origin=origin,
            apikey="k" * 120,
            token=lambda: None,
            observer=attempts,
            generation=generation,
            tally=tally,
        )
        channel = client.channel(CONVERSATION.format(number), changes=[Binding("*", "public", "messages")])
        channel.on_change(changed)
        channel.subscribe()
        return client

    begun, clients = monotonic(), []
    for number in range(sockets):
        clients.append(phone(number))
        if (early := number / CONNECTS_PER_S - (monotonic() - begun)) > 0.002:
            await asyncio.sleep(early)
    await reached(lambda: attempts.joined, sockets)
    connect_s = monotonic() - begun
    window = Window(seconds)
    await asyncio.sleep(seconds + 1)
    core = window.core()
    if attempts.failed:
        raise RuntimeError(f"{attempts.failed} attempts failed")
    figures = meter.figures(sockets, connect_s, core)
    for client in clients:
        client.close()
    return figures


async def websockets_asyncio(port: int, sockets: int, seconds: float) -> Figures:
    from websockets.asyncio.client import ClientConnection, connect

    meter, joined, connections = Meter(sockets, seconds), 0, []
    dialling = asyncio.Semaphore(64)

    async def one(number: int) -> None:
        nonlocal joined
        async with dialling:
            connection: ClientConnection = await connect(
                f"ws://127.0.0.1:{port}/realtime/v1/websocket?vsn=1.0.0",
                compression=None,
                ping_interval=None,
                max_size=5_000_000,
                proxy=None,
                open_timeout=60,
            )
            connections.append(connection)
            await connection.send(join(number).decode())
        async for message in connection:
            at, parts = monotonic(), orjson.loads(message)
            if parts["event"] == "postgres_changes":
                meter.message(at - parts["payload"]["data"]["record"]["sent"])
            elif parts["topic"] == "phoenix":
                meter.heartbeats += 1
            else:
                joined += 1

    async def beat() -> None:
        """Heartbeats of all, spread over their 25 s."""
        text = BEAT.decode()
        while True:
            begun = monotonic()
            for number, connection in enumerate(connections):
                if (early := number / len(connections) * HEARTBEAT_S - (monotonic() - begun)) > 0.002:
                    await asyncio.sleep(early)
                await connection.send(text)

    begun = monotonic()
    tasks = [asyncio.ensure_future(one(number)) for number in range(sockets)]
    await reached(lambda: joined, sockets)
    connect_s = monotonic() - begun
    beating = asyncio.ensure_future(beat())
    window = Window(seconds)
    await asyncio.sleep(seconds + 1)
    core = window.core()
    figures = meter.figures(sockets, connect_s, core)
    for task in (beating, *tasks):
        task.cancel()
    return figures


async def reached(count: Callable[[], int], wanted: int) -> None:
    """Wait until everybody has joined. :raises TimeoutError: when they do not."""
    async with asyncio.timeout(PATIENCE_S):
        while count() < wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


class Greenlets:
    """websockets.sync or websocket-client as Locust users run them: patched, a greenlet for each socket."""

    def __init__(self, name: str, port: int, meter: Meter) -> None:
        self.name, self.meter = name, meter
        self.url = f"ws://127.0.0.1:{port}/realtime/v1/websocket?vsn=1.0.0"
        self.joined = 0
        self.connections: list[Any] = []
        self.errors: list[Exception] = []

    def dial(self) -> Any:
        if self.name == "websockets.sync":
            from websockets.sync.client import connect

            return connect(
                self.url,
                compression=None,
                ping_interval=None,
                max_size=5_000_000,
                proxy=None,
                open_timeout=60,
                legacy=True,
            )
        import websocket

        return websocket.create_connection(self.url, timeout=None, skip_utf8_validation=True)

    def one(self, number: int) -> None:
        import gevent

        try:
            connection = self.dial()
        except Exception as error:
            self.errors.append(error)
            return
        self.connections.append(connection)
        connection.send(join(number).decode())
        gevent.spawn(self.read, connection)

    def read(self, connection: Any) -> None:
        with contextlib.suppress(Exception):
            while True:
                message = connection.recv()
                at, parts = monotonic(), orjson.loads(message)
                if parts["event"] == "postgres_changes":
                    self.meter.message(at - parts["payload"]["data"]["record"]["sent"])
                elif parts["topic"] == "phoenix":
                    self.meter.heartbeats += 1
                else:
                    self.joined += 1

    def beat(self) -> None:
        import gevent

        text = BEAT.decode()
        while True:
            begun = monotonic()
            for number, connection in enumerate(self.connections):
                gevent.sleep(max(0.0, number / len(self.connections) * HEARTBEAT_S - (monotonic() - begun)))
                connection.send(text)


def over_gevent(name: str, port: int, sockets: int, seconds: float) -> Figures:
    from gevent import monkey

    monkey.patch_all()
    import gevent
    from gevent.pool import Pool

    meter = Meter(sockets, seconds)
    peers, pool, begun = Greenlets(name, port, meter), Pool(64), monotonic()
    number = 0
    while peers.joined < sockets:
        if peers.errors:
            raise peers.errors[0]
        if monotonic() - begun > PATIENCE_S:
            raise TimeoutError(f"{peers.joined} of {sockets} joined in {PATIENCE_S:g} s")
        if number < sockets:
            pool.spawn(peers.one, number)
            number += 1
        else:
            gevent.sleep(0.05)
    connect_s = monotonic() - begun
    gevent.spawn(peers.beat)
    window = Window(seconds)
    gevent.sleep(seconds + 1)
    core = window.core()
    return meter.figures(sockets, connect_s, core)


def figures_of(name: str, port: int, sockets: int, seconds: float) -> Figures:
    if name in ("websockets.sync", "websocket-client"):
        return over_gevent(name, port, sockets, seconds)
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        if name == "websockets.asyncio":
            return runner.run(websockets_asyncio(port, sockets, seconds))
        return runner.run(ours(port, sockets, seconds, "2.0.0" if name.endswith("v2") else "1.0.0"))


def client_process(name: str, port: int, sockets: int, seconds: float) -> None:
    """Run one client in this process and print its figures."""
    try:
        figures = figures_of(name, port, sockets, seconds)
    except (OSError, RuntimeError) as error:
        print(f"{type(error).__name__}: {error}", flush=True)
        os._exit(1)
    print(json.dumps(asdict(figures)), flush=True)
    os._exit(0)  # thousands of sockets close faster without asking each


# ---- the table --------------------------------------------------------------------------------------------------


def child(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, __file__, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def measured(name: str, sockets: int, seconds: float, cores: tuple[int, int]) -> tuple[Figures, int] | str:
    """One client's figures and how many messages the server sent; or what it failed on."""
    server = child("--client", "server", "--core", str(cores[0]))
    client = None
    try:
        assert server.stdout is not None
        assert server.stdin is not None
        port = server.stdout.readline().strip()
        options = ("--port", port, "--sockets", str(sockets), "--seconds", str(seconds), "--core", str(cores[1]))
        client = child("--client", name, *options)
        assert client.stdout is not None
        if (said := client.stdout.readline().strip()) != "go":
            return said or f"exit code {client.wait(10)}"
        server.stdin.write(f"{int(seconds / EVERY_S)}\n")
        server.stdin.flush()
        said = client.stdout.readline()
        if not said.startswith("{"):
            return said.strip() or f"exit code {client.wait(10)}"
        return Figures(**json.loads(said)), int(server.stdout.readline())
    finally:
        for process in (client, server):
            if process is not None:
                process.kill()
                process.wait(10)


def row(name: str, figures: Figures, sent: int) -> str:
    values = (
        f"{name:<20}{figures.sockets:>8}{figures.connect_s:>10.1f}{figures.kib:>8.1f}{figures.rss_mib:>9.0f}",
        f"{figures.core * 100:>8.1f}{figures.p50_ms:>9.2f}{figures.p99_ms:>9.2f}{sent - figures.received:>7}",
        f"{figures.heartbeats:>12}",
    )
    return "".join(values)


def misses(figures: Figures, sent: int) -> list[str]:
    """Which bars ours did not meet."""
    values = {
        "KiB a socket": figures.kib,
        "% of a core": figures.core * 100,
        "p99 ms": figures.p99_ms,
        "lost": float(sent - figures.received),
    }
    found = [f"{what} {values[what]:.1f}, bar {bar:g}" for what, bar in BARS.items() if values[what] > bar]
    if figures.heartbeats < figures.sockets * int(figures_window(figures, sent) / HEARTBEAT_S):
        found.append(f"only {figures.heartbeats} heartbeats were answered")
    return found


def figures_window(figures: Figures, sent: int) -> float:
    """Seconds of the window, from what was sent in it."""
    return sent / figures.sockets * EVERY_S


PEERS = ("websockets.asyncio", "websockets.sync", "websocket-client")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sockets", type=int, default=SIZES[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="measured window, in whole fives")
    parser.add_argument("--peer-seconds", type=float, default=20.0, help="the same for the peers")
    parser.add_argument("--only", help="measure this one: 'ours', 'ours v2' or a peer's name")
    parser.add_argument("--client", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if options.client:
        os.sched_setaffinity(0, {options.core})
        if options.client == "server":
            serve()
        else:
            client_process(options.client, options.port, options.sockets, options.seconds)
        return
    if options.sockets + 100 > hard:
        sys.exit(f"{options.sockets} sockets need more descriptors than this process may have: {hard} (ulimit -Hn)")

    available = sorted(os.sched_getaffinity(0))
    cores = available[0], available[-1]
    print(f"one {SIZE}-byte message per socket and {EVERY_S:g} s, heartbeats each {HEARTBEAT_S:g} s\n")
    print(
        f"{'client':<20}{'sockets':>8}{'joined s':>10}{'KiB':>8}{'RSS MiB':>9}{'core %':>8}{'p50 ms':>9}{'p99 ms':>9}"
        f"{'lost':>7}{'heartbeats':>12}"
    )
    missed: list[str] = []
    for name in (options.only,) if options.only else ("ours", *PEERS):
        missed += [f"{name}: {what}" for what in one_client(name, options, cores)]
    if missed:
        sys.exit("\nmissed: " + "; ".join(missed))


def one_client(name: str, options: argparse.Namespace, cores: tuple[int, int]) -> list[str]:
    """Print a client's row, at the largest size it survives; what ours missed."""
    mine = name.startswith("ours")
    sizes = (options.sockets,) if mine else (options.sockets, *(size for size in SIZES if size < options.sockets))
    for size in sizes:
        result = measured(name, size, options.seconds if mine else options.peer_seconds, cores)
        if not isinstance(result, str):
            print(row(name, *result), flush=True)
            return misses(*result) if mine else []
        print(f"{name:<20}{size:>8}  failed: {result}", flush=True)
    return ["could not be measured"] if mine else []


if __name__ == "__main__":
    main()

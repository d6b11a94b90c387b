"""What one HTTP request costs the generator: our wire beside the clients people usually reach for.

    .venv/bin/python benchmarks/wire.py [--seconds 3] [--connections 100]

A small keep-alive server (httptools on uvloop) runs on one core, each client in a process of its own on another,
in a closed loop over all connections. The figure is CPU time (user + system) of the client process per finished
request: unlike requests per second it hardly depends on what else the machine is doing. Kernel work for loopback
that is not accounted to the process is outside it. k6, wrk and hey join in when they are on PATH.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

DECK = b'{"ok":true,"filler":"' + b"x" * 177 + b'"}'
BATCH = b'{"items":[' + b'"' + b"y" * 5_680 + b'"' + b"]}"
HEADERS = {"apikey": "k" * 120, "authorization": "Bearer " + "t" * 400, "content-type": "application/json"}
WARMUP_S = 0.5


@dataclass(frozen=True)
class Load:
    """One kind of request, sent over and over."""

    name: str
    method: str
    body: bytes | None


LOADS = (Load("GET 200 B", "GET", None), Load("POST 6 KB", "POST", BATCH))


# ---- server -----------------------------------------------------------------------------------------------------


def serve() -> None:
    """Answer every request at once; print the port first."""
    import httptools
    import uvloop

    answer = (
        b"HTTP/1.1 200 OK\r\nserver: bench\r\ndate: Thu, 01 Jan 2026 00:00:00 GMT\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n" % len(DECK)
    ) + DECK

    class Answering(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast("asyncio.Transport", transport)
            self.parser = httptools.HttpRequestParser(self)

        def data_received(self, data: bytes) -> None:
            self.parser.feed_data(data)

        def on_message_complete(self) -> None:
            self.transport.write(answer)

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0, backlog=1024)
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.sleep(600)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


# ---- clients ----------------------------------------------------------------------------------------------------


Request = Callable[[], Awaitable[None]]


async def closed_loop(request_of: Callable[[int], Request], connections: int, seconds: float) -> tuple[int, float]:
    """Requests finished and CPU seconds used in the window after the warm-up."""
    done = 0
    stop = asyncio.Event()

    async def one(request: Request) -> None:
        nonlocal done
        while not stop.is_set():
            await request()
            done += 1

    tasks = [asyncio.ensure_future(one(request_of(number))) for number in range(connections)]
    await asyncio.sleep(WARMUP_S)
    first, cpu = done, time.process_time()
    await asyncio.sleep(seconds)
    finished, used = done - first, time.process_time() - cpu
    stop.set()
    await asyncio.gather(*tasks)
    return finished, used


async def wire(load: Load, port: int, connections: int, seconds: float) -> tuple[int, float]:
    from harness.client.http.client import HttpClient, Origin

    loop, origin = asyncio.get_running_loop(), Origin("http", "127.0.0.1", port)
    block = "".join(f"{name}: {value}\r\n" for name, value in HEADERS.items()).encode()

    def request_of(number: int) -> Request:
        own = HttpClient(origin, loop=loop)  # one per phone, as in a run

        async def request() -> None:
            reply = await own.send(load.method, "/functions/v1/x", block, load.body, timeout_s=20)
            assert reply.status == 200

        return request

    return await closed_loop(request_of, connections, seconds)


async def httpx_client_per_phone(load: Load, port: int, connections: int, seconds: float) -> tuple[int, float]:
    import httpx

    url, limits = f"http://127.0.0.1:{port}/functions/v1/x", httpx.Limits(max_connections=1)

    async with contextlib.AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(
                httpx.AsyncClient(limits=limits, headers=HEADERS, timeout=20, verify=False, trust_env=False)
            )
            for _ in range(connections)
        ]

        def request_of(number: int) -> Request:
            client = clients[number]

            async def request() -> None:
                reply = await client.request(load.method, url, content=load.body)
                assert reply.status_code == 200

            return request

        return await closed_loop(request_of, connections, seconds)


def requests_like_locust(load: Load, port: int, connections: int, seconds: float) -> tuple[int, float]:
    """Locust's FastHttpUser session without Locust around it: geventhttpclient on greenlets."""
    from gevent import monkey

    monkey.patch_all()
    import gevent
    from geventhttpclient import HTTPClient

    done, stopped = 0, False

    def one() -> None:
        nonlocal done
        client = HTTPClient("127.0.0.1", port, concurrency=1, headers=HEADERS)
        while not stopped:
            reply = client.request(load.method, "/functions/v1/x", body=load.body or b"")
            reply.read()
            assert reply.status_code == 200
            done += 1

    greenlets = [gevent.spawn(one) for _ in range(connections)]
    gevent.sleep(WARMUP_S)
    first, cpu = done, time.process_time()
    gevent.sleep(seconds)
    finished, used = done - first, time.process_time() - cpu
    stopped = True
    gevent.joinall(greenlets, timeout=5)
    return finished, used


def client_process(name: str, load: Load, port: int, connections: int, seconds: float) -> None:
    """Run one client in this process and print its two figures."""
    if name == "geventhttpclient":
        result = requests_like_locust(load, port, connections, seconds)
    else:
        work = wire if name.startswith("wire") else httpx_client_per_phone
        factory = asyncio.new_event_loop
        if name.endswith("uvloop"):
            import uvloop

            factory = uvloop.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            result = runner.run(work(load, port, connections, seconds))
    print(json.dumps(result))


# ---- other people's binaries ------------------------------------------------------------------------------------


def external(name: str, load: Load, port: int, connections: int, seconds: float, core: int) -> tuple[int, float]:
    """k6, wrk or hey: requests as they count them, CPU as the kernel counts it, start-up included."""
    url, length = f"http://127.0.0.1:{port}/functions/v1/x", f"{seconds + WARMUP_S:g}s"
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "body").write_bytes(load.body or b"")
        headers = [part for item in HEADERS.items() for part in ("-H", ": ".join(item))]
        match name:
            case "wrk":
                (here / "load.lua").write_text(
                    f'wrk.method = "{load.method}"\n'
                    + (f"wrk.body = {json.dumps(load.body.decode())}" if load.body else "")
                )
                command = ["wrk", "-t1", f"-c{connections}", f"-d{length}", *headers, "-s", str(here / "load.lua"), url]
                pattern = r"(\d+) requests in"
            case "hey":
                command = ["hey", "-z", length, "-c", str(connections), "-m", load.method, *headers]
                command += ["-D", str(here / "body")] if load.body else []
                command.append(url)
                pattern = r"\[200\]\s+(\d+) responses"
            case _:
                script = (
                    "import http from 'k6/http';\n"
                    f"const body = {json.dumps(load.body.decode()) if load.body else 'null'};\n"
                    f"const headers = {json.dumps(HEADERS)};\n"
                    f"export const options = {{ vus: {connections}, duration: '{length}' }};\n"
                    f"export default () => http.request('{load.method}', '{url}', body, {{ headers }});\n"
                )
                (here / "load.js").write_text(script)
                command = ["k6", "run", "--quiet", "--no-usage-report", str(here / "load.js")]
                pattern = r"http_reqs\.*:\s+(\d+)"
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run(
            ["taskset", "-c", str(core), *command] if shutil.which("taskset") else command,
            capture_output=True,
            text=True,
            timeout=seconds + 60,
            check=True,
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = re.search(pattern, done.stdout)
    if found is None:
        raise RuntimeError(f"{name} printed no request count")
    return int(found[1]), after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


# ---- the table --------------------------------------------------------------------------------------------------


def measured(name: str, load: Load, port: int, options: argparse.Namespace, core: int) -> tuple[int, float] | None:
    """One client's figures; None when it is not installed or did not finish."""
    if name in ("k6", "wrk", "hey"):
        if shutil.which(name) is None:
            return None
        return external(name, load, port, options.connections, options.seconds, core)
    command = [sys.executable, __file__, "--client", name, "--load", load.name, "--port", str(port)]
    command += ["--seconds", str(options.seconds), "--connections", str(options.connections), "--core", str(core)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=options.seconds + 60, check=True)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        print(f"  {name} did not finish: {str(error.stderr or error)[-300:]}", file=sys.stderr)
        return None
    finished, used = json.loads(done.stdout.splitlines()[-1])
    return int(finished), float(used)


def pin(core: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="measured window per client and load")
    parser.add_argument("--connections", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=1, help="the median of the rounds is shown")
    parser.add_argument("--client", help=argparse.SUPPRESS)
    parser.add_argument("--load", help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--core", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        pin(options.core)
        if options.client == "server":
            serve()
            return
        load = next(load for load in LOADS if load.name == options.load)
        client_process(options.client, load, options.port, options.connections, options.seconds)
        return

    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    server_core, client_core = cores[0], cores[-1]
    server = subprocess.Popen(
        [sys.executable, __file__, "--client", "server", "--core", str(server_core)], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        compare(int(server.stdout.readline()), options, client_core)
    finally:
        server.terminate()
        server.wait(10)


CLIENTS = ("wire uvloop", "wire asyncio", "geventhttpclient", "httpx uvloop", "httpx asyncio", "k6", "wrk", "hey")


def compare(port: int, options: argparse.Namespace, core: int) -> None:
    print(f"{options.connections} connections, {options.seconds:g} s each, client on core {core}\n")
    print(f"{'client':<20}{'load':<12}{'CPU us/request':>15}{'requests/s':>12}{'x wire':>9}")
    for load in LOADS:
        base = None
        for name in CLIENTS:
            rounds = [measured(name, load, port, options, core) for _ in range(options.rounds)]
            good = [result for result in rounds if result is not None and result[0]]
            if not good and name.startswith("wire"):
                sys.exit(f"{name} could not be measured")
            if not good:
                print(f"{name:<20}{load.name:<12}{'not here':>15}")
                continue
            cost = statistics.median(used / finished * 1e6 for finished, used in good)
            rate = statistics.median(finished / options.seconds for finished, _ in good)
            base = base or cost
            print(f"{name:<20}{load.name:<12}{cost:>15.1f}{rate:>12.0f}{cost / base:>8.1f}x", flush=True)


if __name__ == "__main__":
    main()

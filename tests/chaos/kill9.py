"""Kill -9 of the controller or the proxy at random moments during traffic; what is left of the faults afterwards.

    python -m tests.chaos.kill9 [--rounds 100] [--seed 1]

Each round: a controller sets three random faults under leases of one second and renews them; connections echo through
the proxy; then one of the two processes is killed. Afterwards no fault may outlive its lease, and every connection has
to answer a fresh token or be closed: none may hang.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from tests.chaos.process import Running, proxy_process

LEASE_S = 1.0
CONNECTIONS = 12
PATIENCE_S = 6.0
CONTROLLER = """
import http.client, json, sys, time
host, port, faults = sys.argv[1], int(sys.argv[2]), json.loads(sys.argv[3])
def post(path, body):
    link = http.client.HTTPConnection(host, port, timeout=5)
    link.request("POST", path, json.dumps(body))
    assert link.getresponse().status < 300
    link.close()
for fault in faults:
    post("/proxies/target/toxics", fault)
print("set", flush=True)
while True:
    post("/heartbeat", {})
    time.sleep(0.2)
"""
HOLES: tuple[dict[str, object], ...] = (
    {"type": "timeout", "attributes": {"timeout": 0}},
    {"type": "bandwidth", "attributes": {"rate": 0}},
    {"type": "half_open"},
    {"type": "latency", "attributes": {"latency": 600_000}},
    {"type": "slow_close", "attributes": {"delay": 600_000}},
    {"type": "reset_peer", "attributes": {"timeout": 600_000}},
    {"type": "slicer", "attributes": {"average_size": 1, "delay": 1_000_000}},
    {"type": "http_delay", "attributes": {"delay": 600_000}},
    {"type": "http_status"},
)

Link = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(frozen=True)
class Round:
    """killed: controller or proxy. clean_s: from the kill until no fault was left. answered, closed, hung: connections.

    left: connections that the upstream still had although the proxy was dead.
    """

    killed: str
    faults: tuple[str, ...]
    clean_s: float
    answered: int
    closed: int
    hung: int
    left: int

    @property
    def good(self) -> bool:
        return not self.hung and not self.left and self.clean_s < 5


class Upstream:
    """Echoes, and knows how many connections it has."""

    def __init__(self) -> None:
        self.open = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(65536):
                writer.write(data)
        self.open -= 1
        writer.close()


def start_controller(running: Running, faults: Sequence[dict[str, object]]) -> subprocess.Popen[str]:
    host, port = running.api.removeprefix("http://").split(":")
    controller = subprocess.Popen(
        [sys.executable, "-S", "-c", CONTROLLER, host, port, json.dumps(faults)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # it complains when the proxy goes first
        text=True,
    )
    assert controller.stdout is not None
    if controller.stdout.readline() != "set\n":
        raise AssertionError("the controller could not set its faults")
    return controller


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait(10)
    if process.stdout is not None:
        process.stdout.close()


async def chatter(link: Link) -> None:
    """Traffic until the connection ends."""
    with contextlib.suppress(ConnectionError):
        while True:
            link[1].write(b"chat ")
            await link[1].drain()
            await asyncio.sleep(0.03)


async def fate(link: Link) -> str:
    """`answered` a fresh token, `closed`, or `hung`."""
    reader, writer = link
    token, got = b"token %d;" % id(link), b""
    try:
        writer.write(token)
        async with asyncio.timeout(PATIENCE_S):
            while token not in got:
                data = await reader.read(65536)
                if not data:
                    return "closed"
                got = got[-64:] + data
    except ConnectionError:
        return "closed"
    except TimeoutError:
        return "hung"
    return "answered"


async def cleaned(api: str) -> float:
    """Seconds until no fault is left."""
    began = time.monotonic()
    async with httpx.AsyncClient(trust_env=False) as client:
        while time.monotonic() - began < PATIENCE_S:
            shapes = (await client.get(f"{api}/proxies")).json().values()
            if all(shape["enabled"] and not shape["toxics"] for shape in shapes):
                break
            await asyncio.sleep(0.03)
    return time.monotonic() - began


async def one(running: Running, upstream: Upstream, rng: random.Random) -> Round:
    host, port = running.proxies["target"].split(":")
    faults: list[dict[str, object]] = [
        {**hole, "name": f"fault{number}", "stream": rng.choice(("upstream", "downstream")), "lease_s": LEASE_S}
        | {"toxicity": rng.choice((0.3, 0.7, 1.0))}
        for number, hole in enumerate(rng.sample(HOLES, 3))
    ]
    links = [await asyncio.open_connection(host, int(port)) for _ in range(CONNECTIONS)]
    talking = [asyncio.ensure_future(chatter(link)) for link in links]
    controller = await asyncio.to_thread(start_controller, running, faults)
    killed = rng.choice(("controller", "proxy"))
    try:
        await asyncio.sleep(rng.uniform(0, 0.6))
        if killed == "proxy":
            running.process.kill()
            await asyncio.to_thread(running.process.wait, 10)
    finally:
        await asyncio.to_thread(end, controller)
    clean_s = await cleaned(running.api) if killed == "controller" else 0.0
    for task in talking:
        task.cancel()
    fates = await asyncio.gather(*(fate(link) for link in links))
    left = 0
    if killed == "proxy":
        for _ in range(100):
            if not (left := upstream.open):
                break
            await asyncio.sleep(0.02)
    for _, writer in links:
        writer.close()
    names = tuple(str(fault["type"]) for fault in faults)
    answered, closed, hung = (fates.count(kind) for kind in ("answered", "closed", "hung"))
    return Round(killed, names, clean_s, answered, closed, hung, left)


async def play(rounds: int, seed: int) -> list[Round]:
    rng, upstream, played = random.Random(seed), Upstream(), list[Round]()
    server = await asyncio.start_server(upstream, "127.0.0.1", 0)
    address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    while len(played) < rounds:
        with await asyncio.to_thread(proxy_process, "--upstream", address) as running:
            while len(played) < rounds and running.process.poll() is None:
                played.append(await one(running, upstream, rng))
                print_row(len(played), played[-1])
    server.close()
    return played


def print_row(number: int, row: Round) -> None:
    sys.stdout.write(
        f"{number:>4} {row.killed:<11} clean {row.clean_s:4.2f} s  answered {row.answered:>2}  closed {row.closed:>2}  "
        f"hung {row.hung:>2}  left {row.left:>2}  {'' if row.good else 'BAD '}{', '.join(row.faults)}\n"
    )
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    played = asyncio.run(play(options.rounds, options.seed))
    worst = max(row.clean_s for row in played)
    bad = sum(not row.good for row in played)
    sys.stdout.write(f"{len(played)} kills, {bad} bad, the slowest clean-up took {worst:.2f} s\n")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m replay.peers KIND URL RECORDING`: the recorded requests from bare clients, without a person behind them.

    wire   our own connections alone: the floor of what a session can cost
    fast   Locust's FastHttpUser, the quickest client that it has

Reads, database functions and preflights of the recording, in its proportions, one after the other on each connection,
bodies parsed. Says in one line of JSON how many were answered in --seconds, and the CPU seconds that they took.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import itertools
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from replay.recording import EVENTS, MESSAGES, Recording, copies

WARMUP_S = 1.0
PEOPLE = 200


class Asked(NamedTuple):
    """One request. headers: of a signed-in person."""

    method: str
    target: str
    name: str
    headers: dict[str, str]


def asked(recording: Recording) -> list[Asked]:
    """Every recorded request that needs no body of its own, as often as it was recorded, shuffled."""
    people = dict(zip(recording.people, copies(PEOPLE), strict=False))
    bearers = {mine: {"authorization": f"Bearer {bearer(mine)}", "apikey": "replay"} for mine in people.values()}
    nobody = {"apikey": "replay"}
    found = [
        Asked(
            "GET",
            target.replace(person, people.get(person, person)),
            "read",
            bearers.get(people.get(person, ""), nobody),
        )
        for (person, key), answers in recording.exact.items()
        for target in [key.partition(" ")[2]] * len(answers)
    ]
    for key, rows in recording.shapes.items():
        method, _, target = key.partition(" ")
        path, _, names = target.partition("?")
        if method not in ("POST", "OPTIONS") or path in (EVENTS, MESSAGES) or path.startswith("/auth/"):
            continue
        query = "&".join(f"{name}=x" for name in names.split("&") if name)
        for person, _ in rows:
            headers = nobody if method == "OPTIONS" else bearers.get(people.get(person, ""), nobody)
            found.append(Asked(method, f"{path}?{query}" if query else path, path, headers))
    random.Random(1).shuffle(found)
    return found


def bearer(person: str) -> str:
    """A token that names its owner; nobody checks its signature."""
    claims = base64.urlsafe_b64encode(orjson.dumps({"sub": person})).decode().rstrip("=")
    return f"e30.{claims}.x"


def parsed(method: str, body: bytes | None) -> Any:
    """As a client would read it; nobody reads what stands in the answer to a preflight."""
    return orjson.loads(body) if body and method != "OPTIONS" else None


class Meter:
    """Counts answers, and the CPU that they took once it is warm."""

    def __init__(self) -> None:
        self.count = self._count = 0
        self._cpu = 0.0

    def begin(self) -> None:
        """From here on it counts."""
        self._count, self._cpu = self.count, time.process_time()

    def tell(self) -> None:
        """One line of JSON."""
        figures = {"requests": self.count - self._count, "cpu_s": time.process_time() - self._cpu}
        sys.stdout.buffer.write(orjson.dumps(figures) + b"\n")
        sys.stdout.buffer.flush()


def wire(url: str, requests: list[Asked], connections: int, seconds: float) -> None:
    """Our own, on uvloop."""
    import uvloop

    from harness.client.http.client import HttpClient, Origin

    encoded = [
        (one.method, one.target, "".join(f"{name}: {value}\r\n" for name, value in one.headers.items()).encode())
        for one in requests
    ]

    async def run() -> None:
        meter, loop = Meter(), asyncio.get_running_loop()

        async def client(mine: Iterator[tuple[str, str, bytes]]) -> None:
            http = HttpClient(Origin.parse(url), loop=loop, connections=1)
            for method, target, headers in mine:
                reply = await http.send(method, target, headers, None, timeout_s=60.0)
                parsed(method, reply.body)
                meter.count += 1

        tasks = [
            loop.create_task(client(itertools.cycle(encoded[place:] + encoded[:place])))
            for place in range(0, len(encoded), max(1, len(encoded) // connections))
        ]
        await asyncio.sleep(WARMUP_S)
        meter.begin()
        await asyncio.sleep(seconds)
        meter.tell()
        for task in tasks:
            task.cancel()

    uvloop.run(run())


def fast(url: str, requests: list[Asked], connections: int, seconds: float) -> None:
    """Locust's quick client, its statistics included, as its users have it."""
    import gevent
    from locust import FastHttpUser, constant, task
    from locust.env import Environment

    meter, places = Meter(), itertools.count()

    class Bare(FastHttpUser):  # type: ignore[misc]
        host = url
        wait_time = constant(0)
        fixed_count = connections

        def on_start(self) -> None:
            place = next(places) * len(requests) // connections
            self.mine = itertools.cycle(requests[place:] + requests[:place])

        @task  # type: ignore[untyped-decorator]
        def one(self) -> None:
            request = next(self.mine)
            reply = self.client.request(request.method, request.target, headers=request.headers, name=request.name)
            parsed(request.method, reply.content)
            meter.count += 1

    runner = Environment(user_classes=[Bare]).create_local_runner()
    runner.start(connections, spawn_rate=connections)
    gevent.sleep(WARMUP_S)
    meter.begin()
    gevent.sleep(seconds)
    meter.tell()
    runner.quit()


KINDS: dict[str, Callable[[str, list[Asked], int, float], None]] = {"wire": wire, "fast": fast}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("url")
    parser.add_argument("recording", type=Path)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=20)
    options = parser.parse_args()
    KINDS[options.kind](options.url, asked(Recording.load(options.recording)), options.connections, options.seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())

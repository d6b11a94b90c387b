"""How many swipe batches a second the sandbox takes on one core, Postgres and background work included.

    python benchmarks/sandbox_events.py [--seconds 8] [--connections 16] [--floor 300]

Sandbox and Postgres are pinned to one core, the client to another. Each batch is what the app's buffer sends: the multi
form with 25 items of one event, for about 9 cards (impression, most with a dwell, a swipe), all with deck context, all
new. Time counts until the last training label is in the database, not only until the last reply. What is judged is
batches per second of that core's time, so that a busy machine does not look like a slow sandbox. Exits 1 under the
floor.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
import urllib.request
import uuid
from typing import Any

import asyncpg
import httptools
import orjson
import psutil

from sandbox.tokens import Keys

EVENTS = 25
SWIPES = ("like", "dislike", "skip", "skip")
WARM_UP_S = 2.0
DRAIN_LIMIT_S = 30.0
LABELS_SQL = "select count(*) from public.media_rank_feature_items_v2 where labels <> '[]'"
EVENTS_SQL = "select count(*) from public.media_events"


def batch(rng: random.Random, session: str) -> bytes:
    """A body of 25 new events."""
    items: list[dict[str, Any]] = []
    deck, request = (str(uuid.UUID(int=rng.getrandbits(128), version=4)) for _ in range(2))
    position = 0
    while len(items) < EVENTS:
        media = str(uuid.UUID(int=rng.getrandbits(128), version=4))
        key = f"{request}:{position}:{media}"
        events: list[tuple[str, int | None, dict[str, str] | None]] = [("impression", None, None)]
        if rng.random() < 0.8:
            events.append(("dwell", rng.randrange(1200, 9000), None))
        swipe = rng.choice(SWIPES)
        events.append((swipe, None, {"action": swipe}))
        for kind, dwell, payload in events[: EVENTS - len(items)]:
            event = {
                "eventType": kind,
                "dwellMs": dwell,
                "rating0_10": None,
                "inWatchlist": None,
                "clientEventId": str(uuid.UUID(int=rng.getrandbits(128), version=4)),
                "payload": payload,
            }
            items.append(
                {
                    "sessionId": session,
                    "deckId": deck,
                    "recRequestId": request,
                    "position": position,
                    "dedupeKey": key,
                    "mediaItemId": media,
                    "source": "for_you",
                    "events": [event],
                    "rec_request_id": request,
                    "dedupe_key": key,
                }
            )
        position += 1
    return orjson.dumps({"items": items})


class Connection(asyncio.Protocol):
    """One keep-alive connection, one request at a time."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._body = b""
        self._done: asyncio.Future[bytes] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(error or ConnectionError("closed"))

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_begin(self) -> None:
        self._body = b""

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        if self._done is not None:
            self._done.set_result(self._body)

    async def post(self, head: bytes, body: bytes) -> bytes:
        """The reply's body."""
        assert self.transport is not None
        self._done = asyncio.get_running_loop().create_future()
        self.transport.write(head + b"content-length: " + str(len(body)).encode() + b"\r\n\r\n" + body)
        return await self._done


def cpu_seconds(pid: int) -> tuple[float, float]:
    """Processor time used so far: the sandbox's process, and Postgres under it."""
    process = psutil.Process(pid)
    used = []
    for one in (process, *process.children(recursive=True)):
        times = one.cpu_times()
        used.append(times.user + times.system)
    return used[0], sum(used[1:])


async def drive(document: dict[str, Any], seconds: float, connections: int, pid: int) -> float:
    """Batches per core-second, background work included."""
    host, _, port = document["url"].removeprefix("http://").rpartition(":")
    database = await asyncpg.connect(document["dsn"])
    people = [str(row["id"]) for row in await database.fetch("select id from auth.users limit 100")]
    keys = Keys(document["jwt_secret"])
    heads = [
        (
            f"POST /functions/v1/media-swipe-event HTTP/1.1\r\nhost: {host}\r\napikey: {document['anon_key']}\r\n"
            f"authorization: Bearer {keys.access_token(person, 'x@y.z', lifetime_s=3600, issuer='bench')}\r\n"
            "content-type: application/json\r\n"
        ).encode()
        for person in people
    ]
    latencies: list[float] = []
    stop_at = 0.0

    async def client(number: int) -> None:
        rng = random.Random(number)
        _, connection = await asyncio.get_running_loop().create_connection(Connection, host, int(port))
        turn = number
        while time.perf_counter() < stop_at:
            body = batch(rng, str(uuid.UUID(int=rng.getrandbits(128), version=4)))
            started = time.perf_counter()
            reply = orjson.loads(await connection.post(heads[turn % len(heads)], body))
            latencies.append(time.perf_counter() - started)
            if reply.get("sent") != EVENTS or reply["issues"]:
                raise RuntimeError(f"the sandbox did not take a batch: {reply}")
            turn += connections
        if connection.transport is not None:
            connection.transport.close()

    async def round_of(length: float) -> None:
        nonlocal stop_at
        stop_at = time.perf_counter() + length
        await asyncio.gather(*(client(random.getrandbits(60) * connections + number) for number in range(connections)))

    async def settled() -> None:
        limit, labels = time.perf_counter() + DRAIN_LIMIT_S, -1
        while time.perf_counter() < limit:
            now = await database.fetchval(LABELS_SQL)
            if now == labels:
                return
            labels = now
            await asyncio.sleep(0.3)
        raise RuntimeError(f"background work was not done {DRAIN_LIMIT_S:g} s after the last reply")

    await round_of(WARM_UP_S)
    await settled()
    latencies.clear()
    before = await database.fetchval(EVENTS_SQL)
    cpu_before = cpu_seconds(pid)
    started = time.perf_counter()
    await round_of(seconds)
    replied = time.perf_counter() - started
    await settled()
    total = time.perf_counter() - started - 0.3  # the last look found nothing new
    stored = await database.fetchval(EVENTS_SQL) - before
    if stored != len(latencies) * EVENTS:
        raise RuntimeError(f"{len(latencies) * EVENTS} events acknowledged, {stored} stored")
    own, postgres = (1000 * (b - a) / len(latencies) for a, b in zip(cpu_before, cpu_seconds(pid), strict=True))
    latencies.sort()
    p50, p99 = (1000 * latencies[int(share * len(latencies))] for share in (0.5, 0.99))
    wall = len(latencies) / total
    rate = 1000 / (own + postgres)
    print(f"{len(latencies)} batches of {EVENTS}: {len(latencies) / replied:.0f}/s to the last reply")
    print(f"{wall:.0f}/s to the last background write; what others ran on that core meanwhile is missing from it")
    print(f"CPU per batch: {own:.2f} ms sandbox + {postgres:.2f} ms Postgres")
    print(f"{rate:.0f} batches ({rate * EVENTS:.0f} events) per second of one core")
    print(f"latency p50 {p50:.1f} ms, p99 {p99:.1f} ms at {connections} connections")
    await database.close()
    return rate


def main() -> int:
    """Start the sandbox on its core, drive it, judge."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--seconds", type=float, default=8.0)
    options.add_argument("--connections", type=int, default=16)
    options.add_argument("--floor", type=float, default=300.0)
    arguments = options.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[0]})
    command = [sys.executable, "-m", "sandbox.server", "--people", "100", "--catalogue", "100", "--with-parent"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    os.sched_setaffinity(0, {cores[-1]})
    try:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            f"{url}/.well-known/movinesta-sandbox"
        ) as reply:
            document = json.load(reply)
        print(f"sandbox and Postgres on core {cores[0]}, client on core {cores[-1]}")
        rate = asyncio.run(drive(document, arguments.seconds, arguments.connections, process.pid))
    finally:
        process.terminate()
        process.wait(10)
    if rate < arguments.floor:
        print(f"under the floor of {arguments.floor:.0f} batches/s", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

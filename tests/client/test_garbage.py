"""A server that answers garbage: every reply becomes an outcome, no session breaks."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pyarrow as pa
import pytest

from harness.client.device import Device
from harness.client.screens.app import open_app
from harness.client.screens.browse.feed import home_feed
from harness.client.screens.browse.swipe import SwipePage
from harness.client.screens.chat.parts import Conversation, conversation_list
from harness.core.outcome import OUTCOMES
from harness.core.people import Secrets
from harness.core.profile import ArrivalStage, Phases, Profile
from harness.core.rows import made
from harness.core.tables import ARRIVALS, LATENCY
from harness.record.store import tidy
from harness.schedule.arrivals import Ticket
from tests.engines import engine_of

ID = "00000000-0000-4000-8000-000000000001"
SIGNED_IN = {"access_token": "t", "refresh_token": "r", "expires_in": 3600, "user": {"id": ID}}
NEARLY: list[Any] = [
    {"ok": True, "deckId": ID, "recRequestId": ID, "cards": [{"mediaItemId": ID, "position": 0}]},
    {"ok": True, "deckId": ID, "cards": [1, None]},
    {"ok": True, "deckId": 7, "cards": {}},
    {"ok": True, "assignments": [1]},
    {"ok": True, "acceptedClientEventIds": [1, None], "issues": [None, 3], "rejectedClientEventIds": "x"},
    [
        {
            "id": ID,
            "created_at": "2026-01-01T00:00:00Z",
            "user_id": ID,
            "conversation_id": ID,
            "participants": [{"id": 3}],
        }
    ],
    {"ok": True, "acceptedClientEventIds": [], "issues": 5},
    {"ok": False, "code": {"of": []}, "error": [[[]]], "issues": {"code": "RATE_LIMIT"}},
    {"ok": True, "deckId": "d", "recRequestId": "no id", "cards": [{"mediaItemId": "t", "position": -1, "kind": {}}]},
    [
        {
            "id": "m",
            "created_at": "0001-01-01T00:00:00Z",
            "user_id": "u",
            "conversation_id": "c",
            "body": "[[",
            "text": 1,
        }
    ],
    [{"id": 5}],
    [None],
    {"conversation_id": []},
    None,
    "text",
    3.5,
]


def reply(rng: random.Random, path: str) -> bytes | None:
    """One misbehaving reply; None: close without a word."""
    if path.startswith("/auth/v1/token"):
        return framed(orjson.dumps(SIGNED_IN))
    good = orjson.dumps(rng.choice(NEARLY))
    kinds: list[bytes | None] = [
        framed(good),
        framed(good),
        framed(good),
        framed(good[: len(good) // 2]),
        b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n" + good,
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n" + good,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"a" * 500_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd",
        b"\x00\x16\x03 not http at all\r\n\r\n",
        framed(b"<html>bad gateway</html>", "502 Bad Gateway"),
        framed(b"", "204 No Content"),
        framed(b"\xff\xfe", "200 OK"),
        framed(b"[" * 1000 + b"]" * 1000),
        framed(b'{"ok":true,"code":' + b"[" * 1000 + b"]" * 1000 + b"}", "400 Bad Request"),
        None,
    ]
    return rng.choice(kinds)


def framed(body: bytes, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


@contextmanager
def garbage(seed: int) -> Iterator[str]:
    rng = random.Random(seed)
    loop = asyncio.new_event_loop()
    ports: list[int] = []
    ready = threading.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = head.split(b"\r\n")
                length = next((int(line[15:]) for line in lines if line.lower().startswith(b"content-length:")), 0)
                await reader.readexactly(length)
                said = reply(rng, lines[0].split(b" ")[1].decode())
                if said is None:
                    break
                writer.write(said)
                await writer.drain()
                if b"content-length: 5000" in said or b"zz\r\n" in said:
                    break
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()

    async def start() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()

    def run() -> None:
        asyncio.set_event_loop(loop)
        loop.run_until_complete(start())
        loop.run_forever()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


async def everything(phone: Device) -> None:
    """All that today's personas do, in short."""
    await open_app(phone)
    page = await home_feed(phone)
    if page is not None:
        await home_feed(phone, page.next)
    swiping = SwipePage(phone)
    await swiping.open()
    for _ in range(3):
        card = await swiping.next_card()
        if card is None:
            break
        await swiping.look_and_swipe(card, 0.02, "like")
    for summary in (await conversation_list(phone))[:1]:
        conversation = Conversation(phone, summary, poll_s=0.05)
        if await conversation.open():
            await conversation.send("hello")
            await phone.pause(0.2)
        conversation.leave()


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow), pytest.param(3, marks=pytest.mark.slow)])
def test_garbage_becomes_outcomes_never_an_exception(seed: int) -> None:
    profile = Profile(
        name="garbage",
        people=30,
        phones=30,
        phases=Phases(warmup_s=0, measure_s=30, drain_s=1),
        arrivals=(ArrivalStage(seconds=30, rate=1),),
        mix={"reader": 1.0},
    )
    with garbage(seed) as url, engine_of(profile, url, Secrets("anon", "password"), seed=seed) as engine:
        over = threading.Semaphore(0)
        sessions = 60
        for number in range(sessions):
            engine.submit(Ticket(number, engine.now(), "reader", number % 30), everything, over.release)
        ended = sum(over.acquire(timeout=40) for _ in range(sessions))
    assert ended == sessions
    assert engine.failures == 0, engine.problems[0]
    noted = pa.Table.from_batches([batch for name, batch in made(engine.taken) if name == ARRIVALS])
    arrivals = tidy(ARRIVALS, noted)  # a session is noted when it begins, and again when it ends
    # Garbage may keep people out, or stop them; it never makes our own code fail.
    assert set(arrivals["end"].to_pylist()) <= {"finished", "kept_out", "stopped"}
    latency = pa.Table.from_batches([batch for name, batch in made(engine.taken) if name == LATENCY])
    seen = set(latency["outcome"].to_pylist())
    assert seen <= set(OUTCOMES)
    assert seen >= {"ok", "soft_failure", "server_error", "network"}

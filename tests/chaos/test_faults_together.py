"""Faults that meet on one connection or request, and that what is counted is what happened."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode

from chaos.proxy.toxic import Toxic
from tests.chaos.rig import on_loop, proxied, round_trip
from tests.chaos.test_frames import numbers, socket
from tests.chaos.web import Shop, ask

KIB = 1024


def counts(toxic: Toxic) -> tuple[int, int]:
    """Hits and seen."""
    return toxic.hit_count.hits, toxic.hit_count.seen


@pytest.mark.parametrize("status", [204, 304, 200, 503])
def test_the_reply_behind_an_injected_one_is_the_next_reply(status: int) -> None:
    """204 and 304 end with their head; a body behind it would be read as the next reply."""

    async def main() -> None:
        async with proxied(Shop()) as rig:
            await rig.toxic("http_status", status=status, body="injected", path="/x")
            limits = httpx.Limits(max_connections=1)
            async with httpx.AsyncClient(base_url=f"http://{rig.proxy.listen}", limits=limits) as client:
                for _ in range(3):
                    got = await client.get("/x")
                    assert (got.status_code, got.text) == (status, "" if status in (204, 304) else "injected")
                    assert (await client.get("/y")).text == "GET /y 0"
            reader, writer = await rig.connect()
            writer.write(b"GET /x HTTP/1.1\r\nhost: a\r\n\r\nGET /y HTTP/1.1\r\nhost: a\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            if status in (204, 304):
                assert b"content-length" not in head
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            assert rig.proxy.accepted == 2

    on_loop(main())


@pytest.mark.parametrize("later", ["latency", "bandwidth", "slicer"])
def test_what_passed_a_limit_arrives_although_a_later_stage_holds_it(later: str) -> None:
    async def main() -> None:
        async with proxied() as rig:
            limit = await rig.toxic("limit_data", bytes=100)
            held: dict[str, dict[str, Any]] = {
                "latency": {"latency": 150},
                "bandwidth": {"rate": 1},
                "slicer": {"average_size": 30, "delay": 9000},
            }
            await rig.toxic(later, **held[later])
            reader, writer = await rig.connect()
            writer.write(bytes(300))
            assert len(await asyncio.wait_for(reader.read(-1), 5)) == 100
            reader, writer = await rig.connect()
            writer.write(bytes(300))
            await asyncio.sleep(0.05)
            await rig.remove(limit)  # does not bring the rest back: there is a hole in the stream
            writer.write(bytes(50))
            got = b""
            with contextlib.suppress(ConnectionError):
                while data := await asyncio.wait_for(reader.read(1000), 5):
                    got += data
            assert len(got) == 100
            assert not rig.proxy.sessions

    on_loop(main())


def test_a_dropped_reply_does_not_take_the_one_before_it_along() -> None:
    async def main() -> None:
        shop = Shop()
        async with proxied(shop) as rig:
            await rig.toxic("http_drop_response", path="/lost")
            await rig.toxic("latency", latency=200)
            reader, writer = await rig.connect()
            for path in ("/kept", "/lost", "/never"):
                writer.write(f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\n".encode())
            assert (await asyncio.wait_for(reader.read(-1), 5)).endswith(b"GET /kept 0")
            assert shop.asked == ["GET /kept", "GET /lost"]

    on_loop(main())


@pytest.mark.parametrize("first", ["http_status", "http_duplicate"])
def test_what_was_answered_in_the_upstreams_place_is_not_delivered_twice(first: str) -> None:
    async def main() -> None:
        shop = Shop()
        async with proxied(shop) as rig:
            second = "http_duplicate" if first == "http_status" else "http_status"
            toxics = {kind: await rig.toxic(kind) for kind in (first, second)}
            assert (await ask(await rig.connect(), "POST /messages", b"x"))[0] == 503
            await asyncio.sleep(0.1)
            assert shop.asked == []
            assert counts(toxics["http_status"]) == (1, 1)
            assert counts(toxics["http_duplicate"]) == (0, 1)

    on_loop(main())


def test_of_two_faults_that_take_the_reply_the_first_does_it_and_counts() -> None:
    async def main() -> None:
        shop = Shop()
        async with proxied(shop) as rig:
            drop = await rig.toxic("http_drop_response")
            others = [await rig.toxic("http_status"), await rig.toxic("http_delay", delay=5000)]
            began = time.monotonic()
            with pytest.raises(asyncio.IncompleteReadError):
                await ask(await rig.connect(), "GET /a")
            assert time.monotonic() - began < 3
            assert shop.asked == ["GET /a"]
            assert counts(drop) == (1, 1)
            assert [counts(toxic) for toxic in others] == [(0, 1), (0, 1)]
            await rig.remove(drop)
            assert (await asyncio.wait_for(ask(await rig.connect(), "GET /b"), 10))[0] == 503
            assert shop.asked == ["GET /a"]

    on_loop(main())


def test_a_close_does_not_overtake_the_message_that_is_kept_back() -> None:
    heard: list[str | bytes] = []

    async def listen(connection: ServerConnection) -> None:
        heard.extend([message async for message in connection])
        heard.append("closed")

    async def main() -> None:
        async with serve(listen, "127.0.0.1", 0, compression=None) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            async with proxied(upstream=f"127.0.0.1:{port}") as rig:
                await rig.toxic("ws_reorder", stream="upstream", wait=5000)
                async with connect(f"ws://{rig.proxy.listen}/", compression=None) as client:
                    await client.send("kept")
                    await client.ping()  # may overtake it
                for _ in range(100):
                    if "closed" in heard:
                        break
                    await asyncio.sleep(0.02)
                assert heard == ["kept", "closed"]

    on_loop(main())


@pytest.mark.parametrize(
    "order", [("bandwidth", "latency"), ("latency", "bandwidth"), ("noop", "bandwidth", "latency")]
)
def test_a_narrow_line_holds_its_writer_back_whatever_stands_beside_it(order: tuple[str, ...]) -> None:
    async def main() -> None:
        async with proxied() as rig:
            values: dict[str, dict[str, Any]] = {"bandwidth": {"rate": 10}, "latency": {"latency": 10}, "noop": {}}
            for kind in order:
                await rig.toxic(kind, stream="upstream", **values[kind])
            _, writer = await rig.connect()
            writer.write(bytes(16 * KIB * KIB))
            await asyncio.sleep(0.7)
            (session,) = rig.proxy.sessions
            assert session.client.received < 2 * 256 * KIB + 64 * KIB  # the room, and the read that filled it

    on_loop(main())


def test_a_slow_line_alone_still_has_room_for_its_delay() -> None:
    """What holds nothing has no say in how much is held."""

    async def main() -> None:
        async with proxied() as rig:
            await rig.toxic("latency", stream="upstream", latency=400)
            await rig.toxic("noop", stream="upstream")
            reader, writer = await rig.connect()
            assert await round_trip(reader, writer, bytes(3 * KIB * KIB)) < 1.5

    on_loop(main())


@pytest.mark.parametrize("how", ["two segments", "byte by byte", "behind a large head"])
def test_a_websocket_is_known_however_its_handshake_comes(how: str) -> None:
    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async def main() -> None:
        async with serve(echo, "127.0.0.1", 0, compression=None) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            async with proxied(upstream=f"127.0.0.1:{port}") as rig:
                cookie = b"cookie: " + b"x" * 5000 + b"\r\n" if how == "behind a large head" else b""
                head = (
                    b"GET /socket HTTP/1.1\r\nhost: a\r\n" + cookie + b"Upgrade: WebSocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
                )
                size = {"two segments": 30, "byte by byte": 1, "behind a large head": 8000}[how]
                reader, writer = await rig.connect()
                for start in range(0, len(head), size):
                    writer.write(head[start : start + size])
                    await asyncio.sleep(0.02 if size > 1 else 0.001)
                assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
                drop = await rig.toxic("ws_drop")
                text = Frame(Opcode.TEXT, b"hello").serialize(mask=True)
                writer.write(text * 3)
                await asyncio.sleep(0.2)
                assert counts(drop) == (3, 3)
                await rig.remove(drop)
                writer.write(text)
                assert await reader.readexactly(7) == Frame(Opcode.TEXT, b"hello").serialize(mask=False)

    on_loop(main())


@pytest.mark.parametrize("said", [b"GET key\r\n", b"G", b"GET", b"GETx", b"GET / HTTP/1.1\r\nhost"])
def test_what_only_begins_like_a_handshake_passes_at_once(said: bytes) -> None:
    async def main() -> None:
        async with proxied() as rig:
            reader, writer = await rig.connect()
            assert await round_trip(reader, writer, said) < 1
            assert await round_trip(reader, writer, b"more\r\n\r\nand more") < 1
            assert await round_trip(reader, writer, b"x" * 70_000) < 1

    on_loop(main())


def test_an_upgrade_that_is_refused_leaves_an_ordinary_connection() -> None:
    async def main() -> None:
        async with proxied(Shop()) as rig:
            reader, writer = await rig.connect()
            writer.write(b"GET /ws HTTP/1.1\r\nhost: a\r\nupgrade:")
            await asyncio.sleep(0.05)
            writer.write(b" websocket\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
            assert await ask((reader, writer), "POST /next", b"hello") == (200, b"POST /next 5")

    on_loop(main())


def test_the_copy_of_a_head_request_is_over_with_its_reply() -> None:
    async def main() -> None:
        async with proxied(Shop()) as rig:
            await rig.toxic("http_duplicate")
            assert (await ask(await rig.connect(), "HEAD /"))[0] == 200
            assert (await ask(await rig.connect(), "GET /"))[0] == 200
            await asyncio.sleep(0.3)
            assert not rig.proxy._copies

    on_loop(main())


def test_a_copy_waits_behind_an_interim_reply_for_the_real_one() -> None:
    left_early: list[bool] = []

    async def patient(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 103 Early Hints\r\n\r\n")
            with contextlib.suppress(TimeoutError):
                left_early.append(await asyncio.wait_for(reader.read(1), 0.2) == b"")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        writer.close()

    async def main() -> None:
        async with proxied(patient) as rig:
            await rig.toxic("http_duplicate")
            reader, writer = await rig.connect()
            writer.write(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
            await reader.readuntil(b"200 OK")
            await asyncio.sleep(0.3)
            assert left_early == []

    on_loop(main())


def test_seen_counts_connections_and_a_change_of_share_counts_none_twice() -> None:
    async def main() -> None:
        async with proxied(seed=3) as rig:
            toxic = await rig.toxic("latency", share=0.5, latency=1)
            links = [await rig.connect() for _ in range(20)]
            for link in links:
                await round_trip(*link)
            hits, seen = counts(toxic)
            assert seen == 20
            assert 0 < hits < 20
            for share in (0, 1, 0, 0.5, 1):
                await rig.change(toxic, share=share)
            assert counts(toxic) == (20, 20)
            up = await rig.toxic("noop", stream="upstream", share=0)
            assert counts(up) == (0, 20)

    on_loop(main())


@pytest.mark.parametrize("kind", ["ws_drop", "ws_duplicate", "ws_reorder", "ws_delay"])
def test_seen_counts_messages_and_not_control_frames(kind: str) -> None:
    async def main() -> None:
        async with socket() as (rig, client):
            toxic = await rig.toxic(kind, share=0.5)
            await numbers(client, 40)
            await client.ping()
            await asyncio.sleep(0.1)
            hits, seen = counts(toxic)
            assert seen == 40
            assert 5 < hits < 35

    on_loop(main())

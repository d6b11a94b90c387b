"""Websocket faults: frame arithmetic by property, the faults on real sockets with an unmodified client and server."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.frames import Frame, Opcode

from chaos.frames import FramePiece, FrameSplitter, is_message
from tests.chaos.rig import Rig, on_loop, proxied
from tests.chaos.test_stream_faults import binomial_bounds

FRAMES = st.lists(
    st.builds(
        lambda opcode, size, mask, fin: Frame(opcode, bytes(size), fin=fin).serialize(mask=mask),
        st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.CONT]),
        st.one_of(st.integers(0, 200), st.sampled_from([125, 126, 65535, 65536])),
        st.booleans(),
        st.booleans(),
    ),
    max_size=6,
)


def cut(data: bytes, at: Sequence[int]) -> list[bytes]:
    marks = sorted({0, len(data), *(mark % (len(data) + 1) for mark in at)})
    return [data[a:b] for a, b in itertools.pairwise(marks)]


@given(FRAMES, st.lists(st.integers(0, 10**6), max_size=12))
def test_frames_come_out_whole_wherever_they_were_cut(frames: list[bytes], at: list[int]) -> None:
    splitter = FrameSplitter()
    out = [frame for chunk in cut(b"".join(frames), at) for frame in splitter.split(chunk)]
    assert out == frames
    assert splitter.held == b""


@given(FRAMES, st.lists(st.integers(0, 10**6), max_size=12), st.lists(st.booleans(), min_size=1))
def test_following_can_turn_into_splitting_and_back_anywhere(
    frames: list[bytes], at: list[int], splits: list[bool]
) -> None:
    """Nothing is lost, and whatever is not marked as a piece is one of the frames."""
    splitter, out = FrameSplitter(), list[bytes]()
    for number, chunk in enumerate(cut(b"".join(frames), at)):
        if splits[number % len(splits)]:
            pieces = list(splitter.split(chunk))
            assert all(piece in frames for piece in pieces if not isinstance(piece, FramePiece))
            out += pieces
        else:
            out.append(splitter.track(chunk))
    out.append(splitter.track(b""))
    assert b"".join(out) == b"".join(frames)


@pytest.mark.parametrize(
    ("frame", "judged"),
    [
        (Frame(Opcode.TEXT, b"x").serialize(mask=True), True),
        (Frame(Opcode.BINARY, b"x").serialize(mask=False), True),
        (Frame(Opcode.PING, b"x").serialize(mask=True), False),
        (Frame(Opcode.CLOSE, b"").serialize(mask=True), False),
        (Frame(Opcode.TEXT, b"x", fin=False).serialize(mask=True), False),
        (Frame(Opcode.CONT, b"x").serialize(mask=True), False),
        (b"\xc1\x01x", False),
    ],
    ids=["text", "binary", "ping", "close", "first fragment", "fragment", "compressed"],
)
def test_only_whole_plain_messages_are_judged(frame: bytes, judged: bool) -> None:
    assert is_message(frame) is judged


@contextlib.asynccontextmanager
async def socket(seed: int = 1, *, compression: str | None = None) -> AsyncIterator[tuple[Rig, ClientConnection]]:
    """An echoing websocket server behind the proxy, and a client of it."""

    async def echo(connection: ServerConnection) -> None:
        async for message in connection:
            await connection.send(message)

    async with serve(echo, "127.0.0.1", 0, compression=compression) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with (
            proxied(upstream=f"127.0.0.1:{port}", seed=seed) as rig,
            connect(f"ws://{rig.proxy.listen}/socket", compression=compression) as client,
        ):
            yield rig, client


async def numbers(client: ClientConnection, count: int) -> list[int]:
    """Send 0 to count - 1, what came back before a second of silence."""
    for number in range(count):
        await client.send(str(number))
    got = []
    with contextlib.suppress(TimeoutError):
        while True:
            got.append(int(await asyncio.wait_for(client.recv(), 1)))
            if len(got) == 2 * count:
                break
    return got


@pytest.mark.parametrize("stream", ["upstream", "downstream"])
def test_dropped_messages_meet_their_share_and_the_others_keep_their_order(stream: str) -> None:
    async def main() -> None:
        seen = []
        for seed in (1, 1, 2):
            async with socket(seed) as (rig, client):
                toxic = await rig.toxic("ws_drop", stream=stream, share=0.3)
                got = await numbers(client, 100)
                assert got == sorted(set(got))
                assert toxic.hit_count.hits == 100 - len(got)
                seen.append(got)
        low, high = binomial_bounds(100, 0.7)
        assert low <= len(seen[0]) <= high
        assert seen[0] == seen[1] != seen[2]

    on_loop(main())


def test_duplicates_follow_their_originals() -> None:
    async def main() -> None:
        async with socket() as (rig, client):
            await rig.toxic("ws_duplicate")
            assert await numbers(client, 5) == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]

    on_loop(main())


def test_reordered_messages_swap_with_the_next_and_none_is_lost() -> None:
    async def main() -> None:
        async with socket() as (rig, client):
            await rig.toxic("ws_reorder", wait=100)
            assert await numbers(client, 5) == [1, 0, 3, 2, 4]

    on_loop(main())


def test_a_late_message_holds_those_behind_it() -> None:
    async def main() -> None:
        async with socket(seed=3) as (rig, client):
            toxic = await rig.toxic("ws_delay", delay=150)
            began = time.monotonic()
            await client.send("a")
            assert await client.recv() == "a"
            assert 0.149 < time.monotonic() - began < 0.5
            await rig.change(toxic, delay=5000)
            await client.send("b")
            await client.send("c")
            await asyncio.sleep(0.1)
            await rig.remove(toxic)
            assert [await asyncio.wait_for(client.recv(), 1) for _ in "bc"] == ["b", "c"]

    on_loop(main())


def test_a_fault_that_comes_to_an_open_socket_finds_the_frames() -> None:
    """Traffic goes on while toxics come and go: the client never sees a broken frame."""

    async def main() -> None:
        async with socket() as (rig, client):
            sent = 0

            async def talk() -> None:
                nonlocal sent
                while True:
                    await client.send(f"{sent} " + "x" * (sent * 37 % 3000))
                    sent += 1
                    await asyncio.sleep(0)

            talking = asyncio.ensure_future(talk())
            got = 0
            for kind in ("ws_drop", "ws_duplicate", "ws_reorder", "ws_delay"):
                for stream in ("upstream", "downstream"):
                    toxic = await rig.toxic(kind, stream=stream, share=0.5)
                    for _ in range(15):
                        message = await asyncio.wait_for(client.recv(), 2)
                        number, _, rest = str(message).partition(" ")
                        assert rest == "x" * (int(number) * 37 % 3000)
                        got += 1
                    await rig.remove(toxic)
            talking.cancel()
            assert got == 120

    on_loop(main())


def test_compressed_messages_are_left_alone() -> None:
    async def main() -> None:
        async with socket(compression="deflate") as (rig, client):
            toxic = await rig.toxic("ws_drop")
            await client.send("hello " * 100)
            assert await asyncio.wait_for(client.recv(), 2) == "hello " * 100
            assert toxic.hit_count.hits == 0

    on_loop(main())


def test_stream_faults_work_on_websockets_too() -> None:
    async def main() -> None:
        async with socket() as (rig, client):
            await rig.toxic("latency", latency=80)
            began = time.monotonic()
            await client.send("x")
            await client.recv()
            assert time.monotonic() - began >= 0.079

    on_loop(main())

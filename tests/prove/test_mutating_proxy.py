"""The mutating proxy between real sockets: nothing changed where nothing is asked for, and each way to spoil."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from harness.prove.mutants.catalogue import mutant
from harness.prove.mutants.envelope import envelope, frame_payload, text_frame
from harness.prove.mutants.operators import signals, slow_constant
from harness.prove.mutants.proxy import MutatingProxy
from harness.prove.mutants.survey import MutantSurvey
from tests.chaos.rig import on_loop
from tests.prove.test_mutant_operators import ROWS, A, B, bearer

FEED = "POST /rest/v1/rpc/get_home_feed_v2"
FEED_BODY = orjson.dumps({"p_limit": 40})


def request(
    line: str = FEED, body: bytes = FEED_BODY, *, who: str = "a", agent: str = "movinesta-harness/1", **more: str
) -> bytes:
    named = {"host": "x", "user-agent": agent, "authorization": bearer(who), "content-length": str(len(body))} | more
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return f"{line} HTTP/1.1\r\n{lines}\r\n".encode() + body


def reply(data: Any, status: str = "200 OK") -> bytes:
    body = orjson.dumps(data)
    return f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


@dataclass
class Upstream:
    """A server that says what it is told to, and keeps what it got, byte for byte."""

    answers: list[bytes] = field(default_factory=list)
    got: list[bytes] = field(default_factory=list)
    connections: int = 0
    slices: int = 0  # bytes at a time; 0: all at once

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = [
                    int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length:")
                ]
                self.got.append(head + await reader.readexactly(length[0] if length else 0))
                answer = self.answers[min(len(self.got), len(self.answers)) - 1]
                for start in range(0, len(answer), self.slices or len(answer)):
                    writer.write(answer[start : start + (self.slices or len(answer))])
                    await writer.drain()
                    if self.slices:
                        await asyncio.sleep(0)
                if b"\r\n\r\n" not in answer or b"connection: close" in answer:
                    break
        writer.close()


@dataclass
class Between:
    """A phone, the proxy, and a server."""

    proxy: MutatingProxy
    upstream: Any
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def says(self, data: bytes, size: int) -> bytes:
        """Send, and read so many bytes."""
        self.writer.write(data)
        return await asyncio.wait_for(self.reader.readexactly(size), 5)

    async def ask(self, data: bytes) -> tuple[int, bytes]:
        """Send a request, and read one reply with a length."""
        self.writer.write(data)
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 5)
        length = [
            int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
        ]
        return int(head.split()[1]), await self.reader.readexactly(length[0] if length else 0)

    async def json(self, data: bytes) -> Any:
        return json.loads((await self.ask(data))[1])


@contextlib.asynccontextmanager
async def between(
    name: str, handler: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]], *, survey: bool = False
) -> AsyncIterator[Between]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    proxy = MutatingProxy(url, *([mutant(name)] if name else []), survey=MutantSurvey() if survey else None)
    await proxy.start()
    reader, writer = await asyncio.open_connection("127.0.0.1", int(proxy.url.rpartition(":")[2]))
    try:
        yield Between(proxy, handler, reader, writer)
    finally:
        writer.close()
        await proxy.stop()
        server.close()
        await asyncio.sleep(0.01)


REPLIES = (
    reply(ROWS),
    b"HTTP/1.1 204 No Content\r\nX-Odd:  spaces \r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n5\r\nde\r\nf\r\n0\r\nTrailer: x\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + reply({"a": 1}),
    b"HTTP/1.1 200 OK\r\ncontent-length: 70000\r\n\r\n" + random.Random(1).randbytes(70_000),
)


@pytest.mark.parametrize("name", ["", "realtime:messages/dropped", "home_feed/empty"])
@pytest.mark.parametrize("slices", [0, 7])
def test_what_no_mutant_concerns_passes_bit_for_bit(name: str, slices: int) -> None:
    upstream = Upstream([*REPLIES], slices=slices)
    sent = [
        request("GET /rest/v1/anything?x=%20", b""),
        request("PATCH /rest/v1/y", b"{}", odd="  kept as it is"),
        request("POST /functions/v1/z", b"\x00\xff" * 500),
        request("POST /w", b"x", agent="python-httpx"),
        request(agent="python-httpx"),
    ]

    async def main() -> None:
        async with between(name, upstream) as middle:
            for data, expected in zip(sent, REPLIES, strict=True):
                assert await middle.says(data, len(expected)) == expected
            assert upstream.got == sent
            assert upstream.connections == 1
            assert [one.hits for one in middle.proxy.works] in ([], [0])
            assert middle.proxy.tally().passed == 3, "what a run asks before its load is nobody's phone"

    on_loop(main())


def test_a_reply_that_the_mutant_looked_at_and_left_alone_passes_bit_for_bit() -> None:
    answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nOdd:  x\r\n\r\n2\r\n[]\r\n0\r\n\r\n"

    async def main() -> None:
        async with between("home_feed/empty", Upstream([answer])) as middle:
            assert await middle.says(request(), len(answer)) == answer
            assert (middle.proxy.works[0].seen, middle.proxy.works[0].hits) == (1, 0)

    on_loop(main())


def test_a_reply_that_ends_with_its_connection() -> None:
    answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil the end"

    async def main() -> None:
        async with between("", Upstream([answer])) as middle:
            middle.writer.write(request())
            assert await asyncio.wait_for(middle.reader.read(), 5) == answer

    on_loop(main())


def test_a_reply_is_spoiled_for_phones_alone_and_for_its_call_alone() -> None:
    async def main() -> None:
        async with between("home_feed/empty", Upstream([reply(ROWS)])) as middle:
            assert await middle.json(request()) == []
            assert await middle.json(request(agent="python-httpx")) == ROWS
            assert await middle.json(request(body=orjson.dumps({"p_limit": 200}))) == ROWS, "another call, alike"
            assert await middle.json(request("GET /rest/v1/x", b"")) == ROWS
            assert middle.proxy.tally().model_dump() == {
                "mutants": ({"mutant": "home_feed/empty", "seen": 1, "hits": 1, "changed": ""},),
                "passed": 2,
                "reached": (),
                "places": {},
            }

    on_loop(main())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("repeated", [ROWS[0], ROWS[0], ROWS[1], ROWS[1]]),
        ("reordered", ROWS[::-1]),
        ("other_text", [ROWS[0] | {"text": "eno"}, ROWS[1] | {"text": "owt"}]),
    ],
)
def test_rows_are_spoiled_on_the_wire(name: str, expected: Any) -> None:
    async def main() -> None:
        async with between(f"home_feed/{name}", Upstream([reply(ROWS)])) as middle:
            assert await middle.json(request()) == expected

    on_loop(main())


def test_old_and_foreign_replies() -> None:
    mine, newer, theirs = reply(ROWS[:1]), reply(ROWS), reply(ROWS[1:])

    async def main() -> None:
        async with between("home_feed/stale", Upstream([mine, newer])) as middle:
            assert [await middle.json(request()) for _ in range(2)] == [ROWS[:1], ROWS[:1]]
            assert (middle.proxy.works[0].seen, middle.proxy.works[0].hits) == (2, 1)
        async with between("home_feed/foreign", Upstream([theirs, mine])) as middle:
            assert await middle.json(request(who="b")) == ROWS[1:]
            assert await middle.json(request(who="a")) == ROWS[1:]

    on_loop(main())


@pytest.mark.parametrize(("name", "status"), [("client_error", 400), ("server_error", 500)])
def test_one_of_three_is_refused_and_the_connection_stays(name: str, status: int) -> None:
    upstream = Upstream([reply(ROWS)])

    async def main() -> None:
        async with between(f"home_feed/{name}", upstream) as middle:
            assert [(await middle.ask(request()))[0] for _ in range(4)] == [status, 200, 200, status]
            assert len(upstream.got) == 2

    on_loop(main())


def test_closed_and_no_reply_let_the_server_answer_nobody() -> None:
    async def main() -> None:
        upstream = Upstream([reply(ROWS)])
        async with between("home_feed/closed", upstream) as middle:
            middle.writer.write(request())
            assert await asyncio.wait_for(middle.reader.read(), 5) == b""
            assert len(upstream.got) == 1
        upstream = Upstream([reply(ROWS)])
        async with between("home_feed/no_reply", upstream) as middle:
            middle.writer.write(request())
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(middle.reader.read(1), 0.2)
            assert len(upstream.got) == 1

    on_loop(main())


def test_a_slow_reply_is_the_servers_own_and_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slow_constant, "SECONDS", 0.3)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with between("home_feed/slow_constant", Upstream([reply(ROWS)])) as middle:
            began = loop.time()
            assert await middle.json(request()) == ROWS
            assert round(loop.time() - began, 6) >= 0.3  # 10611.631 less 10611.331 is 0.2999999

    on_loop(main())


def test_a_write_is_lost_or_doubled_or_changed() -> None:
    line, body = "POST /rest/v1/follows", orjson.dumps({"follower_id": A, "followed_id": B})
    created = b"HTTP/1.1 201 Created\r\ncontent-length: 0\r\n\r\n"

    async def main() -> None:
        upstream = Upstream([created])
        async with between("follow/acknowledged_and_lost", upstream) as middle:
            assert (await middle.ask(request(line, body)))[0] == 201
            assert upstream.got == []
            assert (await middle.ask(request(line, body)))[0] == 201
            assert upstream.got == [request(line, body)], "one of three is lost"
        upstream = Upstream([created, reply({"code": "23505"}, "409 Conflict")])
        async with between("follow/stored_twice", upstream) as middle:
            assert (await middle.ask(request(line, body)))[0] == 201, "the first one's reply"
            assert upstream.got == [request(line, body)] * 2
        upstream = Upstream([created])
        async with between("follow/stored_other_id", upstream) as middle:
            assert (await middle.ask(request(line, body)))[0] == 201
            stored = json.loads(upstream.got[0].partition(b"\r\n\r\n")[2])
            assert stored != json.loads(body)
            assert middle.proxy.tally().mutants[0].changed in ("follower_id", "followed_id")
        upstream = Upstream([created])
        async with between("unfollow/not_deleted", upstream) as middle:
            gone = request("DELETE /rest/v1/follows?follower_id=eq.a&followed_id=eq.b", b"")
            middle.writer.write(gone)
            assert (await asyncio.wait_for(middle.reader.readuntil(b"\r\n\r\n"), 5)).startswith(b"HTTP/1.1 204 ")
            assert upstream.got == []

    on_loop(main())


def test_a_sandbox_describes_itself_with_the_proxys_address() -> None:
    told = {"name": "s", "url": "http://127.0.0.1:1", "anon_key": "k"}

    async def main() -> None:
        async with between("", Upstream([reply(told)])) as middle:
            found = await middle.json(request("GET /.well-known/movinesta-sandbox", b"", agent="python-httpx"))
            assert found == told | {"url": middle.proxy.url}

    on_loop(main())


def test_a_survey_changes_nothing_and_says_what_could_be() -> None:
    async def main() -> None:
        async with between("", Upstream([reply(ROWS)]), survey=True) as middle:
            assert await middle.json(request()) == ROWS
            told = middle.proxy.tally()
            assert "home_feed/other_text" in told.reached
            assert "home_feed/stale" not in told.reached
            assert told.places == {"home_feed": 1}

    on_loop(main())


# ---- sockets ------------------------------------------------------------------------------------------------------

UPGRADED = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\r\n"
UPGRADE = request("GET /realtime/v1/websocket", b"", upgrade="websocket", connection="Upgrade")
TOPIC = f"realtime:conversation-db-{A}"


def change(text: str, table: str = "messages", topic: str = TOPIC) -> bytes:
    record = {"id": B, "text": text, "created_at": "2026-11-29T22:00:00Z"}
    payload = {"ids": [1], "data": {"table": table, "type": "INSERT", "record": record}}
    return text_frame(orjson.dumps([None, None, topic, "postgres_changes", payload]))


def sockets(frames: list[bytes], heard: list[bytes]) -> Callable[..., Awaitable[None]]:
    """A server that upgrades, sends these with the upgrade and after it, and keeps what the phone says."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(UPGRADED + frames[0][:5])
            await asyncio.sleep(0.02)
            writer.write(frames[0][5:] + b"".join(frames[1:]))
            while data := await reader.read(1000):
                heard.append(data)
        writer.close()

    return serve


PING = b"\x89\x00"
LARGE = text_frame(b"x" * 70_000)


@pytest.mark.parametrize("name", ["", "realtime:messages/dropped", "home_feed/empty"])
def test_frames_that_no_mutant_concerns_pass_bit_for_bit(name: str) -> None:
    frames = [change("x", "message_reactions"), PING, LARGE, b"\x82\x03\x09ab", b"\x01\x02ab\x80\x01c"]
    heard: list[bytes] = []

    async def main() -> None:
        async with between(name, sockets(frames, heard)) as middle:
            expected = UPGRADED + b"".join(frames)
            assert await middle.says(UPGRADE, len(expected)) == expected
            middle.writer.write(b"\x81\x81\x01\x02\x03\x04\x60")
            await asyncio.sleep(0.1)
            assert heard == [b"\x81\x81\x01\x02\x03\x04\x60"]

    on_loop(main())


async def _comes(name: str, frames: list[bytes], seconds: float = 0.4) -> tuple[list[bytes], MutatingProxy]:
    """What the phone gets behind the upgrade within that time."""
    got = bytearray()
    async with between(name, sockets(frames, [])) as middle:
        await middle.says(UPGRADE, len(UPGRADED))
        with contextlib.suppress(TimeoutError):
            while data := await asyncio.wait_for(middle.reader.read(100_000), seconds):
                got += data
        return _frames(bytes(got)), middle.proxy


def _frames(data: bytes) -> list[bytes]:
    found = []
    while data:
        payload = frame_payload(data)
        size = data[1] if data[1] < 126 else int.from_bytes(data[2:4], "big")
        header = len(data) - len(payload)
        found.append(data[: header + size])
        data = data[header + size :]
    return found


def said(frame: bytes) -> Any:
    read = envelope(frame_payload(frame))
    assert read is not None
    assert read.change is not None
    return read.change["record"]["text"]


def test_messages_of_a_socket_are_spoiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signals, "LATE_S", 0.2)
    monkeypatch.setattr(signals, "HELD_AT_MOST_S", 0.2)
    four = [change(text) for text in ("a", "b", "c", "d")]

    async def main() -> None:
        for name, expected in (
            ("dropped", ["b", "c"]),
            ("silence", ["a"]),
            ("repeated", ["a", "a", "b", "b", "c", "c", "d", "d"]),
            ("reordered", ["b", "a", "d", "c"]),
            ("late", ["a", "b", "c", "d"]),
            ("closed", []),
            ("other_text", ["aa", "bb", "cc", "dd"]),
        ):
            got, proxy = await _comes(f"realtime:messages/{name}", four)
            assert [said(frame) for frame in got] == expected, name
            assert proxy.works[0].hits > 0, name
        got, proxy = await _comes("realtime:messages/reordered", four[:3])
        assert [said(frame) for frame in got] == ["b", "a", "c"], "what nothing follows comes all the same"
        assert proxy.works[0].hits == 1
        got, _ = await _comes("realtime:messages/wrong_recipient", [change("mine", topic=f"{TOPIC}2"), change("yours")])
        assert [said(frame) for frame in got] == ["mine", "mine"]

    on_loop(main())


def test_other_messages_keep_their_place() -> None:
    frames = [change("a"), PING, change("x", "message_reactions"), change("b")]

    async def main() -> None:
        got, _ = await _comes("realtime:messages/dropped", frames)
        assert got == frames[1:]
        got, _ = await _comes("realtime:message_reactions/dropped", frames)
        assert got == [frames[0], frames[1], frames[3]]

    on_loop(main())

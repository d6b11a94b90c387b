"""What the wire reads from replies that are in order, and what it sends."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from time import monotonic
from typing import Any

import brotli
import pytest

from tests.client.wire.peer import (
    HEADERS,
    OK,
    TEXT,
    Peer,
    answering,
    chunked,
    ending_with,
    get,
    head,
    serving,
    sized,
    wire_to,
)

BIG = bytes(range(256)) * 4096  # 1 MiB, more than one block of what is decoded


@pytest.mark.parametrize(
    ("reply", "body"),
    [
        pytest.param(sized(b""), b"", id="empty"),
        pytest.param(sized(TEXT), TEXT, id="content-length"),
        pytest.param(head(b"Transfer-Encoding: chunked") + chunked(TEXT), TEXT, id="chunked"),
        pytest.param(head(b"Transfer-Encoding: chunked") + chunked(TEXT)[:-2] + b"X-T: 1\r\n\r\n", TEXT, id="trailer"),
        pytest.param(sized(gzip.compress(TEXT), b"Content-Encoding: gzip"), TEXT, id="gzip"),
        pytest.param(sized(gzip.compress(TEXT) * 2, b"content-encoding: gzip"), TEXT * 2, id="gzip, two members"),
        pytest.param(sized(zlib.compress(TEXT), b"content-encoding: deflate"), TEXT, id="deflate"),
        pytest.param(sized(zlib.compress(TEXT)[2:-4], b"content-encoding: deflate"), TEXT, id="raw deflate"),
        pytest.param(sized(TEXT, b"content-encoding: identity"), TEXT, id="identity"),
        pytest.param(sized(b"", b"content-encoding: gzip"), b"", id="gzip of nothing"),
        pytest.param(sized(brotli.compress(TEXT), b"content-encoding: br"), TEXT, id="br"),
        pytest.param(sized(brotli.compress(BIG), b"content-encoding: br"), BIG, id="br, in blocks"),
        pytest.param(sized(brotli.compress(b""), b"content-encoding: br"), b"", id="br of nothing"),
        pytest.param(
            sized(gzip.compress(brotli.compress(TEXT)), b"content-encoding: br, gzip"), TEXT, id="br, then gzip"
        ),
        pytest.param(
            head(b"transfer-encoding: chunked", b"content-encoding: gzip") + chunked(gzip.compress(TEXT), 3),
            TEXT,
            id="gzip in chunks",
        ),
        pytest.param(head(status=b"103 Early Hints") + head(status=b"100 Continue") + sized(b"x"), b"x", id="interim"),
    ],
)
@pytest.mark.parametrize("drip", [0, 1, 11])
def test_a_reply_is_read_and_the_connection_kept(run: Any, reply: bytes, body: bytes, drip: int) -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            for at in range(0, len(reply), drip or len(reply)):
                await peer.write(reply[at : at + (drip or len(reply))])
                if drip:
                    await asyncio.sleep(0)

    async def work() -> None:
        async with serving(script) as server:
            wire = wire_to(server.port)
            first, second = await get(wire), await get(wire)
            assert first.body == second.body == body
            assert first.status == 200
            assert first.bytes_in == second.bytes_in == len(reply)
            assert server.connections == 1
            wire.close()

    run(work())


@pytest.mark.parametrize("name", [b"Content-Encoding", b"Content-Type", b"Connection", b"X"])
def test_trailers_are_no_headers(run: Any, name: bytes) -> None:
    """They come after what they would be about, and may say nothing of how to read it."""
    reply = head(b"transfer-encoding: chunked", b"x: head") + chunked(TEXT)[:-2] + name + b": gzip\r\n\r\n"

    async def work() -> None:
        async with serving(answering(reply, head(status=b"100 Continue") + reply)) as server:
            wire = wire_to(server.port)
            for _ in range(2):
                found = await get(wire)
                assert found.body == TEXT
                assert found.headers == {"transfer-encoding": "chunked", "x": "head"}
            assert server.connections == 1
            wire.close()

    run(work())


def test_when_the_first_piece_of_a_stream_came(run: Any) -> None:
    """Headers at once, the first event later, the last one later still; then a reply that comes whole."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for piece in (b"5\r\nfirst\r\n", b"4\r\nlast\r\n0\r\n\r\n"):
            await asyncio.sleep(0.06)
            await peer.write(piece)
        await peer.write(sized(await peer.request()))

    async def work() -> None:
        async with serving(script) as server:
            wire = wire_to(server.port)
            streamed, whole = await get(wire), await get(wire)
            wire.close()
        assert streamed.body == b"firstlast"
        assert streamed.first_byte_s + 0.05 < streamed.first_body_s < streamed.server_s - 0.05
        assert whole.first_body_s == pytest.approx(whole.server_s, abs=0.02)

    run(work())


def test_what_a_reply_tells(run: Any) -> None:
    async def script(peer: Peer) -> None:
        while request := await peer.request():
            await asyncio.sleep(0.03)
            await peer.write(sized(request, b"X-One: 1", b"x-one: 2", b"Empty:")[:-5])
            await asyncio.sleep(0.03)
            await peer.write(request[-5:])

    async def work() -> None:
        async with serving(script) as server:
            wire = wire_to(server.port)
            before = monotonic()
            first = await wire.send("POST", "/a?b=c", HEADERS, b"body!", timeout_s=5)
            elapsed = monotonic() - before
            second = await get(wire)
            wire.close()
        assert first.body == (
            b"POST /a?b=c HTTP/1.1\r\nhost: 127.0.0.1:%d\r\naccept-encoding: gzip, deflate, br\r\napikey: k\r\n"
            b"content-length: 5\r\n\r\nbody!" % server.port
        )
        assert first.bytes_out == len(first.body)
        assert first.headers == {"content-length": str(len(first.body)), "x-one": "2", "empty": ""}
        assert first.header("x-one") == "2"
        assert first.header("absent") is None
        assert before <= first.sent_at <= before + elapsed
        assert 0.025 < first.first_byte_s < first.server_s - 0.025
        assert 0 < first.connect_s < elapsed - first.server_s
        assert second.connect_s == 0.0
        assert not second.resent
        assert b"content-length" not in second.body

    run(work())


def test_a_write_without_a_body_says_so(run: Any) -> None:
    async def work() -> None:
        async with serving(answering(OK)) as server:
            wire = wire_to(server.port)
            bare = len((await get(wire, method="DELETE")).body)
            with_length = await get(wire, method="PATCH")
            delete = await get(wire, method="DELETE")
            assert bare == 2
            assert with_length.bytes_out == delete.bytes_out - len("DELETE") + len("PATCH") + len(
                "content-length: 0\r\n"
            )
            wire.close()

    run(work())


@pytest.mark.parametrize("path", ["/ä b?q=ü", "/a\r\nx-evil: 1", "/a b"])
def test_a_path_cannot_leave_its_line(run: Any, path: str) -> None:
    async def script(peer: Peer) -> None:
        while request := await peer.request():
            await peer.write(sized(request))

    async def work() -> None:
        async with serving(script) as server:
            wire = wire_to(server.port)
            reply = await wire.send("GET", path, b"", None, timeout_s=5)
            line, host, *_ = reply.body.split(b"\r\n")
            assert line.count(b" ") == 2
            assert line.isascii()
            assert host.startswith(b"host: ")
            wire.close()

    run(work())


@pytest.mark.parametrize(
    ("method", "reply"),
    [
        ("HEAD", head(b"content-length: 5000")),
        ("HEAD", head(b"transfer-encoding: chunked")),
        ("HEAD", head()),
        ("HEAD", head(b"content-length: 0")),
        ("HEAD", head(status=b"204 No Content")),
        ("HEAD", head(b"transfer-encoding: chunked", status=b"304 Not Modified")),
        ("DELETE", head(b"content-length: 0", status=b"204 No Content")),
        ("GET", head(status=b"204 No Content")),
        ("GET", head(b"content-length: 5", status=b"204 No Content")),
        ("GET", head(b"content-length: 5000", status=b"304 Not Modified")),
        ("POST", head(status=b"204 No Content")),
    ],
)
@pytest.mark.parametrize("drip", [0, 1])
def test_replies_without_a_body(run: Any, method: str, reply: bytes, drip: int) -> None:
    async def dripping(peer: Peer) -> None:
        for _ in range(2):
            await peer.request()
            for at in range(len(reply)):
                await peer.write(reply[at : at + 1])
                await asyncio.sleep(0)
        await answering(OK)(peer)

    async def work() -> None:
        async with serving(dripping if drip else answering(reply, reply, OK)) as server:
            wire = wire_to(server.port)
            for _ in range(2):
                assert (await get(wire, method=method)).body == b""
            assert (await get(wire)).body == b"ok"
            assert server.connections == 1
            wire.close()

    run(work())


def test_a_body_may_last_until_the_connection_closes(run: Any) -> None:
    async def work() -> None:
        async with serving(ending_with(head() + TEXT)) as server:
            wire = wire_to(server.port)
            for expected in (1, 2):
                assert (await get(wire)).body == TEXT
                assert server.connections == expected
            wire.close()

    run(work())


@pytest.mark.parametrize(
    "reply", [sized(b"x", b"Connection: close"), sized(b"x").replace(b"HTTP/1.1", b"HTTP/1.0")], ids=["close", "1.0"]
)
def test_a_connection_the_server_will_not_keep_is_not_used_again(run: Any, reply: bytes) -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            await peer.write(reply)

    async def work() -> None:
        async with serving(script) as server:
            wire = wire_to(server.port)
            for expected in (1, 2, 3):
                assert (await get(wire)).body == b"x"
                assert server.connections == expected
            assert wire.open_connections == 0
            wire.close()

    run(work())

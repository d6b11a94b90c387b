"""What the control plane takes for a reply, from peers that answer whatever they like."""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest

from harness.egress import replies, web
from harness.egress.gate import LOOPBACK
from tests.client.wire.peer import Peer, Script, answering, chunked, ending_with, head, serving, sized
from tests.fuzz.command import assert_printable, harness

GZIP = b"content-encoding: gzip"
Ask = Callable[[str, float], httpx.Response]


def _sync(url: str, timeout_s: float) -> httpx.Response:
    return web.get(LOOPBACK, url, timeout_s=timeout_s)


def _async(url: str, timeout_s: float) -> httpx.Response:
    async def work() -> httpx.Response:
        async with web.async_client(LOOPBACK, timeout=timeout_s) as http:
            return await http.get(url)

    return asyncio.run(work())


@pytest.fixture(params=[_sync, _async])
def ask(request: pytest.FixtureRequest) -> Ask:
    found: Ask = request.param
    return found


@contextmanager
def peer(script: Script) -> Iterator[str]:
    """Its URL; it answers from a thread of its own."""
    loop = asyncio.new_event_loop()
    known, over = threading.Event(), asyncio.Event()
    where = list[str]()

    async def work() -> None:
        async with serving(script) as server:
            where.append(f"http://127.0.0.1:{server.port}/")
            known.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(work()))
    with closing(loop):
        thread.start()
        assert known.wait(10.0)
        try:
            yield where[0]
        finally:
            loop.call_soon_threadsafe(over.set)
            thread.join(10.0)


def dripping(beginning: bytes, more: bytes) -> Script:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.write(beginning)
        while True:
            await asyncio.sleep(0.02)
            await peer.write(more)

    return script


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(dripping(head() + b"x", b"x"), id="body"),
        pytest.param(dripping(head(b"transfer-encoding: chunked"), b"1\r\nx\r\n"), id="chunks"),
        pytest.param(dripping(b"HTTP/1.1 200 OK\r\nx: ", b"y"), id="head"),
        pytest.param(dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="interim"),
        pytest.param(dripping(head(GZIP) + gzip.compress(b"")[:10], b"\0\0\0\xff\xff"), id="gzip of nothing"),
    ],
)
def test_a_reply_that_never_ends_is_left_within_a_few_timeouts(ask: Ask, script: Script) -> None:
    with peer(script) as url:
        began = monotonic()
        with pytest.raises(httpx.HTTPError):
            ask(url, 0.2)
        assert monotonic() - began < 10.0


def test_a_large_reply_ends_at_the_limit(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies, "LARGEST", 1_000_000)
    bomb = gzip.compress(bytes(5_000_000))
    assert len(bomb) < 10_000
    for reply in (
        sized(bytes(1_000_001)),
        head(b"transfer-encoding: chunked") + chunked(bytes(1_500_000), 60_000),
        head() + bytes(1_500_000),
        sized(bomb, GZIP),
        sized(bomb, b"content-encoding: x-gzip"),
    ):
        with peer(ending_with(reply)) as url, pytest.raises(httpx.RemoteProtocolError, match="larger than"):
            ask(url, 5.0)
    with peer(answering(sized(bytes(1_000_000)))) as url:
        assert len(ask(url, 5.0).content) == 1_000_000


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(sized(b"no gzip", GZIP), id="no gzip"),
        pytest.param(sized(gzip.compress(b"text" * 99)[:-9], GZIP), id="cut off"),
        pytest.param(sized(b"x", b"content-encoding: br"), id="not asked for"),
        pytest.param(sized(b"x", b"content-encoding: gzip, gzip"), id="twice"),
    ],
)
def test_a_coding_that_cannot_be_undone_is_an_error_of_httpx(ask: Ask, reply: bytes) -> None:
    with peer(answering(reply)) as url, pytest.raises(httpx.DecodingError):
        ask(url, 5.0)


def test_gzip_is_offered_and_undone(ask: Ask) -> None:
    asked = list[bytes]()

    async def script(peer: Peer) -> None:
        while request := await peer.request():
            asked.append(request.lower())
            await peer.write(sized(gzip.compress(b'{"a": 1}'), GZIP))

    with peer(script) as url:
        found = ask(url, 5.0)
    assert found.json() == {"a": 1}
    assert b"accept-encoding: gzip\r\n" in asked[0]


@pytest.mark.parametrize("location", ["data:text", "mailto:somebody", "javascript:alert(1)", "http:foo", "http://[::1"])
def test_a_redirect_to_what_is_no_address_is_an_error_of_httpx(ask: Ask, location: str) -> None:
    reply = head(b"location: " + location.encode(), b"content-length: 0", status=b"302 Found")
    with peer(answering(reply)) as url, pytest.raises(httpx.HTTPError):
        ask(url, 5.0)


@pytest.mark.parametrize("location", ["https://elsewhere.example.com/x", "/login", "?a=b", ""])
def test_a_redirect_is_not_followed_and_says_where_to(ask: Ask, location: str) -> None:
    reply = head(b"location: " + location.encode(), b"content-length: 0", status=b"302 Found")
    with peer(answering(reply)) as url:
        found = ask(url, 5.0)
    assert (found.status_code, found.headers["location"]) == (302, location)


@pytest.mark.parametrize("charset", ["hex", "rot13", "zlib", "bz2", "idna", "punycode", "undefined", '"uu"', "x" * 300])
def test_a_charset_that_is_none_is_left_out(ask: Ask, charset: str) -> None:
    with peer(answering(sized(b"caf\xc3\xa9", f"content-type: text/html; charset={charset}".encode()))) as url:
        found = ask(url, 5.0)
    assert found.text == "caf\u00e9"
    assert found.headers["content-type"] == "text/html"


def test_a_charset_is_kept(ask: Ask) -> None:
    with peer(answering(sized(b"caf\xe9", b"content-type: text/plain; charset=ISO-8859-1"))) as url:
        assert ask(url, 5.0).text == "caf\u00e9"


def test_connections_are_kept_behind_bounded_replies() -> None:
    connections = list[int]()

    async def script(peer: Peer) -> None:
        while await peer.request():
            connections.append(peer.number)
            await peer.write(sized(gzip.compress(b"{}"), GZIP))

    with peer(script) as url, web.client(LOOPBACK, timeout=5.0) as http:
        assert [http.get(url).json() for _ in range(3)] == [{}] * 3
    assert connections == [0, 0, 0]


def test_a_stream_is_read_in_pieces_and_closed_early() -> None:
    with peer(answering(sized(gzip.compress(bytes(500_000)), GZIP))) as url, web.client(LOOPBACK, timeout=5.0) as http:
        with http.stream("GET", url) as reply:
            first: Any = next(reply.iter_bytes())
        assert 0 < len(first) <= replies.PIECE
        assert len(http.get(url).content) == 500_000


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(head(b"location: data:text", b"content-length: 0", status=b"302 Found"), id="redirect to data"),
        pytest.param(sized(b"no", b"content-type: text/plain; charset=hex"), id="charset"),
        pytest.param(sized(b"no", b"content-encoding: br"), id="coding"),
        pytest.param(sized(b"[" * 100_000), id="deep"),
        pytest.param(sized(b'{"name": "\xff"}'), id="not UTF-8"),
        pytest.param(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 100_000 + b"\r\n", id="headers"),
        pytest.param(b"\x16\x03\x01", id="TLS"),
    ],
)
def test_a_run_against_somebody_else_ends_with_one_message(
    reply: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with peer(ending_with(reply)) as url:
        code, said = harness("run", "smoke", "--url", url)
    assert code == 40, said
    assert said.count("error:") == 1
    assert_printable(said)
    assert list(tmp_path.iterdir()) == []

"""Whatever comes back is a reply or a wire error, never an exception of another kind."""

from __future__ import annotations

import asyncio
import gzip
from itertools import pairwise
from typing import Any

import brotli
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from harness.client.http.client import Detail, Reply, WireError
from harness.client.http.reply import Malformed
from harness.client.http.reply_reader import ReplyReader
from harness.core.outcome import Outcome
from tests.client.wire.peer import (
    NETWORK,
    SERVER,
    TEXT,
    Peer,
    chunked,
    ending_with,
    eventually,
    fails,
    get,
    head,
    outcome_of,
    serving,
    sized,
    wire_to,
)

ZIP_BOMB = gzip.compress(b"\0" * 5_000_000)


@pytest.mark.parametrize(
    ("reply", "end", "outcome", "detail"),
    [
        pytest.param(b"SSH-2.0-OpenSSH_9\r\n", "stay", SERVER, Detail.NOT_HTTP, id="garbage"),
        pytest.param(b"\x16\x03\x01\x02\x00", "stay", SERVER, Detail.NOT_HTTP, id="tls greeting"),
        pytest.param(b"HTTP/2 200\r\n\r\n", "stay", SERVER, Detail.NOT_HTTP, id="http/2"),
        pytest.param(b"HTTP/1.1 000 \r\n\r\n", "stay", SERVER, Detail.NOT_HTTP, id="status 0"),
        pytest.param(head(b"upgrade: x", b"connection: upgrade", status=b"101 S"), "stay", SERVER, Detail.NOT_HTTP,
                     id="upgrade"),
        pytest.param(head(b"content-length: -1"), "stay", SERVER, Detail.NOT_HTTP, id="negative length"),
        pytest.param(head(b"content-length: 2", b"content-length: 3"), "stay", SERVER, Detail.NOT_HTTP, id="lengths"),
        pytest.param(head(b"transfer-encoding: chunked") + b"zz\r\n", "stay", SERVER, Detail.NOT_HTTP, id="chunk size"),
        pytest.param(head(b"transfer-encoding: chunked") + b"1\r\nab\r\n", "stay", SERVER, Detail.NOT_HTTP,
                     id="chunk too long"),
        pytest.param(head(b"x: " + b"y" * 500_000), "stay", SERVER, Detail.HEADER_TOO_LARGE, id="500 KB header"),
        pytest.param(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 500_000, "stay", SERVER, Detail.HEADER_TOO_LARGE,
                     id="500 KB of unfinished header"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" * 4000, "stay", SERVER, Detail.HEADER_TOO_LARGE, id="interim"),
        pytest.param(head(b"transfer-encoding: chunked") + b"1;" + b"e" * 500_000, "stay", SERVER,
                     Detail.HEADER_TOO_LARGE, id="chunk extension"),
        pytest.param(head(b"content-length: 2000000"), "stay", SERVER, Detail.BODY_TOO_LARGE, id="length over limit"),
        pytest.param(head() + b"x" * 2_000_000, "stay", SERVER, Detail.BODY_TOO_LARGE, id="body over limit"),
        pytest.param(head(b"transfer-encoding: chunked") + chunked(b"x" * 1_500_000, 60_000), "stay", SERVER,
                     Detail.BODY_TOO_LARGE, id="chunks over limit"),
        pytest.param(sized(ZIP_BOMB, b"content-encoding: gzip"), "stay", SERVER, Detail.BODY_TOO_LARGE, id="zip bomb"),
        pytest.param(sized(gzip.compress(TEXT)[:-9], b"content-encoding: gzip"), "stay", SERVER, Detail.BAD_ENCODING,
                     id="truncated gzip"),
        pytest.param(sized(brotli.compress(b"\0" * 5_000_000), b"content-encoding: br"), "stay", SERVER,
                     Detail.BODY_TOO_LARGE, id="brotli bomb"),
        pytest.param(sized(brotli.compress(TEXT)[:-3], b"content-encoding: br"), "stay", SERVER, Detail.BAD_ENCODING,
                     id="truncated br"),
        pytest.param(sized(TEXT, b"content-encoding: br"), "stay", SERVER, Detail.BAD_ENCODING, id="no br at all"),
        pytest.param(sized(brotli.compress(TEXT) + b"!", b"content-encoding: br"), "stay", SERVER, Detail.BAD_ENCODING,
                     id="junk after br"),
        pytest.param(sized(TEXT, b"content-encoding: zstd"), "stay", SERVER, Detail.BAD_ENCODING,
                     id="what was not offered"),
        pytest.param(sized(TEXT, b"content-encoding: gzip"), "stay", SERVER, Detail.BAD_ENCODING, id="no gzip at all"),
        pytest.param(sized(gzip.compress(TEXT) + b"!", b"content-encoding: gzip"), "stay", SERVER, Detail.BAD_ENCODING,
                     id="junk after gzip"),
        pytest.param(sized(TEXT, b"content-encoding: br"), "stay", SERVER, Detail.BAD_ENCODING, id="unknown coding"),
        pytest.param(sized(gzip.compress(b"") * 20_000, b"content-encoding: gzip"), "stay", SERVER, Detail.BAD_ENCODING,
                     id="gzip of endless members"),
        pytest.param(sized(gzip.compress(TEXT), b"content-encoding: " + b"gzip, " * 1_000), "stay", SERVER,
                     Detail.BAD_ENCODING, id="a thousand codings"),
        pytest.param(head(b"transfer-encoding: gzip") + TEXT, "stay", SERVER, Detail.BAD_ENCODING, id="transfer"),
        pytest.param(sized(TEXT)[:-1], "close", NETWORK, Detail.CLOSED_EARLY, id="truncated body"),
        pytest.param(sized(TEXT)[:-1], "reset", NETWORK, Detail.RESET, id="reset in the body"),
        pytest.param(head() + TEXT, "reset", NETWORK, Detail.RESET, id="reset in a body until close"),
        pytest.param(head(b"transfer-encoding: chunked") + chunked(TEXT)[:-5], "close", NETWORK, Detail.CLOSED_EARLY,
                     id="truncated chunks"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-le", "close", NETWORK, Detail.CLOSED_EARLY, id="truncated header"),
        pytest.param(b"", "close", NETWORK, Detail.CLOSED_EARLY, id="no reply"),
        pytest.param(b"", "reset", NETWORK, Detail.RESET, id="reset instead of a reply"),
        pytest.param(b"HTTP/1.1 200 OK\r\ncontent-le", "stay", Outcome.TIMEOUT, Detail.TIMEOUT, id="half a header"),
        pytest.param(sized(TEXT)[:-1], "stay", Outcome.TIMEOUT, Detail.TIMEOUT, id="body too short"),
        pytest.param(b"", "stay", Outcome.TIMEOUT, Detail.TIMEOUT, id="silence"),
    ],
)  # fmt: skip
def test_a_broken_reply_becomes_a_wire_error(
    run: Any, reply: bytes, end: str, outcome: Outcome, detail: Detail
) -> None:
    patience = 0.15 if outcome is Outcome.TIMEOUT else 5.0
    error = fails(run(outcome_of(ending_with(reply, end), timeout_s=patience, max_body=1_000_000)), outcome, detail)
    assert error.sent_at is not None


def test_a_never_ending_chunked_body_ends_at_the_limit_or_the_timeout(run: Any) -> None:
    async def flood(peer: Peer) -> None:
        await peer.request()
        await peer.write(head(b"transfer-encoding: chunked"))
        while True:
            await peer.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")

    async def drip(peer: Peer) -> None:
        await peer.request()
        await peer.write(head(b"transfer-encoding: chunked"))
        while True:
            await peer.write(b"1\r\nx\r\n")
            await asyncio.sleep(0.02)

    fails(run(outcome_of(flood, max_body=500_000)), SERVER, Detail.BODY_TOO_LARGE)
    error = fails(run(outcome_of(drip, timeout_s=0.2)), Outcome.TIMEOUT, Detail.TIMEOUT)
    assert 0.18 < error.elapsed_s < 1.0


@pytest.mark.parametrize("junk", [b"H", b"HTTP/1.1 200 OK\r\n", b"\0\0\0", sized(b"wrong"), head() + b"wrong"])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_bytes_after_a_reply_are_never_taken_for_the_next(run: Any, junk: bytes, late: bool, method: str) -> None:
    async def script(peer: Peer) -> None:
        request = await peer.request()
        first = head(b"content-length: 5") + (b"" if request.startswith(b"HEAD") else b"right")
        await peer.write(first + (b"" if late else junk))
        if late:
            await asyncio.sleep(0.01)
            await peer.write(junk)
        while await peer.request():
            await peer.write(sized(b"wrong"))

    async def work() -> None:
        async with serving(script) as server:
            wire = wire_to(server.port)
            assert (await get(wire, method=method)).status == 200
            await eventually(lambda: wire.open_connections == 0)
            assert (await get(wire)).body == b"right"
            assert server.connections == 2
            wire.close()

    run(work())


VALID = (
    sized(TEXT, b"content-type: text/plain"),
    head(b"transfer-encoding: chunked") + chunked(TEXT),
    sized(gzip.compress(TEXT), b"content-encoding: gzip"),
    head() + TEXT,
    head(status=b"204 No Content"),
    head(status=b"100 Continue") + sized(b"x", b"connection: close"),
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        match draw(st.integers(0, 3)):
            case 0:
                data[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case 1:
                del data[at : at + draw(st.integers(1, 20))]
            case 2:
                data[at:at] = draw(
                    st.binary(max_size=20) | st.sampled_from([b"\r\n", b"\r\n\r\n", b"0\r\n\r\n", b": "])
                )
            case _:
                data[at:at] = data[: draw(st.integers(0, len(data)))]
    return bytes(data)


@given(data=mutated(), cuts=st.lists(st.integers(0, 400), max_size=8), bodiless=st.booleans())
@settings(max_examples=400, deadline=None)
@example(data=head(b"content-encoding: gzip", b"content-length: 0"), cuts=[], bodiless=False)
def test_any_bytes_are_a_reply_or_malformed_however_they_are_split(
    data: bytes, cuts: list[int], bodiless: bool
) -> None:
    def read(parts: list[bytes]) -> tuple[str, object, object]:
        reader = ReplyReader(100_000)
        reader.begin(head=bodiless)
        try:
            for part in parts:
                if part and reader.feed(part):
                    return ("reply", reader.status, reader.body())
            return ("reply", reader.status, reader.body()) if reader.eof() else ("unfinished", 0, 0)
        except Malformed as problem:
            return ("malformed", problem.detail, 0)

    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    whole = read([data])
    assert read([data[start:end] for start, end in pairwise(edges)]) == whole


@given(data=mutated(), cuts=st.lists(st.integers(0, 300), max_size=3))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_after_any_bytes_the_next_request_is_right(run: Any, data: bytes, cuts: list[int]) -> None:
    async def script(peer: Peer) -> None:
        if peer.number == 0:
            await peer.request()
            edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
            for start, end in pairwise(edges):
                await peer.write(data[start:end])
                await asyncio.sleep(0.001)
            return
        while await peer.request():
            await peer.write(sized(b"right"))

    async def work() -> None:
        async with serving(script) as server:
            wire = wire_to(server.port)
            (first,) = await asyncio.gather(get(wire), return_exceptions=True)
            assert isinstance(first, Reply) or (isinstance(first, WireError) and first.outcome in (SERVER, NETWORK))
            assert (await get(wire)).body == b"right"
            wire.close()

    run(work())

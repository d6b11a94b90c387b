"""The wire against real sockets: a scripted server that answers with bytes, well-behaved or not."""

from __future__ import annotations

import asyncio
import datetime
import gc
import gzip
import ipaddress
import os
import random
import socket
import ssl
import struct
import sys
import zlib
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.outcome import Outcome
from harness.phone.connection import Connection
from harness.phone.reader import ReplyReader
from harness.phone.reply import Malformed
from harness.phone.tls import shared_context
from harness.phone.wire import Detail, Origin, Reply, Wire, WireError

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
if sys.platform != "win32":
    import uvloop

    LOOPS["uvloop"] = uvloop.new_event_loop

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
HEADERS = b"apikey: k\r\n"


@pytest.fixture(params=sorted(LOOPS))
def run(request: pytest.FixtureRequest) -> Callable[[Coroutine[Any, Any, Any]], Any]:
    """Run a coroutine on each kind of loop; anything the loop had to complain about fails the test."""

    def runner(work: Coroutine[Any, Any, Any]) -> Any:
        complaints: list[dict[str, Any]] = []

        async def watched() -> Any:
            asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
            async with asyncio.timeout(30):
                return await work

        with asyncio.Runner(loop_factory=LOOPS[request.param]) as asyncio_runner:
            result = asyncio_runner.run(watched())
        assert complaints == []
        return result

    return runner


# ---- the scripted server ----------------------------------------------------------------------------------------


@dataclass
class Peer:
    """One accepted connection, as a script sees it."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    number: int  # of the connection, from 0

    async def request(self) -> bytes:
        """The next request, head and body; empty when the client closed."""
        try:
            head = await self.reader.readuntil(b"\r\n\r\n")
            length = next(
                (
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                ),
                0,
            )
            return head + await self.reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""

    async def write(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    def close(self) -> None:
        self.writer.close()

    def reset(self) -> None:
        raw: socket.socket = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


async def eventually(happens: Callable[[], bool]) -> None:
    """Wait until `happens`, two seconds at most."""
    for _ in range(1000):
        if happens():
            return
        await asyncio.sleep(0.002)
    pytest.fail("it never happened")


@dataclass
class Server:
    port: int = 0
    connections: int = 0
    open: int = 0
    requests: list[bytes] = field(default_factory=list)


@asynccontextmanager
async def serving(script: Script, tls: ssl.SSLContext | None = None) -> Any:
    """A server whose every connection follows `script`; when a script returns its connection is closed."""
    server = Server()
    tasks: set[asyncio.Task[None]] = set()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        peer = Peer(reader, writer, server.connections)
        server.connections += 1
        server.open += 1
        try:
            await script(peer)
        except (ConnectionError, asyncio.CancelledError, ssl.SSLError):
            pass
        finally:
            server.open -= 1
            writer.close()

    listener = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def wire_to(port: int, *, scheme: str = "http", host: str = "127.0.0.1", **options: Any) -> Wire:
    return Wire(Origin(scheme, host, port), loop=asyncio.get_running_loop(), **options)


async def get(wire: Wire, *, timeout_s: float = 5.0, method: str = "GET", body: bytes | None = None) -> Reply:
    return await wire.send(method, "/x?y=1", HEADERS, body, timeout_s=timeout_s)


def answering(*replies: bytes) -> Script:
    """Answer each request of a connection with the next of `replies`, the last one for ever."""

    async def script(peer: Peer) -> None:
        turn = 0
        while await peer.request():
            await peer.write(replies[min(turn, len(replies) - 1)])
            turn += 1

    return script


def ending_with(reply: bytes, end: str = "close") -> Script:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.write(reply)
        if end == "reset":
            await asyncio.sleep(0.05)  # let the bytes arrive first
            peer.reset()
        elif end == "stay":
            await asyncio.sleep(20)

    return script


async def outcome_of(
    script: Script, *, method: str = "GET", timeout_s: float = 5.0, **options: Any
) -> Reply | WireError:
    """One request against `script`, on a fresh wire."""
    async with serving(script) as server:
        wire = wire_to(server.port, **options)
        try:
            return await get(wire, method=method, timeout_s=timeout_s)
        except WireError as error:
            return error
        finally:
            wire.close()


def fails(result: Reply | WireError, outcome: Outcome, detail: Detail) -> WireError:
    assert isinstance(result, WireError), result
    assert (result.outcome, result.detail) == (outcome, detail)
    assert result.elapsed_s > 0
    return result


def head(*lines: bytes, status: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 " + status + b"\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def sized(body: bytes, *lines: bytes) -> bytes:
    return head(b"content-length: %d" % len(body), *lines) + body


def chunked(body: bytes, size: int = 7) -> bytes:
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


# ---- well-formed replies ----------------------------------------------------------------------------------------

TEXT = b"what the body says, " * 10


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
            b"POST /a?b=c HTTP/1.1\r\nhost: 127.0.0.1:%d\r\naccept-encoding: gzip\r\napikey: k\r\n"
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
        ("GET", head(status=b"204 No Content")),
        ("GET", head(b"content-length: 5", status=b"204 No Content")),
        ("GET", head(b"content-length: 5000", status=b"304 Not Modified")),
        ("POST", head(status=b"204 No Content")),
    ],
)
def test_replies_without_a_body(run: Any, method: str, reply: bytes) -> None:
    async def work() -> None:
        async with serving(answering(reply, reply, OK)) as server:
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


# ---- broken replies ---------------------------------------------------------------------------------------------

SERVER, NETWORK = Outcome.SERVER_ERROR, Outcome.NETWORK
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
        pytest.param(sized(TEXT, b"content-encoding: gzip"), "stay", SERVER, Detail.BAD_ENCODING, id="no gzip at all"),
        pytest.param(sized(gzip.compress(TEXT) + b"!", b"content-encoding: gzip"), "stay", SERVER, Detail.BAD_ENCODING,
                     id="junk after gzip"),
        pytest.param(sized(TEXT, b"content-encoding: br"), "stay", SERVER, Detail.BAD_ENCODING, id="unknown coding"),
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


# ---- connections ------------------------------------------------------------------------------------------------


def test_two_thousand_requests_on_one_connection(run: Any) -> None:
    async def work() -> None:
        async with serving(answering(OK)) as server:
            wire = wire_to(server.port)
            for _ in range(2000):
                assert (await get(wire)).body == b"ok"
            assert server.connections == 1
            wire.close()

    run(work())


def test_a_connection_closed_while_idle_is_noticed(run: Any) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.write(OK)

    async def work() -> None:
        async with serving(script) as server:
            wire = wire_to(server.port)
            for expected in (1, 2):
                reply = await get(wire, method="POST", body=b"{}")
                assert (reply.body, reply.resent) == (b"ok", False)
                await eventually(lambda: wire.open_connections == 0)
                assert server.connections == expected
            wire.close()

    run(work())


def dying_when_reused(end: str) -> Script:
    """The first connection answers once and ends at its second request; later ones behave."""

    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.write(OK)
        while await peer.request():
            if peer.number == 0:
                if end == "reset":
                    peer.reset()
                return
            await peer.write(OK)

    return script


@pytest.mark.parametrize(("end", "detail"), [("close", Detail.CLOSED_EARLY), ("reset", Detail.RESET)])
def test_a_kept_connection_that_dies_unanswered_is_forgiven_for_reads_only(run: Any, end: str, detail: Detail) -> None:
    async def work(method: str) -> Reply | WireError:
        async with serving(dying_when_reused(end)) as server:
            wire = wire_to(server.port)
            await get(wire)
            try:
                return await get(wire, method=method, body=None)
            except WireError as error:
                assert server.connections == 1
                return error
            finally:
                wire.close()

    reply = run(work("GET"))
    assert isinstance(reply, Reply)
    assert reply.resent
    assert reply.connect_s > 0
    assert fails(run(work("POST")), NETWORK, detail).stale


def test_a_read_is_resent_once_only(run: Any) -> None:
    async def script(peer: Peer) -> None:
        if peer.number == 0:
            await peer.request()
            await peer.write(OK)
        await peer.request()

    async def work() -> None:
        async with serving(script) as server:
            wire = wire_to(server.port)
            await get(wire)
            with pytest.raises(WireError) as caught:
                await get(wire)
            fails(caught.value, NETWORK, Detail.CLOSED_EARLY)
            assert server.connections == 2
            wire.close()

    run(work())


def test_concurrent_sends_open_connections_up_to_the_limit_then_wait_in_line(run: Any) -> None:
    async def script(peer: Peer) -> None:
        while request := await peer.request():
            server_saw.append(request.split(b" ")[1])
            await asyncio.sleep(0.02)
            await peer.write(OK)

    server_saw: list[bytes] = []

    async def work() -> None:
        async with serving(script) as server:
            wire = wire_to(server.port, connections=3)
            finished: list[int] = []

            async def one(number: int) -> None:
                await wire.send("GET", f"/{number}", b"", None, timeout_s=5)
                finished.append(number)

            await asyncio.gather(*(one(number) for number in range(12)))
            assert server.connections == 3
            assert wire.open_connections == 3
            assert [int(path[1:]) // 3 for path in server_saw] == sorted(n // 3 for n in range(12))
            assert [number // 3 for number in finished] == sorted(n // 3 for n in range(12))
            wire.close()

    run(work())


def test_connections_beyond_the_last_close_when_idle(run: Any) -> None:
    async def work() -> None:
        async with serving(answering(OK)) as server:
            wire = wire_to(server.port, connections=4, idle_close_s=0.1)
            await asyncio.gather(*(get(wire) for _ in range(4)))
            assert wire.open_connections == 4
            for _ in range(6):  # one stays in use throughout
                await get(wire)
                await asyncio.sleep(0.05)
            assert wire.open_connections == 1
            await asyncio.sleep(0.15)
            assert (wire.open_connections, server.open) == (1, 1)
            await get(wire)
            assert server.connections == 4
            wire.close()

    run(work())


def test_cancelling_closes_the_connection_so_that_no_reply_is_misread(run: Any) -> None:
    async def script(peer: Peer) -> None:
        while request := await peer.request():
            await asyncio.sleep(0.05 if b"/slow" in request else 0)
            await peer.write(sized(request.split(b" ")[1]))

    async def work() -> None:
        async with serving(script) as server:
            wire = wire_to(server.port, connections=1)
            for pause in (0.02, 0.0, 0.0499, 0.05, 0.051):
                slow = asyncio.ensure_future(wire.send("GET", "/slow", b"", None, timeout_s=5))
                waiting = asyncio.ensure_future(wire.send("GET", "/next", b"", None, timeout_s=5))
                await asyncio.sleep(pause)
                slow.cancel()
                assert (await waiting).body == b"/next"
                await asyncio.gather(slow, return_exceptions=True)
            assert wire.open_connections == 1
            wire.close()
            await eventually(lambda: server.open == 0)

    run(work())


def test_cancelling_one_that_waits_frees_its_place(run: Any) -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            await asyncio.sleep(0.05)
            await peer.write(OK)

    async def work() -> None:
        async with serving(script) as server:
            wire = wire_to(server.port, connections=1)
            sends = [asyncio.ensure_future(get(wire)) for _ in range(6)]
            await asyncio.sleep(0.02)
            for send in sends[1:5]:
                send.cancel()
            results = await asyncio.gather(*sends, return_exceptions=True)
            assert [type(result) for result in results] == [Reply] + [asyncio.CancelledError] * 4 + [Reply]
            assert server.connections == 1
            wire.close()

    run(work())


def stormy(dice: random.Random) -> Script:
    async def script(peer: Peer) -> None:
        while request := await peer.request():
            await asyncio.sleep(dice.choice((0, 0, 0.002, 0.01)))
            match dice.randrange(8):
                case 0:
                    return
                case 1:
                    peer.reset()
                    return
                case 2:
                    await peer.write(b"junk")
                case _:
                    await peer.write(sized(request.split(b" ")[1]))

    return script


async def weather_the_storm(wire: Wire, dice: random.Random) -> None:
    """80 requests at odd moments, some impatient, all cancelled sooner or later."""

    async def one(number: int) -> None:
        await asyncio.sleep(dice.random() * 0.05)
        reply = await wire.send("GET", f"/{number}", b"", None, timeout_s=dice.choice((0.005, 1.0)))
        assert reply.body == b"/%d" % number

    tasks = [asyncio.ensure_future(one(number)) for number in range(80)]
    for task in tasks:
        asyncio.get_running_loop().call_later(dice.random() * 0.3, task.cancel)
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        assert result is None or isinstance(result, asyncio.CancelledError | WireError), result


@given(seed=st.integers(0, 2**32))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_storm_of_cancellations_and_failures_leaves_a_working_wire(run: Any, seed: int) -> None:
    async def work() -> None:
        dice = random.Random(seed)
        async with serving(stormy(dice)) as server:
            wire = wire_to(server.port, connections=3)
            await weather_the_storm(wire, dice)
            assert wire.open_connections <= 3
            for _ in range(50):  # all slots are usable again: three at once still work
                replies = await asyncio.gather(*(get(wire, timeout_s=1) for _ in range(3)), return_exceptions=True)
                if all(isinstance(reply, Reply) for reply in replies):
                    break
            else:
                pytest.fail("the wire never recovered")
            wire.close()
            assert wire.open_connections == 0

    run(work())


def test_closing_the_wire_ends_what_is_under_way(run: Any) -> None:
    async def work() -> None:
        async with serving(ending_with(b"", "stay")) as server:
            wire = wire_to(server.port, connections=1)
            sends = [asyncio.ensure_future(get(wire)) for _ in range(3)]
            await asyncio.sleep(0.05)
            wire.close()
            wire.close()
            for result in await asyncio.gather(*sends, return_exceptions=True):
                assert isinstance(result, WireError)
                fails(result, Outcome.GAVE_UP, Detail.WIRE_CLOSED)
            with pytest.raises(WireError, match="wire closed"):
                await get(wire)
            assert wire.open_connections == 0
            await asyncio.sleep(0.05)
            assert server.connections == 1

    run(work())


def test_closing_the_wire_while_it_connects(run: Any) -> None:
    async def work() -> None:
        async with serving(answering(OK)) as server:
            wire = wire_to(server.port)
            send = asyncio.ensure_future(get(wire))
            await asyncio.sleep(0)
            wire.close()
            with pytest.raises(WireError, match="wire closed"):
                await send
            await asyncio.sleep(0.05)
            assert (server.open, wire.open_connections) == (0, 0)

    run(work())


def test_waiting_in_line_counts_against_the_timeout(run: Any) -> None:
    async def work() -> None:
        async with serving(ending_with(b"", "stay")) as server:
            wire = wire_to(server.port, connections=1)
            first = asyncio.ensure_future(get(wire, timeout_s=1.0))
            await asyncio.sleep(0)
            with pytest.raises(WireError) as caught:
                await get(wire, timeout_s=0.1)
            error = fails(caught.value, Outcome.TIMEOUT, Detail.TIMEOUT)
            assert error.sent_at is None
            assert 0.08 < error.elapsed_s < 0.5
            wire.close()
            await asyncio.gather(first, return_exceptions=True)

    run(work())


def test_an_early_answer_to_a_large_request_ends_the_connection(run: Any) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.write(head(b"content-length: 0", status=b"413 Content Too Large"))
        await asyncio.sleep(20)

    async def work() -> None:
        async with serving(script) as server:
            wire = wire_to(server.port)
            reply = await wire.send("POST", "/", b"", b"x" * 30_000_000, timeout_s=5)
            assert reply.status == 413
            assert wire.open_connections == 0
            wire.close()

    run(work())


def test_small_requests_leave_without_delay(run: Any) -> None:
    async def work() -> None:
        async with serving(answering(OK)) as server:
            wire = wire_to(server.port)
            await get(wire)
            (connection,) = wire._connections
            assert isinstance(connection, Connection)
            assert connection._transport is not None
            raw = connection._transport.get_extra_info("socket")
            assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            wire.close()

    run(work())


# ---- connecting -------------------------------------------------------------------------------------------------


def test_nobody_listens(run: Any) -> None:
    async def work() -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # bound, not listening: refused, and nobody else can take it
            wire = wire_to(taken.getsockname()[1])
            for _ in range(3):
                with pytest.raises(WireError) as caught:
                    await get(wire)
                assert fails(caught.value, NETWORK, Detail.REFUSED).sent_at is None
            assert wire.open_connections == 0

    run(work())


def test_a_name_that_does_not_exist(run: Any) -> None:
    async def work() -> None:
        wire = wire_to(80, host="no-such-host.invalid")
        with pytest.raises(WireError) as caught:
            await get(wire)
        fails(caught.value, NETWORK, Detail.UNRESOLVED)

    run(work())


@pytest.mark.parametrize(
    ("options", "timeout_s", "detail"),
    [({"connect_timeout_s": 0.2}, 5.0, Detail.CONNECT_TIMEOUT), ({"connect_timeout_s": 9.0}, 0.2, Detail.TIMEOUT)],
)
def test_a_host_that_does_not_accept(run: Any, options: dict[str, Any], timeout_s: float, detail: Detail) -> None:
    async def work() -> None:
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(0)
            fillers = []
            for _ in range(4):  # a full backlog drops further SYNs
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(deaf.getsockname())
                fillers.append(filler)
            await asyncio.sleep(0.05)
            wire = wire_to(deaf.getsockname()[1], **options)
            with pytest.raises(WireError) as caught:
                await get(wire, timeout_s=timeout_s)
            error = fails(caught.value, Outcome.TIMEOUT, detail)
            assert error.sent_at is None
            assert 0.15 < error.elapsed_s < 2.0
            assert wire.open_connections == 0
            for filler in fillers:
                filler.close()

    run(work())


# ---- TLS --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "wire test")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    certificate_file, key_file = folder / "certificate.pem", folder / "key.pem"
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file


def server_side(certificate: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def test_tls_with_a_named_authority(run: Any, certificate: tuple[Path, Path]) -> None:
    async def work() -> None:
        async with serving(answering(OK), server_side(certificate)) as server:
            wire = wire_to(server.port, scheme="https", tls=shared_context(certificate[0]))
            first = await get(wire)
            assert first.body == b"ok"
            for _ in range(20):
                assert (await get(wire)).connect_s == 0.0
            assert server.connections == 1
            assert first.connect_s > 0
            wire.close()
            await eventually(lambda: server.open == 0)

    run(work())


def test_tls_replies_that_end_early(run: Any, certificate: tuple[Path, Path]) -> None:
    async def work() -> None:
        for script, detail in (
            (ending_with(sized(TEXT)[:-1]), {Detail.CLOSED_EARLY}),
            (ending_with(sized(TEXT)[:-1], "reset"), {Detail.RESET, Detail.CLOSED_EARLY}),
        ):
            async with serving(script, server_side(certificate)) as server:
                wire = wire_to(server.port, scheme="https", tls=shared_context(certificate[0]))
                with pytest.raises(WireError) as caught:
                    await get(wire)
                assert caught.value.outcome is NETWORK
                assert caught.value.detail in detail
                wire.close()

    run(work())


def test_an_unverified_certificate_is_refused(run: Any, certificate: tuple[Path, Path]) -> None:
    async def work() -> None:
        async with serving(answering(OK), server_side(certificate)) as server:
            wire = wire_to(server.port, scheme="https")  # the shared context: system authorities only
            with pytest.raises(WireError) as caught:
                await get(wire)
            assert fails(caught.value, NETWORK, Detail.CERTIFICATE).sent_at is None
            assert wire.open_connections == 0

    run_tolerating_server_noise(run, work)


def test_a_certificate_for_another_name_is_refused(run: Any, certificate: tuple[Path, Path]) -> None:
    async def work() -> None:
        async with serving(answering(OK), server_side(certificate)) as server:
            wire = wire_to(server.port, scheme="https", host="localhost", tls=shared_context(certificate[0]))
            with pytest.raises(WireError) as caught:
                await get(wire)
            fails(caught.value, NETWORK, Detail.CERTIFICATE)

    run_tolerating_server_noise(run, work)


def test_a_server_that_does_not_speak_tls(run: Any) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.read(10)
        await peer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async def work() -> None:
        async with serving(script) as server:
            wire = wire_to(server.port, scheme="https")
            with pytest.raises(WireError) as caught:
                await get(wire)
            fails(caught.value, NETWORK, Detail.TLS)

    run_tolerating_server_noise(run, work)


def run_tolerating_server_noise(run: Any, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """The scripted server shares the loop, and its side of a refused handshake is a complaint of its own."""

    async def quietly() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)
        await work()

    run(quietly())


def test_the_context_is_shared_and_verifies(certificate: tuple[Path, Path], tmp_path: Path) -> None:
    context = shared_context()
    assert context is shared_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert shared_context(certificate[0]) is not context
    with pytest.raises(UsageError, match="CA file"):
        shared_context(tmp_path / "missing.pem")


# ---- origins ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "origin", "authority"),
    [
        ("http://127.0.0.1:54321", Origin("http", "127.0.0.1", 54321), "127.0.0.1:54321"),
        ("https://Project.example.com/", Origin("https", "project.example.com", 443), "project.example.com"),
        ("http://[::1]:8000", Origin("http", "::1", 8000), "[::1]:8000"),
        ("http://localhost:80", Origin("http", "localhost", 80), "localhost"),
    ],
)
def test_an_origin_is_read_and_written(url: str, origin: Origin, authority: str) -> None:
    assert Origin.parse(url) == origin
    assert origin.authority == authority
    assert Origin.parse(str(origin)) == origin


@pytest.mark.parametrize(
    "url",
    ["", "localhost:80", "ftp://x", "http://", "http://x:99999", "http://x:0", "http://x/path", "http://x?q", "http://[::1",
     "http://a..b", "http://" + "a" * 300, "http://a b", "https://user:secret@host"],
)  # fmt: skip
def test_anything_else_is_refused_without_repeating_a_password(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        Origin.parse(url)
    assert "secret" not in str(caught.value)


# ---- whatever comes back ----------------------------------------------------------------------------------------

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


# ---- descriptors ------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to count descriptors")
def test_no_descriptor_is_left_behind(run: Any, certificate: tuple[Path, Path]) -> None:
    def descriptors() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    async def troubles() -> None:
        for reply, end in ((OK, "close"), (b"junk", "stay"), (sized(TEXT)[:-1], "reset"), (b"", "stay")):
            async with serving(ending_with(reply, end)) as server:
                wire = wire_to(server.port, connections=2)
                await asyncio.gather(*(get(wire, timeout_s=0.04) for _ in range(4)), return_exceptions=True)
                send = asyncio.ensure_future(get(wire))
                await asyncio.sleep(0.01)
                send.cancel()
                await asyncio.gather(send, return_exceptions=True)
                wire.close()
        async with serving(answering(OK), server_side(certificate)) as server:
            for tls in (None, shared_context(certificate[0])):
                wire = wire_to(server.port, scheme="https", tls=tls)
                await asyncio.gather(*(get(wire) for _ in range(3)), return_exceptions=True)
                wire.close()

    async def work() -> None:
        await troubles()  # whatever is opened once and kept
        await asyncio.sleep(0.1)
        before = descriptors()
        for _ in range(3):
            await troubles()
        await eventually(lambda: descriptors() <= before)

    run_tolerating_server_noise(run, work)


def test_failed_requests_leave_no_work_for_the_garbage_collector(run: Any) -> None:
    """Under chaos thousands fail a second, and a worker may keep the collector out of its measured window."""

    def alive() -> int:
        return sum(isinstance(thing, Connection) for thing in gc.get_objects())

    async def work() -> None:
        gc.collect()
        before = alive()
        gc.disable()
        try:
            for reply, end in ((OK, "close"), (b"junk", "stay"), (b"", "reset"), (b"", "stay")):
                async with serving(ending_with(reply, end)) as server:
                    wire = wire_to(server.port)
                    await asyncio.gather(*(get(wire, timeout_s=0.1) for _ in range(3)), return_exceptions=True)
                    wire.close()
                    await eventually(lambda: alive() <= before)
        finally:
            gc.enable()

    run(work())

"""Connections that are kept, shared, limited, cancelled and closed."""

from __future__ import annotations

import asyncio
import os
import random
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.client.http.client import Detail, HttpClient, Reply, WireError
from harness.client.http.connection import Connection
from harness.client.http.manners import BROWSER, NATIVE, WireManners
from harness.client.http.origin import Origin
from harness.core.outcome import Outcome
from tests.client.wire.peer import (
    HEADERS,
    NETWORK,
    OK,
    Peer,
    Script,
    answering,
    ending_with,
    eventually,
    fails,
    get,
    head,
    serving,
    sized,
    wire_to,
)


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
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PATCH", "DELETE"])
def test_a_request_that_dies_unanswered_with_a_kept_connection_is_sent_again(
    run: Any, method: str, end: str, detail: Detail
) -> None:
    died: list[WireError] = []

    async def work() -> Reply:
        async with serving(dying_when_reused(end)) as server:
            wire = wire_to(server.port)
            await get(wire)
            try:
                return await wire.send(method, "/x", HEADERS, None, timeout_s=5, resends=died.append)
            finally:
                assert server.connections == 2
                wire.close()

    reply = run(work())
    assert reply.resent
    assert reply.connect_s > 0
    (error,) = died
    assert fails(error, NETWORK, detail).stale
    assert error.sent_at is not None
    assert error.sent_at + error.elapsed_s <= reply.sent_at


@pytest.mark.parametrize(
    ("method", "again"), [("GET", True), ("HEAD", True), ("DELETE", True), ("POST", False), ("PATCH", False)]
)
def test_only_browsers_send_writes_again(run: Any, method: str, again: bool) -> None:
    async def work() -> None:
        async with serving(dying_when_reused("reset")) as server:
            wire = wire_to(server.port, manners=NATIVE)
            await get(wire)
            if again:
                assert (await get(wire, method=method)).resent
            else:
                with pytest.raises(WireError) as caught:
                    await get(wire, method=method)
                assert fails(caught.value, NETWORK, Detail.RESET).stale
            assert server.connections == 1 + again
            wire.close()

    run(work())


@pytest.mark.parametrize(("manners", "most"), [(BROWSER, 6), (NATIVE, 5)])
def test_how_many_connections_there_are_at_once(run: Any, manners: WireManners, most: int) -> None:
    async def script(peer: Peer) -> None:
        while await peer.request():
            await asyncio.sleep(0.02)
            await peer.write(OK)

    async def work() -> None:
        async with serving(script) as server:
            wire = wire_to(server.port, manners=manners)
            await asyncio.gather(*(get(wire) for _ in range(20)))
            assert server.connections == most
            wire.close()

    run(work())


@pytest.mark.parametrize(
    ("manners", "scheme", "host", "offered"),
    [
        (BROWSER, "https", "a.example", "gzip, deflate, br"),
        (BROWSER, "http", "127.0.0.2", "gzip, deflate, br"),
        (BROWSER, "http", "::1", "gzip, deflate, br"),
        (BROWSER, "http", "localhost", "gzip, deflate, br"),
        (BROWSER, "http", "app.localhost", "gzip, deflate, br"),
        (BROWSER, "http", "a.example", "gzip, deflate"),
        (BROWSER, "http", "10.0.0.1", "gzip, deflate"),
        (NATIVE, "https", "a.example", "gzip"),
    ],
)
def test_which_codings_are_offered(manners: WireManners, scheme: str, host: str, offered: str) -> None:
    """Browsers keep brotli from what may stand between them and a plain-text server elsewhere."""
    assert manners.offers(Origin(scheme, host, 1)) == offered


@pytest.mark.parametrize("answer", [b"H", b"HTTP/1.1 2"])
def test_a_request_of_whose_answer_a_byte_came_is_not_sent_again(run: Any, answer: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()
        await peer.write(OK)
        await peer.request()
        await peer.write(answer)

    async def work() -> None:
        async with serving(script) as server:
            wire = wire_to(server.port)
            await get(wire)
            with pytest.raises(WireError) as caught:
                await get(wire, method="POST")
            fails(caught.value, NETWORK, Detail.CLOSED_EARLY)
            assert server.connections == 1
            wire.close()

    run(work())


def test_a_request_on_a_fresh_connection_is_not_sent_again(run: Any) -> None:
    async def script(peer: Peer) -> None:
        await peer.request()

    async def work() -> None:
        async with serving(script) as server:
            wire = wire_to(server.port)
            with pytest.raises(WireError) as caught:
                await get(wire, method="POST")
            fails(caught.value, NETWORK, Detail.CLOSED_EARLY)
            assert server.connections == 1
            wire.close()

    run(work())


def test_a_reset_ends_all_connections_and_the_wire_goes_on(run: Any) -> None:
    """What is under way on a kept connection is written once more, what waits in line finds another one."""

    async def script(peer: Peer) -> None:
        while request := await peer.request():
            if b"/hang" in request and peer.number < 2:
                return await asyncio.sleep(20)
            await peer.write(OK)
        return None

    async def work() -> None:
        async with serving(script) as server:
            wire = wire_to(server.port, connections=2)
            await asyncio.gather(get(wire), get(wire))
            died: list[WireError] = []
            sends = [
                asyncio.ensure_future(wire.send("POST", "/hang", b"", b"", timeout_s=5, resends=died.append))
                for _ in range(3)
            ]
            await asyncio.sleep(0.05)
            wire.reset()
            assert [reply.status for reply in await asyncio.gather(*sends)] == [200] * 3
            assert [(error.outcome, error.detail) for error in died] == [(NETWORK, Detail.RESET)] * 2
            assert server.connections == 4
            wire.reset()
            assert wire.open_connections == 0
            assert (await get(wire)).body == b"ok"
            wire.close()

    run(work())


def test_it_is_sent_again_once_only(run: Any) -> None:
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


def test_concurrent_sends_open_connections_up_to_the_limit_then_queue(run: Any) -> None:
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


def stormy(rng: random.Random) -> Script:
    async def script(peer: Peer) -> None:
        while request := await peer.request():
            await asyncio.sleep(rng.choice((0, 0, 0.002, 0.01)))
            match rng.randrange(8):
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


async def weather_the_storm(wire: HttpClient, rng: random.Random) -> None:
    """80 requests at odd moments, some impatient, all cancelled sooner or later."""

    async def one(number: int) -> None:
        await asyncio.sleep(rng.random() * 0.05)
        reply = await wire.send("GET", f"/{number}", b"", None, timeout_s=rng.choice((0.005, 1.0)))
        assert reply.body == b"/%d" % number

    tasks = [asyncio.ensure_future(one(number)) for number in range(80)]
    for task in tasks:
        asyncio.get_running_loop().call_later(rng.random() * 0.3, task.cancel)
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        assert result is None or isinstance(result, asyncio.CancelledError | WireError), result


@given(seed=st.integers(0, 2**32))
@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_storm_of_cancellations_and_failures_leaves_a_working_wire(run: Any, seed: int) -> None:
    async def work() -> None:
        rng = random.Random(seed)
        async with serving(stormy(rng)) as server:
            wire = wire_to(server.port, connections=3)
            await weather_the_storm(wire, rng)
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


def test_one_timer_serves_requests_of_any_patience(run: Any) -> None:
    """One that rings too early looks anew, one that would ring too late is replaced."""

    async def script(peer: Peer) -> None:
        for delay_s in (0.0, 0.6, 0.0, 30.0):
            await peer.request()
            await asyncio.sleep(delay_s)
            await peer.write(OK)

    async def work() -> None:
        async with serving(script) as server:
            wire = wire_to(server.port, connections=1)
            assert (await get(wire, timeout_s=0.3)).body == b"ok"
            assert (await get(wire, timeout_s=60.0)).body == b"ok", "the first one's time was over meanwhile"
            assert (await get(wire, timeout_s=60.0)).body == b"ok"
            with pytest.raises(WireError) as caught:
                await get(wire, timeout_s=0.2)
            error = fails(caught.value, Outcome.TIMEOUT, Detail.TIMEOUT)
            assert error.elapsed_s >= 0.19
            assert error.elapsed_s < 20
            assert server.connections == 1
            wire.close()

    run(work())


def test_an_idle_connection_keeps_nothing_of_its_last_reply(run: Any) -> None:
    async def work() -> None:
        async with serving(answering(OK)) as server:
            wire = wire_to(server.port)
            reply = await get(wire)
            (connection,) = wire._idle
            assert (connection._reader.raw_headers, connection._reader._chunks) == ({}, [])
            assert (reply.body, reply.header("content-length")) == (b"ok", "2")
            wire.close()

    run(work())


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to count descriptors")
def test_an_early_answer_to_a_large_request_ends_the_connection(run: Any) -> None:
    async def script(peer: Peer) -> None:
        await peer.reader.readuntil(b"\r\n\r\n")
        await peer.write(head(b"content-length: 0", status=b"413 Content Too Large"))
        await asyncio.sleep(20)

    async def work() -> None:
        async with serving(script) as server:
            wire = wire_to(server.port)
            before = _descriptors()
            reply = await wire.send("POST", "/", b"", b"x" * 30_000_000, timeout_s=5)
            assert reply.status == 413
            assert (wire.open_connections, wire.backlog_bytes) == (0, 0)
            await eventually(lambda: _descriptors() <= before + 1)  # the server's own end: nobody reads it
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

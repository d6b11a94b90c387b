"""How a connection comes about, or does not: addresses, TLS, origins."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest

from harness.client.http.client import Detail, Origin, WireError
from harness.core.errors import UsageError
from harness.core.outcome import Outcome
from harness.core.target_guard import Reach
from harness.egress.gate import Gate
from harness.egress.tls import shared_context
from tests.certificate import Certificate, server_side
from tests.client.wire.peer import (
    NETWORK,
    OK,
    TEXT,
    Peer,
    answering,
    ending_with,
    eventually,
    fails,
    get,
    run_tolerating_server_noise,
    serving,
    sized,
    wire_to,
)


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
        wire = wire_to(80, host="no-such-host.invalid", gate=Gate(Reach(frozenset({"no-such-host.invalid"}))))
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


def test_tls_with_a_named_authority(run: Any, certificate: Certificate) -> None:
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


def test_tls_replies_that_end_early(run: Any, certificate: Certificate) -> None:
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


def test_an_unverified_certificate_is_refused(run: Any, certificate: Certificate) -> None:
    async def work() -> None:
        async with serving(answering(OK), server_side(certificate)) as server:
            wire = wire_to(server.port, scheme="https")  # the shared context: system authorities only
            with pytest.raises(WireError) as caught:
                await get(wire)
            assert fails(caught.value, NETWORK, Detail.CERTIFICATE).sent_at is None
            assert wire.open_connections == 0

    run_tolerating_server_noise(run, work)


def test_a_certificate_for_another_name_is_refused(run: Any, certificate: Certificate) -> None:
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


def test_the_context_is_shared_and_verifies(certificate: Certificate, tmp_path: Path) -> None:
    context = shared_context()
    assert context is shared_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert shared_context(certificate[0]) is not context
    with pytest.raises(UsageError, match="CA file"):
        shared_context(tmp_path / "missing.pem")


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

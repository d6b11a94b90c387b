"""Where connections may lead, and that a name is looked up once and means one thing."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic
from typing import Any

import httpx
import pytest

from harness.client.http.client import Detail, HttpClient, Origin, WireError
from harness.core.errors import ExitCode, TargetError, UsageError
from harness.core.outcome import Outcome
from harness.core.target_guard import Reach
from harness.egress import tls, web
from harness.egress.gate import LOOPBACK, Gate
from harness.egress.names import ForbiddenAddress, Names, Pinned, forbidden, is_public
from tests.certificate import Certificate, self_signed, server_side
from tests.client.wire.peer import OK, Peer, answering, get, serving
from tests.egress.resolver import Resolver, installed
from tests.loops import run_on

NAME = "phones.test"
PRIVATE = Reach(frozenset({NAME}), frozenset({NAME}))


def gate(resolver: Resolver, reach: Reach = PRIVATE) -> Gate:
    return Gate(reach, Names(resolver))


# ---- where to --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["10.1.2.3", "staging.example.com", "169.254.169.254", "localhost.", "127.1", "::2", ""]
)
def test_what_is_not_listed_is_refused_without_a_lookup(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = installed(monkeypatch, Resolver({host: ["127.0.0.1"]}))

    async def work() -> None:
        with pytest.raises(ForbiddenAddress):
            await LOOPBACK.connect(asyncio.Protocol, host, 80)
        with pytest.raises(ForbiddenAddress):
            await LOOPBACK.socket(host, 80)
        async with web.async_client(LOOPBACK) as http:
            with pytest.raises(httpx.HTTPError):
                await http.get(f"http://{f'[{host}]' if ':' in host else host}/")

    run_on("asyncio", work())
    with pytest.raises(TargetError) as caught:
        LOOPBACK.pin(host, "it")
    assert caught.value.exit_code is ExitCode.TARGET
    assert resolver.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "::",
        "fe80::1",
        "fd00::1",
        "::ffff:10.0.0.1",
        "::ffff:127.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::a00:1",
        "64:ff9b:1::808:808",
        "fec0::1",
        "::10.0.0.1",
    ],
)
def test_a_listed_name_that_leads_inside_is_refused_unless_the_file_says_so(address: str) -> None:
    assert not is_public(address)
    listed = Reach(frozenset({NAME}))
    for answers in ([address], ["8.8.8.8", address]):
        with pytest.raises(TargetError, match="private = true"):
            gate(Resolver({NAME: answers}), listed).pin(NAME, "the target")
        with pytest.raises(ForbiddenAddress):
            asyncio.run(gate(Resolver({NAME: answers}), listed).connect(asyncio.Protocol, NAME, 80))
        assert gate(Resolver({NAME: answers})).pin(NAME, "the target").addresses == tuple(answers)


def test_a_listed_address_says_itself_what_it_is() -> None:
    assert forbidden("10.0.0.1", ["10.0.0.1"], Reach(frozenset({"10.0.0.1"}))) == ""
    assert gate(Resolver({}), Reach(frozenset({"10.0.0.1"}))).pin("10.0.0.1", "it").addresses == ("10.0.0.1",)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses(address: str) -> None:
    assert is_public(address)


def test_localhost_is_this_machine_whatever_a_resolver_says(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = installed(monkeypatch, Resolver({"localhost": ["10.1.2.3"]}))
    assert Gate(names=Names()).pin("localhost", "it").addresses == ("127.0.0.1", "::1")
    assert resolver.asked == []


# ---- names -----------------------------------------------------------------------------------------------------------


def test_a_name_keeps_its_first_answer() -> None:
    resolver = Resolver({NAME: ["127.0.0.1"]})
    names = Names(resolver)
    assert names.resolve(NAME).addresses == ("127.0.0.1",)
    resolver.answers[NAME] = ["10.1.2.3"]  # rebinding
    assert names.resolve(NAME).addresses == ("127.0.0.1",)
    assert asyncio.run(names.resolve_async(NAME)).addresses == ("127.0.0.1",)
    assert resolver.asked == [NAME]


def test_a_failed_lookup_answers_for_a_while_and_is_then_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Resolver({})
    names = Names(resolver)
    for _ in range(3):
        with pytest.raises(socket.gaierror):
            names.resolve(NAME)
    assert resolver.asked == [NAME]
    monkeypatch.setattr("harness.egress.names.FAILURE_KEPT_S", 0.0)
    resolver.answers[NAME] = ["127.0.0.1"]
    assert names.resolve(NAME).addresses == ("127.0.0.1",)


def test_phones_take_the_addresses_in_turn() -> None:
    pinned = Pinned(["192.0.2.1", "192.0.2.2", "2001:db8::1"])
    assert [pinned.order()[0] for _ in range(4)] == ["192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.2"]
    assert all(sorted(pinned.order()) == sorted(pinned.addresses) for _ in range(3))
    pinned.worked("2001:db8::1")
    assert pinned.order()[0] == "2001:db8::1"


@pytest.mark.parametrize("connects", [150, pytest.param(3000, marks=[pytest.mark.slow, pytest.mark.timeout(300)])])
def test_a_slow_resolver_is_asked_once_for_a_herd(connects: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each connection asked it once: in four threads, at 20 ms, 3,000 of them took 15 s, and most ran out of time."""
    resolver = installed(monkeypatch, Resolver({NAME: ["127.0.0.1"]}, takes_s=0.02))

    async def work() -> None:
        async with serving(answering(OK)) as server:
            one_gate = Gate(PRIVATE, Names())
            loop = asyncio.get_running_loop()
            wires = [HttpClient(Origin("http", NAME, server.port), loop=loop, gate=one_gate) for _ in range(connects)]
            began = monotonic()
            for start in range(0, connects, 250):  # a listener's queue is short
                replies = await asyncio.gather(*[get(wire, timeout_s=50.0) for wire in wires[start : start + 250]])
                assert {reply.body for reply in replies} == {b"ok"}
            assert monotonic() - began < 45.0
            assert server.connections == connects
            for wire in wires:
                wire.close()

    run_on("asyncio", work())
    assert resolver.asked == [NAME]


def test_a_herd_connects_to_a_name_as_fast_as_to_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a resolver that takes half a second: asked for each, in four threads, it would take 50 s."""
    herd, takes_s = 400, 0.5
    resolver = installed(monkeypatch, Resolver({NAME: ["127.0.0.1"], "127.0.0.1": ["127.0.0.1"]}, takes_s=takes_s))

    async def took(host: str, port: int) -> float:
        one_gate, began = Gate(PRIVATE, Names()), monotonic()
        for start in range(0, herd, 100):  # a listener's queue is short
            await asyncio.gather(*[one_gate.connect(asyncio.Protocol, host, port) for _ in range(start, start + 100)])
        return monotonic() - began

    async def work() -> None:
        async with serving(answering(OK)) as server:
            by_address = await took("127.0.0.1", server.port)
            by_name = await took(NAME, server.port)
            assert by_name < 3 * by_address + 10 * takes_s, (by_name, by_address)

    run_on("asyncio", work())
    assert resolver.asked.count(NAME) == 1


# ---- the way there ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def refusing() -> Iterator[int]:
    """A port of ::1 that nobody listens on, but that is taken."""
    with socket.socket(socket.AF_INET6) as taken:
        taken.bind(("::1", 0))
        yield taken.getsockname()[1]


@pytest.mark.parametrize("kind", ["asyncio", "uvloop"])
def test_where_one_family_does_not_answer_the_other_one_does(kind: str) -> None:
    requests: list[bytes] = []

    async def script(peer: Peer) -> None:
        while request := await peer.request():
            requests.append(request)
            await peer.write(OK)

    async def work() -> None:
        async with serving(script) as server:
            ours = gate(Resolver({NAME: ["::1", "127.0.0.1"]}))
            wire = HttpClient(Origin("http", NAME, server.port), loop=asyncio.get_running_loop(), gate=ours)
            assert (await get(wire)).body == b"ok"
            wire.close()
            assert ours.names.resolve(NAME).order()[0] == "127.0.0.1", "the next one need not try"
            async with web.async_client(ours) as http:
                assert (await http.get(f"http://{NAME}:{server.port}/")).text == "ok"
            with contextlib.closing(await ours.socket(NAME, server.port)) as opened:
                assert opened.getpeername()[0] == "127.0.0.1"
            host = f"host: {NAME}:{server.port}".encode()
            assert [host in request.lower() for request in requests] == [True, True]

    run_on(kind, work())


def test_the_first_failure_is_the_one_that_is_told() -> None:
    async def work() -> None:
        with refusing() as port:
            ours = gate(Resolver({NAME: ["::1", "127.0.0.1"]}))
            wire = HttpClient(Origin("http", NAME, port), loop=asyncio.get_running_loop(), gate=ours)
            with pytest.raises(WireError) as caught:
                await get(wire)
            assert (caught.value.outcome, caught.value.detail) == (Outcome.NETWORK, Detail.REFUSED)

    run_on("asyncio", work())


def test_a_name_that_nobody_knows_is_unresolved() -> None:
    async def work() -> None:
        wire = HttpClient(Origin("http", NAME, 80), loop=asyncio.get_running_loop(), gate=gate(Resolver({})))
        with pytest.raises(WireError) as caught:
            await get(wire)
        assert (caught.value.outcome, caught.value.detail) == (Outcome.NETWORK, Detail.UNRESOLVED)

    run_on("asyncio", work())


@contextlib.asynccontextmanager
async def secure(certificate: Certificate) -> AsyncIterator[int]:
    async with serving(answering(OK), server_side(certificate)) as server:
        yield server.port


def test_tls_is_asked_for_the_name_though_the_connection_goes_to_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path, NAME)
    trusted = tls.shared_context(certificate[0])
    monkeypatch.setattr("harness.egress.web.shared_context", lambda: trusted)
    other = "other.test"
    reach = Reach(frozenset({NAME, other}), frozenset({NAME, other}))
    ours = gate(Resolver({NAME: ["127.0.0.1"], other: ["127.0.0.1"]}), reach)

    async def work() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)  # the server's, about refused handshakes
        async with secure(certificate) as port, web.async_client(ours) as http:
            loop = asyncio.get_running_loop()
            wire = HttpClient(Origin("https", NAME, port), loop=loop, tls=trusted, gate=ours)
            assert (await get(wire)).body == b"ok"
            wire.close()
            assert (await http.get(f"https://{NAME}:{port}/")).text == "ok"
            wire = HttpClient(Origin("https", other, port), loop=loop, tls=trusted, gate=ours)
            with pytest.raises(WireError) as caught:
                await get(wire)
            assert caught.value.detail == Detail.CERTIFICATE
        async with secure(certificate) as port, web.async_client(ours) as http:
            with pytest.raises(httpx.ConnectError, match="CERTIFICATE"):
                await http.get(f"https://{other}:{port}/")

    run_on("asyncio", work())


# ---- whom we trust ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", *tls.ADDED])
def test_a_private_authority_is_trusted_by_the_usual_variables(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = self_signed(tmp_path)
    for name in tls.VARIABLES:
        monkeypatch.delenv(name, raising=False)

    class Healthy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Healthy)
    server.socket = server_side(certificate).wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    url = f"https://127.0.0.1:{server.server_port}/"
    try:
        monkeypatch.setattr("harness.egress.web.shared_context", tls.shared_context.__wrapped__)
        with pytest.raises(httpx.ConnectError, match="CERTIFICATE"):
            web.get(LOOPBACK, url, timeout_s=30.0)
        monkeypatch.setenv(variable, str(certificate[0]))
        assert web.get(LOOPBACK, url, timeout_s=30.0).text == "ok"
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", *tls.ADDED])
def test_a_variable_that_names_no_certificates_is_told(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty.pem").write_text("nothing here\n")
    for path in (tmp_path / "missing.pem", tmp_path / "empty.pem"):
        monkeypatch.setenv(variable, str(path))
        with pytest.raises(UsageError, match="CA file") as caught:
            tls.shared_context.__wrapped__()
        assert variable in str(caught.value)

"""An HTTPS target behind the proxy: reverse proxying with a verified certificate, and TLS passed through."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

import pytest

from tests.certificate import Certificate, self_signed, server_side
from tests.chaos.rig import on_loop, proxied
from tests.chaos.web import Shop, ask


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return self_signed(tmp_path_factory.mktemp("tls"), "localhost")


async def serve(shop: Shop, certificate: Certificate) -> tuple[asyncio.Server, int]:
    server = await asyncio.start_server(shop, "127.0.0.1", 0, ssl=server_side(certificate))
    return server, server.sockets[0].getsockname()[1]


def test_requests_reach_an_https_target_under_its_own_name(
    certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))

    async def main() -> None:
        shop = Shop()
        server, port = await serve(shop, certificate)
        async with proxied(upstream=f"https://localhost:{port}") as rig:
            link = await rig.connect()
            assert await ask(link, "POST /a", b"xyz") == (200, b"POST /a 3")
            toxic = await rig.toxic("http_status", path="/a")
            assert (await ask(link, "POST /a", b"xyz"))[0] == 503
            assert (await ask(link, "POST /b", b"xyz"))[0] == 200
            await rig.remove(toxic)
            await rig.toxic("http_duplicate")
            assert (await ask(link, "GET /c"))[0] == 200
            link[1].write_eof()
            await asyncio.sleep(0.2)
            assert not rig.proxy.sessions, "the upstream is closed with its client"
        assert all(f"Host: localhost:{port}\r\n".encode() in head for head in shop.heads)
        assert shop.asked == ["POST /a xyz", "POST /b xyz", "GET /c", "GET /c"]
        server.close()

    on_loop(main())


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"])
def test_a_private_authority_is_named_as_for_other_programs(
    variable: str, certificate: Certificate, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(variable, str(certificate[0]))
    if variable != "CURL_CA_BUNDLE":
        monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path / "absent"))  # is left out

    async def main() -> None:
        server, port = await serve(Shop(), certificate)
        async with proxied(upstream=f"https://localhost:{port}") as rig:
            assert (await ask(await rig.connect()))[0] == 200
        server.close()

    on_loop(main())


def test_a_certificate_that_does_not_verify_is_no_connection(certificate: Certificate) -> None:
    async def main() -> None:
        shop = Shop()
        server, port = await serve(shop, certificate)
        async with proxied(upstream=f"https://localhost:{port}") as rig:
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await ask(await rig.connect())
        assert shop.asked == []
        server.close()

    on_loop(main())


def test_tls_can_pass_through_end_to_end(certificate: Certificate) -> None:
    async def main() -> None:
        server, port = await serve(Shop(), certificate)
        async with proxied(upstream=f"127.0.0.1:{port}") as rig:
            await rig.toxic("latency", latency=20)
            host, listen = rig.proxy.listen.split(":")
            trusting = ssl.create_default_context(cafile=certificate[0])
            link = await asyncio.open_connection(host, int(listen), ssl=trusting, server_hostname="localhost")
            assert (await ask(link))[0] == 200
            link[1].close()
        server.close()

    on_loop(main())

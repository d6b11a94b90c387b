"""What the control plane reads has an end, whatever a target sends."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from harness.config.load import ResolvedKeys
from harness.core.errors import TargetError
from harness.core.ownership import CLAIM_PATH
from harness.core.secret import Secret
from harness.core.target import Target, TargetKeys
from harness.doctor.http import Asking
from harness.egress import replies, web
from harness.egress.gate import LOOPBACK
from harness.run import ownership
from harness.run.token_signing import read_key_set

PAUSE_S = 0.05


@pytest.fixture
def endless(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A target whose replies go on and on: a byte every now and then, or on /much as fast as they are read."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            much = self.path == "/much"
            with contextlib.suppress(OSError):
                while not over.wait(0.0 if much else PAUSE_S):
                    self.wfile.write(b" " * (100_000 if much else 1))

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    monkeypatch.setattr(replies, "PATIENCE", 0.05)
    monkeypatch.setattr(replies, "LARGEST", 5_000_000)
    yield f"http://127.0.0.1:{server.server_address[1]}"
    over.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("path", ["/drip", "/much"])
def test_a_reply_that_does_not_end_is_cut_off(endless: str, path: str) -> None:
    with pytest.raises(httpx.TransportError, match=r"its reply (does not end|is larger than)"):
        web.get(LOOPBACK, endless + path, timeout_s=10.0)

    async def ask() -> None:
        async with web.async_client(LOOPBACK, timeout=10.0) as http:
            await http.get(endless + path)

    with pytest.raises(httpx.TransportError, match=r"its reply (does not end|is larger than)"):
        asyncio.run(ask())


@pytest.mark.timeout(30)
def test_neither_doctor_nor_claim_nor_key_set_waits_for_ever(endless: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with Asking(LOOPBACK, endless, None) as asking:
        assert "its reply does not end" in asking.ask("GET", "/auth/v1/health", {}).problem
        assert asking.raw("/auth/v1/health", {}) is None
    with pytest.raises(TargetError, match="the target's key set cannot be read: ReadTimeout"):
        read_key_set(LOOPBACK, endless, "sb_publishable_x")
    monkeypatch.setattr(ownership, "is_loopback", lambda host: False)
    named = Target.model_validate(
        {"name": "t", "url": endless, "environment": "staging", "keys": TargetKeys(anon_env="A"),
         "ownership": {"claim": "load-0123456789abcdef"}}
    )  # fmt: skip
    keys = ResolvedKeys(anon=Secret("sb_publishable_x"), service=Secret("sb_secret_x"))
    with pytest.raises(TargetError, match=f"stands neither at {CLAIM_PATH}"):
        ownership.refuse_unowned(named, keys, LOOPBACK)


def test_a_reply_that_ends_is_read_to_its_end(endless: str) -> None:
    """Also a slow one, and one that is asked for in parts."""

    class Short(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None: ...

        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            for _ in range(3):
                self.wfile.write(b"part ")
                time.sleep(PAUSE_S)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Short)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        reply = web.get(LOOPBACK, f"http://127.0.0.1:{server.server_address[1]}/", timeout_s=10.0)
        assert reply.text == "part part part "
    finally:
        server.shutdown()
        server.server_close()
        thread.join()

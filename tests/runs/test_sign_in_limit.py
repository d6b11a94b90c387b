"""A target that limits sign-ins as GoTrue does: thirty at once, then one in two seconds for each address."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from harness.load.discovery import WELL_KNOWN
from sandbox.server import Sandbox

from .conftest import BRIEF, BRIEF_SLO, finish, start

Message = MutableMapping[str, Any]
BURST, PER_SECOND = 30, 0.5
PROFILE = f"""
extends = "{BRIEF}"
name = "crowd"
people = 60
phones = 60
realtime = false
[phases]
warmup_s = 2
measure_s = 8
drain_s = 20
[[arrivals]]
seconds = 10
rate = 7
"""


class Front:
    """Passes everything on to a sandbox, but for sign-ins beyond the limit."""

    def __init__(self, url: str) -> None:
        self.behind = url
        self.url = ""
        self.refused = 0
        self._tokens, self._at = float(BURST), time.monotonic()
        self._client = httpx.AsyncClient(base_url=url, trust_env=False, timeout=60)

    async def __call__(
        self,
        scope: MutableMapping[str, Any],
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        if scope["type"] == "websocket":  # no socket goes through here; phones of the profile open none
            await receive()
            await send({"type": "websocket.close", "code": 1000})
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        path = scope["raw_path"].decode()
        if path == "/auth/v1/token" and b"password" in scope["query_string"] and not self._admitted():
            self.refused += 1
            reply = json.dumps({"code": 429, "error_code": "over_request_rate_limit", "msg": "Request rate limit"})
            await self._answer(send, 429, [(b"content-type", b"application/json")], reply.encode())
            return
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
        found = await self._client.request(scope["method"], path + query.decode(), headers=headers, content=body)
        content = found.content
        if path == WELL_KNOWN:
            content = json.dumps({**found.json(), "url": self.url}).encode()
        kept = [
            (name.lower(), value)
            for name, value in found.headers.raw
            if name.lower() not in (b"content-length", b"content-encoding", b"transfer-encoding", b"connection")
        ]
        await self._answer(send, found.status_code, kept, content)

    def _admitted(self) -> bool:
        now = time.monotonic()
        self._tokens = min(BURST, self._tokens + (now - self._at) * PER_SECOND)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    async def _answer(
        self, send: Callable[[Message], Awaitable[None]], status: int, headers: list[tuple[bytes, bytes]], body: bytes
    ) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


@contextmanager
def limited(url: str) -> Iterator[Front]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        front = Front(url)
        front.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(front, log_level="error", lifespan="off"))
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
        thread.start()
        try:
            yield front
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_people_whom_a_sign_in_limit_keeps_out_are_the_first_thing_said(sandbox: Sandbox, tmp_path: Path) -> None:
    profile = tmp_path / "crowd.toml"
    profile.write_text(PROFILE)
    with limited(sandbox.url) as front:
        out = tmp_path / "runs"
        run = finish(start(out, profile, "--url", front.url, "--slo", BRIEF_SLO), out)
    assert front.refused >= 3
    assert run.code == 10, run.said
    assert run.verdict["sentence"].startswith("The target's sign-in limit, not the app, kept "), run.said
    assert run.verdict["facts"]["sessions"]["broken_off"] >= front.refused

"""A sandbox that is ready, a front that breaks one thing of it, and the doctor's look at either."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import websockets

from harness.config.load import load_profile, load_target
from harness.core.profile import Profile
from harness.doctor.ask import find
from harness.doctor.examine import examine
from harness.doctor.facts import MachineFact
from harness.doctor.model import Diagnosis
from sandbox.server import Sandbox, SandboxOptions
from sandbox.switches import Switches
from tests.sandbox.signed_in import sql

PEOPLE = 12
MODERN = ("api_keys=new", "token_signing=ES256")
MACHINE = MachineFact(descriptors=20_000, ports=28_000, cores=2, memory_bytes=8_000_000_000, us_a_request=250.0)
MARK = """
update auth.users set raw_app_meta_data = raw_app_meta_data || '{"harness_tag": "p"}' where email like 'p\\_%'
returning id
"""
TARGET = """
name = "patient"
url = "{url}"
environment = "local"
[keys]
anon_env = "DOCTOR_PUBLISHABLE"
service_env = "DOCTOR_SECRET"
dsn_env = "DOCTOR_DSN"
{keys}
[people]
tag = "p"
domain = "people.sandbox.test"
password_env = "DOCTOR_PASSWORD"
{more}
"""
SIGNED = 'signing_key_env = "DOCTOR_SIGNING_KEY"'
Reply = tuple[int, dict[str, str], bytes]
Change = Callable[[str, str, Reply], Reply]
"""Method and path with query, and what the sandbox answers; what is answered instead."""


@pytest.fixture(scope="session")
def modern() -> Iterator[Sandbox]:
    with Sandbox(SandboxOptions(people=PEOPLE, catalogue=60, switches=Switches.parse(MODERN))) as running:
        assert len(sql(running, MARK)) == PEOPLE
        yield running


@pytest.fixture
def environment(modern: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Sandbox:
    """What the target file's variables hold, for a test to change one of them."""
    known = modern.discovery
    for name, value in (
        ("DOCTOR_PUBLISHABLE", known["anon_key"]),
        ("DOCTOR_SECRET", known["service_key"]),
        ("DOCTOR_SIGNING_KEY", known["signing_key"]),
        ("DOCTOR_DSN", known["dsn"]),
        ("DOCTOR_PASSWORD", known["people"]["password"]),
    ):
        monkeypatch.setenv(name, value)
    return modern


def profile(**changes: Any) -> Profile:
    small = {"people": 10, "phones": 8, **changes}
    return load_profile("smoke").model_copy(update=small)


def written(folder: Path, url: str, *, keys: str = SIGNED, more: str = "") -> Path:
    path = folder / "patient.toml"
    path.write_text(TARGET.format(url=url, keys=keys, more=more))
    return path


def diagnosed(
    path: Path, asked: Profile | None = None, machine: MachineFact = MACHINE, **options: bool
) -> Mapping[str, Diagnosis]:
    found = examine(find(load_target(path), asked or profile(), machine, **options))
    return {one.check: one for one in found}


def faults(found: Mapping[str, Diagnosis]) -> list[str]:
    return [check for check, one in found.items() if one.wrong]


class Front:
    """In front of a sandbox, with one thing changed. sockets: False: it lets no WebSocket through."""

    def __init__(self, url: str, change: Change, *, sockets: bool = True) -> None:
        self.url = ""
        self._change = change
        self._sockets = sockets
        self._ws = "ws" + url.removeprefix("http")
        self._client = httpx.AsyncClient(base_url=url, trust_env=False, timeout=30)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        query = b"?" + scope["query_string"] if scope["query_string"] else b""
        path = (scope["raw_path"] + query).decode()
        if scope["type"] == "websocket":
            await self._pass_socket(path, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = [(name, value) for name, value in scope["headers"] if name != b"host"]
        found = await self._client.request(scope["method"], path, headers=headers, content=body)
        kept = {
            name.lower(): value
            for name, value in found.headers.items()
            if name.lower() not in ("content-length", "content-encoding", "transfer-encoding", "connection")
        }
        status, told, content = self._change(scope["method"], path, (found.status_code, kept, found.content))
        pairs = [(name.encode(), value.encode()) for name, value in told.items()]
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": content})

    async def _pass_socket(self, path: str, receive: Any, send: Any) -> None:
        await receive()
        if not self._sockets:
            await send({"type": "websocket.close", "code": 1000})
            return
        async with websockets.connect(self._ws + path, proxy=None) as behind:
            await send({"type": "websocket.accept"})

            async def back() -> None:
                async for frame in behind:
                    await send({"type": "websocket.send", "text": str(frame)})

            task = asyncio.create_task(back())
            try:
                while (message := await receive())["type"] == "websocket.receive":
                    await behind.send(message.get("text") or message["bytes"])
            finally:
                task.cancel()


def as_it_is(method: str, path: str, reply: Reply) -> Reply:
    return reply


def without_user(method: str, path: str, reply: Reply) -> Reply:
    """A token endpoint that is out of tokens."""
    if path.startswith("/auth/v1/token") and "password" in path:
        body = json.dumps({"code": 429, "error_code": "over_request_rate_limit", "msg": "Request rate limit"})
        return 429, {"content-type": "application/json"}, body.encode()
    return reply


@contextmanager
def front(
    url: str, change: Change = as_it_is, *, sockets: bool = True, certificate: tuple[Path, Path] | None = None
) -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        chain, key = certificate or (None, None)
        app = Front(url, change, sockets=sockets)
        config = uvicorn.Config(
            app, log_level="error", lifespan="off", date_header=False, ssl_certfile=chain, ssl_keyfile=key
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])), daemon=True)
        thread.start()
        while not server.started and thread.is_alive():
            threading.Event().wait(0.01)
        try:
            yield f"http{'' if certificate is None else 's'}://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)

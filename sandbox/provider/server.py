"""The provider's address: `POST /api/v1/responses`, whole or as events, and `GET /api/v1/models`.

One request a connection and a protocol of its own: what matters here are connections that break, say nothing or end
in the middle, which a web framework would not let happen.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import orjson

from sandbox.provider import answers, models
from sandbox.provider.answers import NONSENSE, Answer, Asked
from sandbox.provider.faults import ProviderFault, ProviderFaults, number

PATH = "/api/v1"
KEY = "sandbox-provider-key"
LARGEST = 1_000_000
PATIENCE_S = 10.0
RETRY_AFTER_S = 1
DELTA_CHARS = 24


@dataclass
class Provider:
    """A provider that listens on this machine between `start` and `stop`. delay_s: more before each first token."""

    seed: int = 1
    delay_s: float = 0.0
    price_percent: int = 100
    faults: ProviderFaults = field(init=False)
    asked: Counter[str] = field(default_factory=Counter)
    url: str = ""
    _server: asyncio.Server | None = None
    _open: set[asyncio.Task[None]] = field(default_factory=set)
    _count: int = 0

    def __post_init__(self) -> None:
        self.faults = ProviderFaults(self.seed, time.monotonic)

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=LARGEST)
        port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}{PATH}"

    async def stop(self) -> None:
        """Nobody is there any more, and nothing goes on."""
        if self._server is not None:
            self._server.close()
        for task in tuple(self._open):
            task.cancel()
        if self._open:
            await asyncio.wait(self._open, timeout=1.0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            if self.faults.dead:
                writer.transport.abort()
                self.asked["dead"] += 1
                return
            async with asyncio.timeout(PATIENCE_S):
                method, path, headers, body = await _request(reader)
            await self._answer(reader, writer, method, path, headers, body)
        except (TimeoutError, OSError, EOFError, ValueError, asyncio.CancelledError):
            writer.transport.abort()
        finally:
            self._open.discard(task)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
    ) -> None:
        if headers.get("authorization") != f"Bearer {KEY}":
            return await _whole(writer, 401, _error(401, "No auth credentials found"))
        if (method, path) == ("GET", f"{PATH}/models"):
            found = [{"id": name} for name in models.MODELS]
            return await _whole(writer, 200, {"data": found})
        if (method, path) != ("POST", f"{PATH}/responses"):
            return await _whole(writer, 404, _error(404, "Not Found"))
        try:
            wanted = orjson.loads(body)
            asked = answers.read(wanted, models.MODELS)
        except ValueError as error:
            return await _whole(writer, 400, _error(400, str(error)))
        self._count += 1
        self.asked[asked.model.name] += 1
        fault = self.faults.draw(asked.model.name, asked.key)
        if fault is not None and fault.mode == "timeout":
            self.asked["timeout"] += 1
            await reader.read(1)  # until the other side gives up
            return None
        if fault is not None and await self._failed(writer, fault):
            return None
        return await self._say(writer, asked, fault, stream=wanted.get("stream") is True)

    async def _failed(self, writer: asyncio.StreamWriter, fault: ProviderFault) -> bool:
        """Whether there is no answer at all."""
        self.asked[fault.mode] += 1
        if fault.mode == "dead":
            writer.transport.abort()
        elif fault.mode == "rate_limited":
            await _whole(writer, 429, _error(429, "Rate limit exceeded"), f"retry-after: {RETRY_AFTER_S}\r\n")
        elif fault.mode == "server_error":
            await _whole(writer, 503, _error(503, "No instances available"))
        else:
            return False
        return True

    async def _say(
        self, writer: asyncio.StreamWriter, asked: Asked, fault: ProviderFault | None, *, stream: bool
    ) -> None:
        said = answers.answer(asked, self.price_percent)
        mode = fault.mode if fault is not None else ""
        content = NONSENSE if mode == "nonsense" else said.text if stream else said.content
        identifier = f"gen-{self.seed}-{self._count}"
        luck = 0.7 + 0.6 * number(self.seed, "speed", identifier)
        before = self.delay_s + (fault.seconds if fault is not None and mode == "slow_start" else 0.0)
        first = before + asked.model.first_token_s * luck * models.PACE
        rest = said.tokens * asked.model.token_s * luck * models.PACE
        if stream:
            await _events(writer, asked, said, content, identifier, (first, rest), cut=mode == "truncated")
        else:
            await asyncio.sleep(first + rest)
            body = answers.response(asked, said, identifier, content)
            await _whole(writer, 200, body, cut=mode == "truncated")


async def _request(reader: asyncio.StreamReader) -> tuple[str, str, dict[str, str], bytes]:
    """:raises ValueError, EOFError: it is no request."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ")
    pairs = (line.partition(":") for line in head[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= LARGEST:
        raise ValueError("too long")
    return method, path, headers, await reader.readexactly(length)


_REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}


async def _whole(writer: asyncio.StreamWriter, status: int, body: Any, more: str = "", *, cut: bool = False) -> None:
    text = orjson.dumps(body)
    head = (
        f"HTTP/1.1 {status} {_REASONS.get(status, 'Service Unavailable')}\r\ncontent-type: application/json\r\n"
        f"{more}connection: close\r\ncontent-length: {len(text)}\r\n\r\n"
    )
    writer.write(head.encode() + (text[: len(text) // 2] if cut else text))
    await writer.drain()


async def _events(
    writer: asyncio.StreamWriter,
    asked: Asked,
    said: Answer,
    content: str,
    identifier: str,
    times: tuple[float, float],
    *,
    cut: bool,
) -> None:
    """Deltas at the model's speed, then the whole. cut: the connection breaks half-way."""
    first, rest = times
    await asyncio.sleep(first)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n")
    pieces = [content[at : at + DELTA_CHARS] for at in range(0, len(content), DELTA_CHARS)] or [""]
    begun = asyncio.get_running_loop().time()
    for place, piece in enumerate(pieces):
        if cut and place >= len(pieces) // 2:
            writer.transport.abort()
            return
        writer.write(_event({"type": "response.output_text.delta", "delta": piece}))
        await writer.drain()
        due = begun + rest * (place + 1) / len(pieces)
        await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
    done = answers.response(asked, said, identifier, content)
    writer.write(_event({"type": "response.completed", "response": done}) + b"data: [DONE]\n\n")
    await writer.drain()


def _event(data: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(data) + b"\n\n"


def _error(status: int, message: str) -> dict[str, Any]:
    return {"error": {"code": status, "message": message}}

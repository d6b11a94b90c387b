"""The switches that act on a whole reply: slowness, a failing gateway, broken replies, as one ASGI layer."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.slowness import ServiceQueue, Slowness
from sandbox.switches import Switches
from sandbox.throttles import OneCore

_GATEWAY_PAGE = (
    b"<html>\r\n<head><title>%s</title></head>\r\n<body>\r\n<center><h1>%s</h1></center>\r\n<hr>"
    b"<center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)
_BROKEN = (
    (500, b"500 Internal Server Error"),
    (503, b"503 Service Temporarily Unavailable"),
)
_TOO_SLOW = (504, b"504 Gateway Time-out")
_REFUSED = b'{"code":"42501","details":null,"hint":null,"message":"new row violates row-level security policy"}'
_BEFORE = (
    "error_share",
    "delay_deck_ms",
    "delay_feed_ms",
    "delay_message_ms",
    "delay_all_ms",
    "latency_per_row_us",
    "slow_connection_ms",
    "cold_start_ms",
    "capacity_per_second",
    "throttle_cpu_ms",
)
_AFTER = (
    "latency_percent",
    "chat_latency_percent",
    "feed_latency_percent",
    "latency_drift_percent",
    "truncate_one_in",
    "message_lost_reply_one_in",
    "message_refused_stored_one_in",
)


class Interference:
    """Delays replies, answers a share of requests in the gateway's name, and breaks replies of finished work.

    A fixed delay is added before the application works, so it is part of every reply's time but holds no database
    connection. A request that the gateway answers never reaches the application and leaves no trace in the database.
    """

    def __init__(self, app: ASGIApp, *, switches: Switches, rng: random.Random) -> None:
        self._app = app
        self._rng = rng
        self._switches = switches
        self._slowness = Slowness(switches, time.monotonic)
        self._queue = (
            ServiceQueue(switches.capacity_per_second, time.monotonic) if switches.capacity_per_second else None
        )
        self._core = OneCore(switches.throttle_cpu_ms) if switches.throttle_cpu_ms else None
        self._whole = any(getattr(switches, name) for name in _AFTER)
        self._turns: Counter[str] = Counter()

    @staticmethod
    def needed(switches: Switches) -> bool:
        """Whether any of the switches this layer implements is set."""
        return any(getattr(switches, name) for name in _BEFORE + _AFTER)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(("/functions/v1/", "/rest/v1/")):
            await self._app(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        if self._rng.random() < self._switches.error_share:
            await self._gateway_page(send, *_BROKEN[self._rng.random() < 0.5])
            return
        if self._queue is not None and not await self._served(self._queue):
            await self._gateway_page(send, *_TOO_SLOW)
            return
        if self._core is not None:
            await self._core.work()
        began = time.monotonic()
        if wait := self._slowness.before(method, path, tuple(scope.get("client") or ("", 0))):
            await asyncio.sleep(wait)
        if not self._whole:
            await self._app(scope, receive, send)
            return
        reply = _Reply()
        await self._app(scope, receive, reply.take)
        if keep_back := self._slowness.after(path, time.monotonic() - began):
            await asyncio.sleep(keep_back)
        await self._deliver(method, path, reply, send)

    async def _served(self, queue: ServiceQueue) -> bool:
        """Wait for the request's turn; False when the gateway ran out of patience first."""
        wait, patience = queue.turn(), self._switches.gateway_timeout_ms / 1000
        await asyncio.sleep(min(wait, patience) if patience else wait)
        return not patience or wait <= patience

    async def _deliver(self, method: str, path: str, reply: _Reply, send: Send) -> None:
        switches, sent_message = self._switches, method == "POST" and path == "/rest/v1/messages" and reply.status < 300
        if sent_message and self._turn("lost", switches.message_lost_reply_one_in):
            # Less than the header promises: the server closes the connection, as a dying network would.
            await reply.pass_on(send, b"", keep_length=True)
        elif sent_message and self._turn("refused", switches.message_refused_stored_one_in):
            reply.status = 403
            await reply.pass_on(send, _REFUSED)
        elif reply.body and self._turn("truncated", switches.truncate_one_in):
            await reply.pass_on(send, reply.body[: len(reply.body) // 2])
        else:
            await reply.pass_on(send, reply.body)

    def _turn(self, what: str, one_in: int) -> bool:
        """Whether it is the n-th one's turn; never while the switch is off."""
        if not one_in:
            return False
        self._turns[what] += 1
        return self._turns[what] % one_in == 0

    async def _gateway_page(self, send: Send, status: int, title: bytes) -> None:
        body = _GATEWAY_PAGE % (title, title)
        headers = [(b"content-type", b"text/html"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class _Reply:
    """A reply held back until it is whole, for what changes replies; streams lose their timing by it."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        self.body = b""

    async def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message.get("headers", []))
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")

    async def pass_on(self, send: Send, body: bytes, *, keep_length: bool = False) -> None:
        headers = self.headers
        if not keep_length and body != self.body:
            headers = [(name, value) for name, value in headers if name.lower() != b"content-length"]
            headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

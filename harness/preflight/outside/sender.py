"""Sends what is on the list: through the gate, at the target's pace, so often and no more."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx
import websockets
from websockets.asyncio.client import ClientConnection

from harness.client.http.paced import paced
from harness.core.errors import HarnessError
from harness.core.resolved_target import ResolvedTarget
from harness.egress import web
from harness.egress.gate import Gate
from harness.preflight.outside.model import Ask, Reply

TIMEOUT_S = 30.0
NO_ANSWER = (502, 503, 504)
"""Of whatever stands before the application."""
TOO_LATE = "57014"
"""A statement's time was over."""
JOIN_S, HEAR_S = 8.0, 3.0
AT_ONCE = 10
"""Connections."""


class Sender:
    """Open it as a context manager. tokens: of callers, by name."""

    def __init__(self, access: ResolvedTarget, tokens: Mapping[str, str]) -> None:
        self._access = access
        self._tokens = dict(tokens)
        self._gate = Gate(access.reach)
        self._left: Counter[tuple[object, ...]] = Counter()
        self.sent: list[Ask] = []
        self.unanswered: list[str] = []  # what was sent and not answered, so that it shows nothing
        self._http: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Sender:
        limits = httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE)
        self._http = web.async_client(
            self._gate,
            limits=limits,
            base_url=self._access.url,
            timeout=TIMEOUT_S,
            event_hooks=paced(self._access.limits),
        )
        return self

    async def __aexit__(self, *about: object) -> None:
        if self._http is not None:
            await self._http.aclose()

    def know(self, tokens: Mapping[str, str]) -> None:
        """More callers."""
        self._tokens |= tokens

    def allow(self, asks: Iterable[Ask]) -> None:
        """Put requests on the list."""
        for one in asks:
            self._left[one.key] += one.times

    async def __call__(self, ask: Ask) -> Reply:
        """:raises HarnessError: it is not on the list, or was sent as often as the list says."""
        self._take(ask)
        assert self._http is not None
        try:
            found = await self._http.request(ask.method, ask.path, headers=self._headers(ask), content=ask.content)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:  # a path or a token of the target's making
            reply = Reply(0, problem=type(error).__name__)
            self.unanswered.append(f"{ask.text}: {reply.text}")
            return reply
        reply = Reply(found.status_code, {name.lower(): text for name, text in found.headers.items()}, found.content)
        if reply.status in NO_ANSWER or reply.code == TOO_LATE:
            self.unanswered.append(f"{ask.text}: {reply.text}")
        return reply

    async def sign_in(self, ask: Ask, content: object) -> Reply:
        """As a call, with a body that no list may show."""
        self.allow([ask])
        self._take(ask)
        self.sent.pop()
        real = replace(ask, body=content)
        self.allow([real])
        reply = await self(real)
        self.sent[-1] = ask
        return reply

    async def at_once(self, asks: Sequence[Ask]) -> list[Reply]:
        """As `Send.at_once`."""
        return list(await asyncio.gather(*[self(one) for one in asks]))

    async def overhears(self, listener: Ask, then: Ask | None, needle: str) -> str:
        """As `Send.overhears`."""
        self._take(listener)
        try:
            async with web.websocket(self._gate, self._socket_url(listener.path)) as socket:
                refused = await self._join(socket, listener)
                if refused or then is None:
                    return f"refused: {refused}" if refused else "joined"
                reply = await self(then)
                if not reply.ok:
                    return f"refused: nothing was written: {reply.text}"
                return "heard" if await _hears(socket, needle) else "joined"
        except (OSError, TimeoutError, ValueError, RecursionError, websockets.WebSocketException) as error:
            return f"refused: {type(error).__name__}"

    async def _join(self, socket: ClientConnection, listener: Ask) -> str:
        """Why it was refused; empty: it was not, and changes of the database come from now on."""
        join = dict(listener.body)
        if token := self._token(listener.caller):
            join["payload"] = {**join["payload"], "access_token": token}
        await socket.send(json.dumps(join))
        wants = bool(join["payload"]["config"].get("postgres_changes"))
        async with asyncio.timeout(JOIN_S):
            async for frame in socket:
                said = _object(json.loads(frame))
                payload = _object(said.get("payload"))
                if said.get("event") == "phx_reply" and payload.get("status") != "ok":
                    return str(_object(payload.get("response")).get("reason", "error"))[:120]
                if said.get("event") == "phx_reply" and not wants:
                    return ""
                if said.get("event") == "system" and payload.get("extension") == "postgres_changes":
                    return "" if payload.get("status") == "ok" else str(payload.get("message", ""))[:120]
        return "the socket was closed"

    def _take(self, ask: Ask) -> None:
        if self._left[ask.key] < 1:
            raise HarnessError(f"preflight would send what is not on its list: {ask.text}")
        self._left[ask.key] -= 1
        self.sent.append(ask)

    def _token(self, caller: str) -> str:
        return self._access.anon_key.reveal() if caller == "anonymous" else self._tokens.get(caller, "")

    def _socket_url(self, path: str) -> str:
        base, key = self._access.url.removeprefix("http"), quote(self._access.anon_key.reveal())
        return f"ws{base}{path}?vsn=1.0.0&apikey={key}"

    def _headers(self, ask: Ask) -> dict[str, str]:
        service = self._access.service_key.reveal()
        token = service if ask.caller == "service" else self._token(ask.caller)
        headers = {}
        if ask.caller != "nobody":
            headers["apikey"] = service if ask.caller == "service" else self._access.anon_key.reveal()
        if token:
            headers["authorization"] = f"Bearer {token}"
        if ask.body is not None:
            headers["content-type"] = "application/json"
        return headers | dict(ask.headers)


def _object(found: Any) -> Mapping[str, Any]:
    """The same; an empty one where something else came."""
    return found if isinstance(found, dict) else {}


async def _hears(socket: ClientConnection, needle: str) -> bool:
    try:
        async with asyncio.timeout(HEAR_S):
            async for frame in socket:
                if needle in str(frame):
                    return True
    except TimeoutError:
        pass
    return False

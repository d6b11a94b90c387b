"""HTTP clients and websockets of the control plane, through the gate: probes, provisioning, evidence, discovery.

What phones send goes through `Gate.connect` itself. Proxy variables of the environment would be hosts that the gate has
not seen, so they are ignored; redirects are not followed, and if they were, they would be asked about here, too. What a
target answers is kept within bounds (`harness.egress.replies`).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from time import monotonic
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from harness.egress.gate import Gate, host_of
from harness.egress.replies import OFFERED, AsyncBody, Body, TimelyTransport, patience_of, taken
from harness.egress.tls import shared_context


def client(gate: Gate, **options: Any) -> httpx.Client:
    """`options`: httpx's. Use as a context manager. Its requests end in httpx's errors."""
    return httpx.Client(transport=GatedTransport(gate), trust_env=False, **options)


def async_client(gate: Gate, *, limits: httpx.Limits | None = None, **options: Any) -> httpx.AsyncClient:
    """As `client`, for the running loop."""
    return httpx.AsyncClient(transport=AsyncGatedTransport(gate, limits), trust_env=False, **options)


def get(gate: Gate, url: str, *, timeout_s: float, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """One request. :raises httpx.HTTPError: no reply."""
    with client(gate, timeout=timeout_s) as http:
        return http.get(url, headers=dict(headers or {}))


def told(gate: Gate, url: str, *, timeout_s: float) -> bool:
    """Whether an empty POST was answered well. False without a reply."""
    try:
        with client(gate, timeout=timeout_s) as http:
            return http.post(url).is_success
    except httpx.HTTPError:
        return False


@asynccontextmanager
async def websocket(gate: Gate, url: str) -> AsyncIterator[ClientConnection]:
    """A websocket. A redirect to elsewhere ends it. :raises OSError: :raises websockets.WebSocketException:"""
    parts = httpx.URL(url)
    secure = parts.scheme == "wss"
    opened = await gate.socket(host_of(url), parts.port or (443 if secure else 80))
    options: dict[str, Any] = {"ssl": shared_context(), "server_hostname": host_of(url)} if secure else {}
    async with connect(url, sock=opened, proxy=None, **options) as socket:
        yield socket


class GatedTransport(httpx.BaseTransport):
    """Sends each request to an address of its host, with the name left in Host and in TLS."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._plain = TimelyTransport(verify=False, trust_env=False)
        self._secure: TimelyTransport | None = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        transport = self._plain
        if request.url.scheme == "https":
            if self._secure is None:
                self._secure = TimelyTransport(verify=shared_context(), trust_env=False)
            transport = self._secure
        host = request.url.host
        try:
            pinned = self._gate.addresses(host)
        except OSError as error:
            raise httpx.ConnectError(str(error), request=request) from error
        problem: httpx.TransportError | None = None
        until = monotonic() + patience_of(request)
        for address in pinned.order():
            try:
                reply = transport.handle_request(_by_address(request, host, address))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:  # nothing was sent yet
                problem = problem or error
            else:
                pinned.worked(address)
                try:
                    return taken(reply, request.url, Body(reply, until))
                except BaseException:
                    reply.close()
                    raise
        assert problem is not None
        raise problem

    def close(self) -> None:
        self._plain.close()
        if self._secure is not None:
            self._secure.close()


class AsyncGatedTransport(httpx.AsyncBaseTransport):
    """As `GatedTransport`, for the running loop."""

    def __init__(self, gate: Gate, limits: httpx.Limits | None = None) -> None:
        self._gate = gate
        self._limits = limits or httpx.Limits()
        self._plain = httpx.AsyncHTTPTransport(verify=False, trust_env=False, limits=self._limits)
        self._secure: httpx.AsyncHTTPTransport | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        transport = self._plain
        if request.url.scheme == "https":
            if self._secure is None:
                self._secure = httpx.AsyncHTTPTransport(verify=shared_context(), trust_env=False, limits=self._limits)
            transport = self._secure
        host = request.url.host
        try:
            pinned = await self._gate.addresses_async(host)
        except OSError as error:
            raise httpx.ConnectError(str(error), request=request) from error
        problem: httpx.TransportError | None = None
        until = monotonic() + patience_of(request)
        for address in pinned.order():
            try:
                async with asyncio.timeout(until - monotonic() if math.isfinite(until) else None):
                    reply = await transport.handle_async_request(_by_address(request, host, address))
            except TimeoutError:
                raise httpx.ReadTimeout("its reply does not begin", request=request) from None
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:  # nothing was sent yet
                problem = problem or error
            else:
                pinned.worked(address)
                try:
                    return taken(reply, request.url, AsyncBody(reply, until))
                except BaseException:
                    await reply.aclose()
                    raise
        assert problem is not None
        raise problem

    async def aclose(self) -> None:
        await self._plain.aclose()
        if self._secure is not None:
            await self._secure.aclose()


def _by_address(request: httpx.Request, host: str, address: str) -> httpx.Request:
    """The same request, to be sent to one address."""
    headers = request.headers.copy()  # Host is among them already
    headers["accept-encoding"] = OFFERED
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": host},
    )

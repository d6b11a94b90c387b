"""The second delivery of a request: its own connection, its reply read and thrown away."""

from __future__ import annotations

import asyncio
import ssl
from http import HTTPStatus
from typing import cast

from chaos.http1 import MalformedHttp, MessageHead, MessageMark, MessageScanner
from chaos.proxy.address import Upstream
from chaos.proxy.log import WARNING, tell
from chaos.proxy.upstream_addresses import UpstreamAddresses

PATIENCE_S = 30.0


class _Copy(asyncio.Protocol):
    def __init__(self, request: bytes, done: asyncio.Future[None]) -> None:
        self._request = request
        self._done = done
        self._reply = MessageScanner(reply=True)
        self._reply.no_body = request.startswith(b"HEAD ")
        self._interim = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._request)

    def data_received(self, data: bytes) -> None:
        self._reply.push(data)
        try:
            while (part := self._reply.pull()) is not None:
                if isinstance(part, MessageHead):
                    self._interim = part.status < HTTPStatus.OK and part.status != HTTPStatus.SWITCHING_PROTOCOLS
                elif part is MessageMark.END and not self._interim:
                    self._finish()
                    return
        except MalformedHttp:
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        self._finish()

    def _finish(self) -> None:
        if not self._done.done():
            self._done.set_result(None)


async def deliver(
    upstream: Upstream, addresses: UpstreamAddresses, tls: ssl.SSLContext | None, request: bytes, after_s: float
) -> None:
    """Wait, connect, send, and stay until the reply is complete, so that the server does not see an early hang-up."""
    if after_s:
        await asyncio.sleep(after_s)
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()
    try:
        async with asyncio.timeout(PATIENCE_S):
            transport = await addresses.open(loop, lambda: _Copy(request, done), tls)
            try:
                await done
            finally:
                transport.close()
    except (OSError, TimeoutError, ValueError) as error:
        tell(WARNING, "duplicate not delivered", upstream=upstream.place, error=error or type(error).__name__)

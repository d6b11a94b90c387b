"""The quirks that act on a whole reply: added delay and a failing gateway, as one ASGI layer."""

from __future__ import annotations

import asyncio
import random

from starlette.types import ASGIApp, Receive, Scope, Send

from sandbox.quirks import Quirks

_GATEWAY_PAGE = (
    b"<html>\r\n<head><title>%s</title></head>\r\n<body>\r\n<center><h1>%s</h1></center>\r\n<hr>"
    b"<center>cloudflare</center>\r\n</body>\r\n</html>\r\n"
)
_GATEWAY_STATUS = (
    (500, b"500 Internal Server Error"),
    (503, b"503 Service Temporarily Unavailable"),
)


class Interference:
    """Delays replies and answers a share of requests in the gateway's name.

    A delay is added before the application works, so it is part of every reply's time but holds no database
    connection. A request that the gateway answers never reaches the application and leaves no trace in the database.
    """

    def __init__(self, app: ASGIApp, *, quirks: Quirks, rng: random.Random) -> None:
        self._app = app
        self._rng = rng
        self._error_share = quirks.error_share
        self._delay_s = {
            key: milliseconds / 1000
            for key, milliseconds in (
                (("POST", "/functions/v1/media-swipe-deck"), quirks.delay_deck_ms),
                (("POST", "/rest/v1/rpc/get_home_feed_v2"), quirks.delay_feed_ms),
                (("POST", "/rest/v1/messages"), quirks.delay_message_ms),
            )
            if milliseconds
        }

    @staticmethod
    def needed(quirks: Quirks) -> bool:
        """Whether any of the switches this layer implements is set."""
        return bool(quirks.error_share or quirks.delay_deck_ms or quirks.delay_feed_ms or quirks.delay_message_ms)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path: str = scope["path"]
            if path.startswith(("/functions/v1/", "/rest/v1/")) and self._rng.random() < self._error_share:
                await self._gateway_page(send)
                return
            delay = self._delay_s.get((scope["method"], path))
            if delay:
                await asyncio.sleep(delay)
        await self._app(scope, receive, send)

    async def _gateway_page(self, send: Send) -> None:
        status, title = _GATEWAY_STATUS[self._rng.random() < 0.5]
        body = _GATEWAY_PAGE % (title, title)
        headers = [(b"content-type", b"text/html"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

"""What stands in front of PostgREST: the API key check, preflights, and CORS headers on every reply."""

from __future__ import annotations

from collections.abc import Container
from urllib.parse import parse_qsl

import orjson
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandbox.principal import Principal
from sandbox.services import TokenCache
from sandbox.tokens import one_key

_PREFIX = "/rest/v1"
_CORS = [
    (b"access-control-allow-origin", b"*"),
    (
        b"access-control-expose-headers",
        b"Content-Encoding, Content-Location, Content-Range, Content-Type, Date, Location",
    ),
]
_PREFLIGHT = [
    *_CORS,
    (b"access-control-allow-methods", b"GET, HEAD, PUT, PATCH, POST, DELETE, OPTIONS"),
    (
        b"access-control-allow-headers",
        b"authorization, apikey, accept-profile, content-profile, content-type, prefer, range, x-client-info, "
        b"x-request-id",
    ),
    (b"access-control-max-age", b"86400"),
    (b"content-length", b"0"),
]


class Gateway:
    """Refuses REST requests without one of the deployment's keys before PostgREST sees them."""

    def __init__(self, app: ASGIApp, keys: Container[str]) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith(_PREFIX):
            await self._app(scope, receive, send)
            return
        if scope["method"] == "OPTIONS":
            await send({"type": "http.response.start", "status": 200, "headers": _PREFLIGHT})
            await send({"type": "http.response.body", "body": b""})
            return

        async def open_to_all(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *_CORS]
            await send(message)

        key = _api_key(scope)
        if key in self._keys:
            await self._app(scope, receive, open_to_all)
            return
        if key:
            hint = "Double check your Supabase `anon` or `service_role` API key."
            body = orjson.dumps({"message": "Invalid API key", "hint": hint})
        else:
            hint = "No `apikey` request header or url param was found."
            body = orjson.dumps({"message": "No API key found in request", "hint": hint})
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await open_to_all({"type": "http.response.start", "status": 401, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def _api_key(scope: Scope) -> str:
    given = Headers(scope=scope).get("apikey")
    if given is None:
        given = dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("apikey")
    return given or ""


def rest_principal(tokens: TokenCache, request: Request) -> Principal:
    """Whom PostgREST acts as: the bearer token, else the API key itself.

    :raises TokenError: when that is malformed, forged or expired.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    key = _api_key(request.scope)
    if scheme.lower() != "bearer" or not token.strip():
        token = key
    return tokens.verify(one_key(token.strip(), key)).principal

"""Puts the sandbox's parts together into one ASGI application."""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandbox import auth, counts, rest, storage
from sandbox.edge_runtime import EdgeRuntime
from sandbox.functions import routes as functions
from sandbox.gateway import Gateway, rest_principal
from sandbox.interference import Interference
from sandbox.provider import admin as provider_admin
from sandbox.provider.server import Provider
from sandbox.realtime import Hub, admin, broadcast
from sandbox.rest import RestContext
from sandbox.services import Services

DISCOVERY_PATH = "/.well-known/movinesta-sandbox"
REALTIME_PATH = DISCOVERY_PATH + "/realtime"
PROVIDER_PATH = DISCOVERY_PATH + "/provider"
COUNTS_PATH = DISCOVERY_PATH + "/counts"


def rest_context(services: Services) -> RestContext:
    """What the REST routes stand on; load its schema before serving."""
    return RestContext(
        pool=services.pool,
        authenticate=functools.partial(rest_principal, services.tokens),
        acquire_timeout_s=services.acquire_timeout_s,
        statement_ms=services.statement_ms,
        throttle=services.throttle,
    )


def build(
    services: Services,
    context: RestContext,
    realtime: Hub,
    provider: Provider,
    discovery: Callable[[], Mapping[str, Any]],
) -> ASGIApp:
    """The application. discovery: what its discovery document says, secrets included."""
    starlette = Starlette(
        routes=[
            *functions.routes(services),
            *rest.routes(context),
            *auth.routes(services),
            *storage.routes(services),
            *broadcast.routes(realtime),
            Route("/health", _health, methods=["GET"]),
            Route(DISCOVERY_PATH, _discovery(discovery), methods=["GET"]),
            *admin.routes(realtime, REALTIME_PATH, _from_this_machine),
            *provider_admin.routes(provider, PROVIDER_PATH, _from_this_machine),
            *counts.routes((services.pool, services.auth_pool), COUNTS_PATH, _from_this_machine),
        ],
        exception_handlers={HTTPException: _unrouted},
    )
    app: ASGIApp = Gateway(starlette, services.keys.accepted)
    if EdgeRuntime.needed(services.switches):
        app = EdgeRuntime(app, switches=services.switches, names=functions.FUNCTIONS)
    if Interference.needed(services.switches):
        app = Interference(app, switches=services.switches, rng=services.rng)
    return app


async def _health(request: Request) -> Response:
    return _json({"ok": True})


def _discovery(document: Callable[[], Mapping[str, Any]]) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        if not _from_this_machine(request):
            raise HTTPException(404)
        return _json(dict(document()))

    return answer


def _from_this_machine(request: Request) -> bool:
    """The document holds every secret: only a peer that could read our memory anyway may have it.

    A browser on this machine is such a peer and works for whatever page it shows: so the name that was asked for has
    to be one of this machine's too (a page's own name may lead here: DNS rebinding), and no other page may have asked.
    """
    if request.client is None or not _is_loopback(request.client.host):
        return False
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    if len(request.headers.getlist("host")) != 1 or not _is_loopback(_name(host)):
        return False
    if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        return False
    return origin is None or origin.lower() == f"{request.url.scheme}://{host}".lower()


def _name(host: str) -> str:
    """Of a Host header; empty when it is none."""
    try:
        parts = urlsplit(f"http://{host}")
        parts.port  # noqa: B018 - raises for a bad one
    except ValueError:
        return ""
    return "" if "@" in host else parts.hostname or ""


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _unrouted(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    message = "no Route matched with those values" if error.status_code == 404 else error.detail
    return _json({"message": message}, error.status_code)


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")

"""`POST /functions/v1/tmdb-proxy`: TMDb without its token (contract 6.3). `fake` is what answers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import envelope, gate, intake
from sandbox.functions.tmdb import fake as fake_tmdb
from sandbox.functions.tmdb import request as tmdb_request
from sandbox.functions.tmdb.fake import UpstreamError
from sandbox.functions.tmdb.request import SETTINGS_PREFIX, Bounds
from sandbox.services import Services, log

NAME = "tmdb-proxy"
ACTION = "tmdb"
_SETTINGS_SQL = f"""
select key, value::text as value from public.app_settings
where scope = 'server_only' and starts_with(key, '{SETTINGS_PREFIX}')
"""
_CACHEABLE = (("cache-control", "public, max-age=86400, stale-while-revalidate=604800"), ("x-function", NAME))


async def handle(services: Services, request: Request) -> Response:
    """Person, then body and path, then quota: only an allowed path costs any."""
    preflight = envelope.preflight(request)
    if preflight is not None:
        return preflight
    if request.method != "POST":
        return envelope.error(request, "Method not allowed", 405, "METHOD_NOT_ALLOWED")
    gate.require_api_key(services, request, bearer_is_enough=True)
    await gate.require_person(services, request)
    path, given = _asked(await intake.json_body(request))
    if not path.startswith("/"):
        return envelope.error(request, "Invalid path", 400, "BAD_REQUEST_INVALID_PATH")
    if not tmdb_request.allowed(path):
        return envelope.error(request, "Path not allowed", 400, "BAD_REQUEST_PATH_NOT_ALLOWED")
    limits = await _bounds(services)
    await intake.require_quota(services, request, ACTION, limits.per_minute)
    try:
        async with asyncio.timeout(limits.timeout_ms / 1000):
            data = await fake_tmdb.answer(services, path, tmdb_request.parameters(given, limits))
    except UpstreamError as error:
        return _upstream(request, error)
    except (TimeoutError, TypeError, *intake.DATABASE_ERRORS) as error:
        log.debug("%s: %s", NAME, error)
        return envelope.error(request, "Internal server error", 500, "INTERNAL_ERROR")
    extra = _CACHEABLE if path == "/configuration" else ()
    return envelope.reply(request, {"ok": True, "data": data}, extra=extra)


def _asked(body: Any) -> tuple[str, Mapping[str, Any]]:
    members = body if isinstance(body, dict) else {}
    path, params = members.get("path"), members.get("params")
    return path.strip() if isinstance(path, str) else "", params if isinstance(params, dict) else {}


async def _bounds(services: Services) -> Bounds:
    """Read anew each time: a change is seen at once, where an isolate of the real one lags up to 60 s."""
    try:
        async with services.connection() as connection:
            rows = await connection.fetch(_SETTINGS_SQL)
    except intake.DATABASE_ERRORS as error:
        log.warning("settings unreadable, using the defaults: %s", error)
        return Bounds()
    return tmdb_request.bounds({row["key"]: orjson.loads(row["value"]) for row in rows})


def _upstream(request: Request, error: UpstreamError) -> Response:
    status, wait = error.status, error.retry_after_s
    if status in (401, 403):
        return envelope.error(request, "TMDb authentication failed", 500, "TMDB_AUTH_FAILED")
    if status == 404:
        return envelope.error(request, "Not found", 404, "TMDB_NOT_FOUND")
    if status == 429:
        return envelope.error(request, "TMDb rate limit exceeded", 429, "TMDB_RATE_LIMIT", retryAfterSeconds=wait or 5)
    if 500 <= status <= 599:
        message = "TMDb temporarily unavailable"
        return envelope.error(request, message, 502, "TMDB_UPSTREAM_5XX", retryAfterSeconds=wait or 2)
    return _bad_request(request, status)


def _bad_request(request: Request, upstream_status: int) -> Response:
    """The error envelope with TMDb's status in it."""
    message, identifier = "TMDb request failed", envelope.request_id(request.headers)
    body = {
        "ok": False,
        "error": message,
        "message": message,
        "code": "TMDB_BAD_REQUEST",
        "status": upstream_status,
        "requestId": identifier,
    }
    return envelope.reply(request, body, 400, with_request_id=identifier)

"""What the validating functions do with a request before their own work: method, content type, JSON, quota."""

from __future__ import annotations

import re
import uuid
from typing import Any, NoReturn

import asyncpg
from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import envelope
from sandbox.functions.envelope import FunctionRefusal
from sandbox.limits import CHECK_SQL, LimitVerdict, subject_key
from sandbox.services import PoolExhausted, Services, log

DATABASE_ERRORS = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, PoolExhausted)
"""Whatever a statement may fail with, values that the driver itself refuses included."""
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


def is_uuid(value: Any) -> bool:
    """Whether it is a UUID's text, of any version."""
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def message_of(error: BaseException) -> str:
    """What PostgREST gives as `message`: the error's own line, without detail and hint."""
    return str(getattr(error, "message", None) or error)


async def json_body(request: Request) -> Any:
    """The parsed body. :raises FunctionRefusal: 415 UNSUPPORTED_MEDIA_TYPE, 400 BAD_REQUEST_INVALID_BODY."""
    if not envelope.is_json(request.headers.get("content-type", "")):
        raise FunctionRefusal(
            envelope.error(
                request, "Unsupported Media Type", 415, "UNSUPPORTED_MEDIA_TYPE", expected="application/json"
            )
        )
    try:
        return envelope.parse_json(await request.body())
    except ValueError:
        bad_body(request, "Invalid JSON body")


def bad_body(request: Request, message: str = "Invalid request body") -> NoReturn:
    """:raises FunctionRefusal: 400 BAD_REQUEST_INVALID_BODY, always."""
    raise FunctionRefusal(envelope.error(request, message, 400, "BAD_REQUEST_INVALID_BODY"))


def method_not_allowed(request: Request) -> Response:
    """What six functions answer to anything but POST."""
    return envelope.error(request, "Method Not Allowed", 405, "METHOD_NOT_ALLOWED", allow=["POST"])


def unechoed(body: Any, status: int = 200, *, request: Request, extra: tuple[tuple[str, str], ...] = ()) -> Response:
    """A reply that knows nothing of its request, because some functions forget to pass it on (7.1).

    So it carries a fresh request id instead of the caller's, and any origin may read it.
    """
    return envelope.reply(request, body, status, extra=extra, with_request_id=str(uuid.uuid4()), open_to_all=True)


def unechoed_error(request: Request, message: str, status: int, code: str | None = None) -> Response:
    """The error envelope of a function that forgot to pass the request on."""
    identifier = str(uuid.uuid4())
    body: dict[str, Any] = {"ok": False, "error": message, "message": message}
    if code:
        body["code"] = code
    body["requestId"] = identifier
    return envelope.reply(request, body, status, with_request_id=identifier, open_to_all=True)


async def spend(services: Services, request: Request, action: str, limit: int) -> LimitVerdict:
    """Count one request of the caller, as named by the unverified token, against a calendar minute's limit (7.3)."""
    if services.switches.limiter_missing:
        return LimitVerdict(True)
    key = subject_key(request.headers)
    try:
        async with services.connection() as connection:
            row = await connection.fetchrow(CHECK_SQL, key, action, limit)
    except DATABASE_ERRORS as error:
        log.warning("limiter failed, counting in memory: %s", error)
        return services.memory_limiter.hit(key, action, limit)
    return LimitVerdict(row["ok"], row["retry_after_seconds"])


async def require_quota(services: Services, request: Request, action: str, limit: int) -> None:
    """:raises FunctionRefusal: 429 RATE_LIMIT with a retry hint in body and header."""
    verdict = await spend(services, request, action, limit)
    if not verdict.ok:
        raise too_many(request, verdict)


def too_many(request: Request, verdict: LimitVerdict) -> FunctionRefusal:
    """429 RATE_LIMIT."""
    return FunctionRefusal(
        envelope.error(request, "Rate limit exceeded", 429, "RATE_LIMIT", retryAfterSeconds=verdict.retry_after_s)
    )

"""GoTrue's refusals, in the shape of the API version the caller asks for.

Source: Supabase Auth's error reference and API versioning (`x-supabase-api-version`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

CODES_SINCE = "2024-01-01"
_CORS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"X-Total-Count, Link, X-Supabase-Api-Version"),
    (b"vary", b"Origin"),
)


class AuthError(Exception):
    """One refusal: HTTP status, GoTrue's error code, and its message."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message


def json_reply(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON reply any origin may read."""
    response = Response(orjson.dumps(body), status, dict(headers or {}), "application/json")
    response.raw_headers.extend(_CORS)
    return response


def empty_reply(status: int = 204) -> Response:
    """A reply without a body."""
    response = Response(status_code=status)
    response.raw_headers.extend(_CORS)
    return response


def refusal(error: AuthError, api_version: str) -> Response:
    """From 2024-01-01 on `{code, message}`; before that the status stood in `code`."""
    headers = {"x-sb-error-code": error.code}
    if api_version >= CODES_SINCE:
        headers["x-supabase-api-version"] = CODES_SINCE
        return json_reply({"code": error.code, "message": error.message}, error.status, headers)
    body = {"code": error.status, "error_code": error.code, "msg": error.message}
    return json_reply(body, error.status, headers)


def no_api_key(given: str | None) -> Response:
    """What the gateway in front of GoTrue says to a missing or wrong `apikey`."""
    if given is None:
        body = {"message": "No API key found in request", "hint": "No `apikey` request header or url param was found."}
    else:
        hint = "Double check your Supabase `anon` or `service_role` API key."
        body = {"message": "Invalid API key", "hint": hint}
    return json_reply(body, 401)

"""How edge functions answer: JSON replies, the error envelope, request ids, body parsing (contract 7.1)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import cors, js, js_json

_RETRY_AFTER_KEYS = ("retryAfterSeconds", "retry_after_seconds", "retryAfter")


class FunctionRefusal(Exception):
    """A handler's early reply."""

    def __init__(self, response: Response) -> None:
        super().__init__("refused")
        self.response = response


def request_id(headers: Mapping[str, str]) -> str:
    """The caller's correlation id, else the CDN's, else a fresh one."""
    given = (headers.get("x-request-id") or headers.get("x-correlation-id") or "").strip()
    if given:
        return given
    ray = headers.get("cf-ray", "").strip()
    return f"cf_{ray}" if ray else str(uuid.uuid4())


def reply(
    request: Request,
    body: Any,
    status: int = 200,
    *,
    extra: Iterable[tuple[str, str]] = (),
    with_request_id: str | None = None,
    open_to_all: bool = False,
) -> Response:
    """A JSON reply with the shared CORS headers; `x-request-id` is echoed unless another one is given.

    open_to_all: as to a caller without `Origin`, whoever calls.
    """
    headers = request.headers
    return raw(
        js_json.dumps(body),
        status,
        (
            *cors.headers_for("" if open_to_all else headers.get("origin", "")),
            ("content-type", "application/json"),
            ("x-request-id", with_request_id or request_id(headers)),
            *extra,
        ),
    )


def as_javascript(body: Any) -> orjson.Fragment:
    """A body that holds values of the database, whose numbers JavaScript would write in another way."""
    return orjson.Fragment(js.stringify(body))


def raw(content: bytes, status: int, headers: Iterable[tuple[str, str]]) -> Response:
    """A reply with exactly these headers and its length."""
    response = Response(content, status)
    # Starlette would add its own content-type; these replies name theirs
    response.raw_headers = [
        *((name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers),
        (b"content-length", str(len(content)).encode()),
    ]
    return response


def error(request: Request, message: str, status: int, code: str | None = None, **extra: Any) -> Response:
    """The shared error envelope; a retry hint in `extra` also becomes the `retry-after` header, clamped to 1..3600."""
    identifier = request_id(request.headers)
    body: dict[str, Any] = {"ok": False, "error": message, "message": message}
    if code:
        body["code"] = code
    body.update(extra)
    body["requestId"] = identifier
    hint = next((extra[key] for key in _RETRY_AFTER_KEYS if extra.get(key) is not None), None)
    headers = []
    if isinstance(hint, int | float) and hint > 0:
        headers.append(("retry-after", str(max(1, min(3600, int(hint))))))
    return reply(request, body, status, extra=headers, with_request_id=identifier)


def preflight(request: Request) -> Response | None:
    """The answer to an OPTIONS request; None for any other."""
    if request.method != "OPTIONS":
        return None
    headers = (*cors.headers_for(request.headers.get("origin", "")), ("content-type", "text/plain;charset=UTF-8"))
    return raw(b"ok", 200, headers)


def is_json(content_type: str) -> bool:
    """Whether the validating helpers take this content type for JSON."""
    lowered = content_type.lower()
    return lowered.startswith("application/json") or "+json" in lowered


def parse_json(body: bytes) -> Any:
    """What `Request.json()` gives in the edge runtime.

    Broken UTF-8 becomes replacement characters; a byte order mark is an error; depth, huge numbers and half surrogate
    pairs are none (`js_json`).
    :raises ValueError: when the body is not JSON, an empty one included.
    """
    try:
        return orjson.loads(body)
    except ValueError:
        return js_json.parse(body.decode("utf-8", "replace"))

"""Server-sent events, as assistant-chat-reply frames them (contract 6.6)."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterator
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from sandbox.functions import cors, envelope

CHUNK_CHARS = 24


def event(name: str, data: dict[str, Any]) -> bytes:
    """One event: its name, one line of JSON, an empty line. (pure)"""
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"


def deltas(text: str) -> Iterator[bytes]:
    """The text as `delta` events of CHUNK_CHARS characters. (pure)"""
    for start in range(0, len(text), CHUNK_CHARS):
        yield event("delta", {"text": text[start : start + CHUNK_CHARS]})


def finished(request: Request, body: dict[str, Any], text: str = "") -> Response:
    """A reply that is complete before its first byte leaves, told in pieces all the same: the shipped default."""
    return envelope.raw(b"".join((*deltas(text), event("done", body))), 200, _headers(request))


def live(request: Request, events: AsyncIterable[bytes]) -> Response:
    """Events as they come, the headers at once."""
    return StreamingResponse(events, 200, headers=dict(_headers(request)))


def _headers(request: Request) -> tuple[tuple[str, str], ...]:
    return (
        *cors.headers_for(request.headers.get("origin", "")),
        ("content-type", "text/event-stream"),
        ("cache-control", "no-cache"),
        ("connection", "keep-alive"),
        ("x-accel-buffering", "no"),
        ("x-request-id", envelope.request_id(request.headers)),
    )

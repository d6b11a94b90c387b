"""One request and one reply as values: read from the wire, changed, and written again. (pure)

Bodies are as the sender meant them: chunks joined, gzip undone. Whoever changes nothing sends `raw`, bit for bit.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from http import HTTPStatus
from typing import Any

import orjson

from chaos.http1 import MessageHead, chunk_size
from chaos.http_fault import person

_FRAMING = (b"content-length:", b"transfer-encoding:", b"content-encoding:")


@dataclass(frozen=True)
class HttpMessage:
    """What a request and a reply share. head: with its empty line. raw_body: as it stood on the wire."""

    head: bytes
    raw_body: bytes
    headers: Mapping[str, str]

    @property
    def raw(self) -> bytes:
        """As it came."""
        return self.head + self.raw_body

    @cached_property
    def body(self) -> bytes:
        """Without its coding; as it stands where that is damaged."""
        body = self.raw_body
        if self.headers.get("transfer-encoding", "").lower().endswith("chunked"):
            body = unchunked(body)
        if self.headers.get("content-encoding", "").lower() == "gzip":
            try:
                body = gzip.decompress(body)
            except (OSError, EOFError, zlib.error):
                return body
        return body

    @cached_property
    def json(self) -> Any:
        """The body as JSON; None where it is none. Not to be changed: copies are made by `rows`."""
        try:
            return orjson.loads(self.body) if self.body else None
        except ValueError:
            return None

    def _reframed(self, body: bytes) -> tuple[bytes, dict[str, str]]:
        lines = self.head[:-4].split(b"\r\n")
        kept = [line for line in lines if not line.lower().startswith(_FRAMING)]
        head = b"\r\n".join((*kept, b"content-length: %d" % len(body), b"", b""))
        headers = {name: value for name, value in self.headers.items() if f"{name}:".encode() not in _FRAMING}
        return head, headers | {"content-length": str(len(body))}


@dataclass(frozen=True)
class CallRequest(HttpMessage):
    """A request of a phone."""

    method: str = ""
    target: str = ""

    @cached_property
    def person(self) -> str:
        """The bearer's subject; "" for nobody."""
        return person(self.headers)

    def with_body(self, body: bytes) -> CallRequest:
        """The same with another body."""
        head, headers = self._reframed(body)
        return CallRequest(head, body, headers, self.method, self.target)

    def with_json(self, data: Any) -> CallRequest:
        """The same with another body, as JSON."""
        return self.with_body(orjson.dumps(data))


@dataclass(frozen=True)
class CallReply(HttpMessage):
    """What a phone is answered."""

    status: int = 200

    @property
    def good(self) -> bool:
        return 200 <= self.status < 300

    def with_body(self, body: bytes) -> CallReply:
        """The same with another body."""
        head, headers = self._reframed(body)
        return CallReply(head, body, headers, self.status)

    def with_json(self, data: Any) -> CallReply:
        """The same with another body, as JSON."""
        return self.with_body(orjson.dumps(data))

    def with_content_type(self, kind: str) -> CallReply:
        """The same body under another name."""
        lines = self.head[:-4].split(b"\r\n")
        kept = [line for line in lines if not line.lower().startswith(b"content-type:")]
        head = b"\r\n".join((*kept, b"content-type: " + kind.encode(), b"", b""))
        return replace(self, head=head, headers={**self.headers, "content-type": kind})


def request_of(head: MessageHead, raw_body: bytes) -> CallRequest:
    """From the scanner's parts."""
    return CallRequest(head.raw, raw_body, head.headers, head.method, head.target)


def reply_of(head: MessageHead, raw_body: bytes) -> CallReply:
    """From the scanner's parts."""
    return CallReply(head.raw, raw_body, head.headers, head.status)


def made(status: int, data: Any = None) -> CallReply:
    """A reply that no server gave. data: None for no body."""
    body = b"" if data is None else orjson.dumps(data)
    headers = {"access-control-allow-origin": "*"}
    if status != HTTPStatus.NO_CONTENT:
        headers |= {"content-type": "application/json; charset=utf-8", "content-length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{lines}\r\n"
    return CallReply(head.encode(), body, headers, status)


def unchunked(data: bytes) -> bytes:
    """The chunks of a body joined, trailers left out. :raises MalformedHttp:"""
    parts, position = [], 0
    while (end := data.find(b"\r\n", position)) >= 0:
        size = chunk_size(data[position:end])
        if size == 0:
            break
        parts.append(data[end + 2 : end + 2 + size])
        position = end + 2 + size + 2
    return b"".join(parts)

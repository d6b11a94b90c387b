"""A server between phones and a sandbox that passes everything on and meddles with what comes back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import orjson

from tests.client.stage import Heard, Scripted
from tests.plain_http import NO_TLS

Meddling = Callable[[Heard, Any], Any]
"""What a good reply becomes: the request, and the reply's JSON, to be given back or another in its place."""
_HOP = frozenset(("host", "content-length", "connection", "accept-encoding"))


class Meddler(Scripted):
    """One request after the other, JSON only. meddle: may be changed at any time; replies: what came, by path."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.meddle: Meddling = lambda heard, data: data
        self.replies: dict[str, list[Any]] = {}
        self._client = httpx.Client(base_url=url, timeout=30, verify=NO_TLS)
        self._one = threading.Lock()

    def _reply(self, heard: Heard) -> bytes:
        headers = {name: value for name, value in heard.headers.items() if name not in _HOP}
        content = b"" if heard.body is None else orjson.dumps(heard.body)
        with self._one:
            came = self._client.request(heard.method, heard.path, headers=headers, content=content)
        body = came.content
        if came.is_success and body:
            data = orjson.loads(body)
            self.replies.setdefault(heard.endpoint, []).append(data)
            body = orjson.dumps(self.meddle(heard, data))
        head = [f"HTTP/1.1 {came.status_code} X", f"content-length: {len(body)}", "content-type: application/json"]
        head += [f"content-range: {came.headers['content-range']}"] if "content-range" in came.headers else []
        return "\r\n".join(head).encode() + b"\r\n\r\n" + body


@contextmanager
def meddling(url: str) -> Iterator[Meddler]:
    """One that serves."""
    with Meddler(url).serving() as server:
        assert isinstance(server, Meddler)
        yield server

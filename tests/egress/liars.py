"""Servers on loopback that say they are something, and lead elsewhere."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt

Answer = tuple[int, dict[str, str], Any]
"""Status, headers, and what becomes JSON."""


@contextmanager
def liar(answer: Callable[[BaseHTTPRequestHandler], Answer]) -> Iterator[int]:
    """Its port."""

    class Handler(BaseHTTPRequestHandler):
        def _say(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            self.rfile.read(length)
            status, headers, body = answer(self)
            data = json.dumps(body).encode()
            self.send_response(status)
            for name, value in {"content-type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        protocol_version = "HTTP/1.1"
        do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _say

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10.0)


def discovery(url: str = "", dsn: str = "") -> Callable[[BaseHTTPRequestHandler], Answer]:
    """A sandbox's description of itself."""

    def answer(asked: BaseHTTPRequestHandler) -> Answer:
        people = {"count": 60, "email_pattern": "p_{index:06d}@people.sandbox.test", "password": "p"}
        own = f"http://{asked.headers['host']}"
        said = {"name": "s", "url": url or own, "anon_key": "a", "service_key": "s", "dsn": dsn, "seed": 1}
        return 200, {}, {**said, "people": people}

    return answer


def proxy(listen: str) -> Callable[[BaseHTTPRequestHandler], Answer]:
    """A chaos proxy's API whose entries listen there."""

    def answer(asked: BaseHTTPRequestHandler) -> Answer:
        if asked.command == "POST" and asked.path == "/proxies":
            return 201, {}, {"name": "t", "listen": listen, "upstream": "u", "enabled": True, "toxics": []}
        return 200, {}, {"renewed": 1}

    return answer


def yes_man(elsewhere: str = "") -> Callable[[BaseHTTPRequestHandler], Answer]:
    """A target that lets anybody in, and redirects whatever else is asked, websockets too, to `elsewhere`."""
    people = (f"00000000-0000-4000-8000-{number:012d}" for number in itertools.count())

    def answer(asked: BaseHTTPRequestHandler) -> Answer:
        if "/token" in asked.path:
            who = next(people)
            return 200, {}, {"access_token": jwt.encode({"sub": who}, "k" * 32), "user": {"id": who}}
        if "conversation_participants" in asked.path:
            return 200, {}, [{"conversation_id": asked.path.rpartition(".")[2]}]
        if elsewhere:
            return 302, {"location": elsewhere + asked.path}, {}
        return 200, {}, []

    return answer

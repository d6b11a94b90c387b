"""A resolver of a test: slow if need be, and it counts."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import pytest


class Resolver:
    """Stands in for the system's: answers what it was told, after a while. asked: names, in their order."""

    def __init__(self, answers: dict[str, list[str]], *, takes_s: float = 0.0) -> None:
        self.answers = answers
        self.takes_s = takes_s
        self.asked: list[str] = []
        self._lock = threading.Lock()

    def __call__(self, host: Any, port: Any, *_: Any, **__: Any) -> list[tuple[Any, ...]]:
        name = host.decode() if isinstance(host, bytes) else str(host)
        with self._lock:
            self.asked.append(name)
        time.sleep(self.takes_s)
        if name not in self.answers:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, int(port or 0)))
            for one in self.answers[name]
        ]


def installed(monkeypatch: pytest.MonkeyPatch, resolver: Resolver) -> Resolver:
    """For everybody in this process who asks Python's own; asyncio's loop does, uvloop's does not."""
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    return resolver

"""Sends a run's metrics to an OpenTelemetry collector, from a thread of its own: a slow one costs nobody anything.

Only the newest set waits to be sent. What fails is told once, and again when it has worked in between; nothing of a
run depends on it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import httpx
import orjson

from harness.core.target_guard import Reach
from harness.egress import web
from harness.egress.gate import Gate, host_of
from harness.run.web_page import OtlpTarget

TIMEOUT_S = 5.0
LAST_S = 6.0
"""From the run's end until the last set has to be gone."""


class OtlpSender:
    """problem: told what went wrong. Use as a context manager."""

    def __init__(self, target: OtlpTarget, problem: Callable[[str], None]) -> None:
        host = host_of(target.url).lower()
        self._gate = Gate(
            Reach(frozenset({host}), private=frozenset({host}))
        )  # a collector may be in one's own network
        self._target, self._problem = target, problem
        self._waiting: dict[str, Any] | None = None
        self._wake, self._closing = threading.Event(), False
        self._failing = False
        self.sent = 0
        self._thread = threading.Thread(target=self._serve, name="otlp", daemon=True)

    def __enter__(self) -> OtlpSender:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        self._wake.set()
        self._thread.join(LAST_S)

    def offer(self, request: dict[str, Any]) -> None:
        """Send this set next."""
        self._waiting = request
        self._wake.set()

    def _serve(self) -> None:
        headers = {"content-type": "application/json"}
        headers |= {name: value.reveal() for name, value in self._target.headers.items()}
        with web.client(self._gate, timeout=TIMEOUT_S, headers=headers) as http:
            while True:
                self._wake.wait()
                self._wake.clear()
                request, self._waiting = self._waiting, None
                if request is not None:
                    self._send(http, request)
                if self._closing and self._waiting is None:
                    return

    def _send(self, http: httpx.Client, request: dict[str, Any]) -> None:
        try:
            reply = http.post(self._target.url, content=orjson.dumps(request))
            why = "" if reply.is_success else f"it answered {reply.status_code}"
        except httpx.HTTPError as error:
            why = f"no answer ({type(error).__name__})"
        if why and not self._failing:
            self._problem(f"metrics were not taken by {host_of(self._target.url)}: {why}")
        self._failing = bool(why)
        self.sent += not why

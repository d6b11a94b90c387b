"""One request after the other, below the target's rate; whatever comes is a `Reply`."""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from harness.doctor.facts import Reply
from harness.egress import web
from harness.egress.gate import Gate

TIMEOUT_S = 15.0


class Asking:
    """A deployment that is asked. per_second: None asks as fast as it answers."""

    def __init__(self, gate: Gate, url: str, per_second: float | None) -> None:
        self._client = web.client(gate, base_url=url, timeout=TIMEOUT_S)
        self._every_s = 0.0 if per_second is None else 1.0 / per_second
        self._next = 0.0
        self.ahead_s: float | None = None  # the target's clock, by the quickest reply so far
        self.days_left: float | None = None  # of its certificate
        self.tls_problem = ""
        self._quickest = float("inf")

    def __enter__(self) -> Asking:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: Any = None) -> Reply:
        """One request. Never raises for what the target does."""
        time.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + self._every_s
        begun = time.time()
        try:
            with self._client.stream(method, path, headers=dict(headers), json=body) as reply:
                self._certificate(reply)
                reply.read()
        except UnicodeError:
            return Reply(problem="the token that it gave fits into no header")
        except httpx.HTTPError as error:
            if "CERTIFICATE" in str(error) or "SSL" in str(error):
                self.tls_problem = str(error)[:200]
            return Reply(problem=f"{type(error).__name__}: {error}"[:300])
        self._clock(reply, begun, time.time())
        return Reply(reply.status_code, _json(reply), reply.headers.get("content-type", "")[:80], "")

    def raw(self, path: str, headers: Mapping[str, str]) -> httpx.Response | None:
        """The reply itself, where its text counts."""
        try:
            return self._client.get(path, headers=dict(headers))
        except (httpx.HTTPError, UnicodeError):
            return None

    def _clock(self, reply: httpx.Response, begun: float, ended: float) -> None:
        if ended - begun >= self._quickest or "date" not in reply.headers:
            return
        try:
            theirs = parsedate_to_datetime(reply.headers["date"]).timestamp() + 0.5  # whole seconds, cut off
        except (ValueError, TypeError, OverflowError):
            return
        self._quickest, self.ahead_s = ended - begun, theirs - (begun + ended) / 2

    def _certificate(self, reply: httpx.Response) -> None:
        stream = reply.extensions.get("network_stream")
        tls = stream.get_extra_info("ssl_object") if stream is not None else None
        shown = tls.getpeercert() if tls is not None else None
        if shown and "notAfter" in shown:
            self.days_left = (ssl.cert_time_to_seconds(shown["notAfter"]) - time.time()) / 86_400


def _json(reply: httpx.Response) -> object:
    try:
        return reply.json()
    except (ValueError, RecursionError):
        return None

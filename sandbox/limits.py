"""The edge functions' rate limiter: a database counter per calendar minute, and the fallback when that fails.

Whom a request counts for comes from its token without checking the signature, as in the application (contract 7.3,
T50): a forged token burns somebody else's quota.
"""

from __future__ import annotations

import base64
import binascii
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson

FALLBACK_WINDOW_S = 60.0
CHECK_SQL = "select ok, remaining, reset_at, retry_after_seconds from public.check_rate_limit($1, $2, $3)"


@dataclass(frozen=True, slots=True)
class LimitVerdict:
    """Whether the request may go on, and if not after how many seconds the limiter would let it."""

    ok: bool
    retry_after_s: int | None = None


def subject_key(headers: Mapping[str, str]) -> str:
    """Whom a request counts for: `user:<sub>`, else `ip:<first forwarded address>`, else `unknown`. (pure)"""
    subject = _unverified_subject(headers.get("authorization", ""))
    if subject:
        return f"user:{subject}"
    forwarded = headers.get("x-forwarded-for", "").split(",")[0].strip()
    address = forwarded or headers.get("cf-connecting-ip", "").strip() or headers.get("x-real-ip", "").strip()
    return f"ip:{address}" if address else "unknown"


def _unverified_subject(authorization: str) -> str:
    scheme, _, token = authorization.partition(" ")
    parts = token.strip().split(".")
    if scheme.lower() != "bearer" or len(parts) < 2:
        return ""
    try:
        payload = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return ""
    subject = payload.get("sub") if isinstance(payload, dict) else None
    return subject.strip() if isinstance(subject, str) else ""


class MemoryLimiter:
    """What an isolate falls back to when the counter in the database cannot be asked: 60 s from the first hit."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counters: dict[tuple[str, str], tuple[float, int]] = {}

    def hit(self, key: str, action: str, max_per_minute: int) -> LimitVerdict:
        """Count one request; blocked ones count too."""
        now = self._clock()
        ends_at, count = self._counters.get((key, action), (now, 0))
        if now >= ends_at:
            self._counters[key, action] = (now + FALLBACK_WINDOW_S, 1)
            return LimitVerdict(True)
        count += 1
        self._counters[key, action] = (ends_at, count)
        if count > max_per_minute:
            return LimitVerdict(False, max(1, math.ceil(ends_at - now)))
        return LimitVerdict(True)

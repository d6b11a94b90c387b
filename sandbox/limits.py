"""The edge functions' rate limiter: a database counter per calendar minute, and the fallback when that fails; GoTrue's.

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
from cachetools import TTLCache

from sandbox.switches import Switches

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


PLATFORM_BURST = 30
RATE_S = 300.0
BUCKETS_KEPT = 100_000
BUCKET_LASTS_S = 3_600.0
MAIL_GAP_S = 60.0


class TokenBucket:
    """Holds so many at most, and is refilled evenly: full at first. Times are seconds of whoever asks."""

    def __init__(self, capacity: float, per_second: float, now: float) -> None:
        self._capacity = self._held = capacity
        self._per_second = per_second
        self._at = now

    def take(self, now: float) -> bool:
        """Whether there was one; taken if so."""
        self._held = min(self._capacity, self._held + (now - self._at) * self._per_second)
        self._at = now
        if self._held < 1:
            return False
        self._held -= 1
        return True


class AddressLimiter:
    """GoTrue's limits by address: a bucket for each address and kind of request, forgotten after an hour.

    Kinds: `token` (all grants together, refreshes too), and each with its own buckets `signup`, `recover`, `user`.
    """

    def __init__(self, switches: Switches, clock: Callable[[], float] = time.monotonic) -> None:
        burst = switches.sign_in_burst or PLATFORM_BURST
        signing_up = (burst, switches.sign_up_per_5_minutes / RATE_S)
        self._kinds = {
            "token": (burst, switches.sign_in_per_5_minutes / RATE_S),
            "signup": signing_up,
            "recover": signing_up,
            "user": signing_up,
        }
        self._clock = clock
        self._buckets: TTLCache[tuple[str, str], TokenBucket] = TTLCache(BUCKETS_KEPT, BUCKET_LASTS_S, timer=clock)

    def admits(self, kind: str, address: str) -> bool:
        """Whether one more request of this kind may come from there; counted if so. Other kinds always may."""
        burst, per_second = self._kinds.get(kind, (0, 0.0))
        if not per_second:
            return True
        now, key = self._clock(), (kind, address)
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(burst, per_second, now)
        return bucket.take(now)


class MailLimiter:
    """How many mails GoTrue sends: so many an hour for the project, and one a minute to a person."""

    def __init__(self, per_hour: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._bucket = TokenBucket(per_hour, per_hour / 3600, clock()) if per_hour else None
        self._sent: TTLCache[str, float] = TTLCache(BUCKETS_KEPT, MAIL_GAP_S, timer=clock)

    def refusal(self, person: str) -> str | None:
        """Why this person gets no mail now, in GoTrue's words; None: it is sent."""
        if self._bucket is None:
            return None
        now = self._clock()
        sent = self._sent.get(person)
        if sent is not None:
            wait = max(1, math.ceil(sent + MAIL_GAP_S - now))
            return f"For security purposes, you can only request this after {wait} seconds."
        if not self._bucket.take(now):
            return "email rate limit exceeded"
        self._sent[person] = now
        return None


def caller_address(peer: str, headers: Mapping[str, str], *, trusted: bool, service: bool) -> str:
    """Whose request it is, as the hosted platform sees it. (pure)

    The platform's edge writes down who connected, and what a caller says of itself in `X-Forwarded-For` counts for
    nothing; whoever holds the service key may name the person behind it in `Sb-Forwarded-For`. trusted: behind a load
    balancer of one's own, which writes the first address.
    """
    if trusted and (first := headers.get("x-forwarded-for", "").partition(",")[0].strip()):
        return first
    if service and (named := headers.get("sb-forwarded-for", "").strip()):
        return named
    return peer

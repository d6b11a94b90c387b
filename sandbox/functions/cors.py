"""Which browser origins may read an edge function's reply (contract 7.2)."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import urlsplit

_ALLOWED = frozenset(
    {
        "https://movinesta.github.io",
        "https://movinesta.app",
        "https://www.movinesta.app",
        "http://localhost:5173",
        "http://localhost:3000",
        "http://127.0.0.1:5173",
        "http://127.0.0.1:3000",
    }
)
_COMMON: tuple[tuple[str, str], ...] = (
    (
        "access-control-allow-headers",
        "authorization, x-client-info, apikey, content-type, x-job-token, x-request-id, x-runner-job-id",
    ),
    ("access-control-allow-methods", "GET, POST, OPTIONS"),
    ("access-control-expose-headers", "x-request-id, x-runner-job-id, retry-after"),
    ("vary", "Origin"),
)
# Two functions bring their own, open to every origin; onboarding-initial-likes leaves the two ids out of what a browser
# may send. Nobody names a max-age, so a browser asks again before nearly every call.
_OPEN_ORIGIN, _OPEN_METHODS = ("access-control-allow-origin", "*"), ("access-control-allow-methods", "POST, OPTIONS")
_BASIC = "authorization, x-client-info, apikey, content-type"
EXPERIMENTS: tuple[tuple[str, str], ...] = (
    _OPEN_ORIGIN,
    ("access-control-allow-headers", f"{_BASIC}, x-request-id, x-runner-job-id"),
    _OPEN_METHODS,
)
ONBOARDING: tuple[tuple[str, str], ...] = (_OPEN_ORIGIN, ("access-control-allow-headers", _BASIC), _OPEN_METHODS)


def allowed(origin: str) -> bool:
    """Whether a browser origin is one of the application's own."""
    if origin in _ALLOWED:
        return True
    try:
        parts = urlsplit(origin)
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme == "https" and (host == "movinesta.app" or host.endswith(".movinesta.app"))


@lru_cache(maxsize=256)
def headers_for(origin: str) -> tuple[tuple[str, str], ...]:
    """The headers for a request's `Origin`, empty for none: an unknown one is executed but not allowed to read."""
    if not origin:
        return (*_COMMON, ("access-control-allow-origin", "*"))
    if allowed(origin):
        return (*_COMMON, ("access-control-allow-origin", origin), ("access-control-allow-credentials", "true"))
    return _COMMON

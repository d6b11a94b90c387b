"""The phone's wall clock, in the one spelling the client sends."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> str:
    """Like JavaScript's `new Date().toISOString()`: UTC, milliseconds, a Z."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")

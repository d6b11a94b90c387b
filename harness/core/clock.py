"""The phone's wall clock, in the one spelling the client sends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def utc_now(ahead_s: float = 0.0) -> str:
    """Like JavaScript's `new Date().toISOString()`: UTC, milliseconds, a Z; on a clock that is ahead by so much."""
    return (datetime.now(UTC) + timedelta(seconds=ahead_s)).isoformat(timespec="milliseconds").replace("+00:00", "Z")

"""Where the client waits: what it asks only with the answer to something else in its hands. (pure)"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.trace.model import TracedRequest
from harness.trace.pairing import Traced

WAITS: tuple[tuple[str, str], ...] = (
    ("GET /auth/v1/user", "POST /rest/v1/rpc/get_home_feed_v2"),
    ("POST /auth/v1/token", "POST /rest/v1/rpc/get_home_feed_v2"),
    ("GET /rest/v1/profiles", "GET /rest/v1/profiles_public"),
    ("GET /rest/v1/profiles", "GET /rest/v1/user_stats"),
    ("GET /rest/v1/lists", "GET /rest/v1/list_items"),
    ("GET /rest/v1/follows", "GET /rest/v1/profiles_public"),
    ("GET /rest/v1/library_entries", "GET /rest/v1/media_items"),
    ("POST /functions/v1/assistant-orchestrator", "POST /functions/v1/assistant-suggestion-action"),
    ("POST /functions/v1/media-search", "POST /functions/v1/tmdb-proxy"),
    ("POST /functions/v1/tmdb-proxy", "POST /functions/v1/catalog-sync-batch"),
    ("GET /rest/v1/blocked_users", "POST /rest/v1/messages"),
    ("GET /rest/v1/messages", "POST /rest/v1/message_delivery_receipts"),
    ("POST /rest/v1/messages", "POST /rest/v1/message_read_receipts"),
)
"""Calls of which the second may use what the first brought. The recording says whether it does."""
CLOCK_S = 0.02


def other_order(recorded: Sequence[Traced], phone: Sequence[Traced]) -> Iterator[tuple[str, str, float]]:
    """Where the recording waited, every time, and the phone did not: the second call, and what was not waited for."""
    for first, second in WAITS:
        mine, theirs = _waited(recorded, first, second), _waited(phone, first, second)
        if mine is None or theirs is None or not mine[0] or theirs[0]:
            continue
        yield second, f"sent after the reply to {first}; the phone sends it before", theirs[1]


def _waited(events: Sequence[Traced], first: str, second: str) -> tuple[bool, float] | None:
    """Whether the first of `second` came after the reply to the first of `first`; None where one of them is not there,
    or nobody knows when a reply came."""
    before = next((one.event for one in events if _is(one, first)), None)
    after = next((one for one in events if _is(one, second)), None)
    if not isinstance(before, TracedRequest) or before.seconds is None or after is None:
        return None
    return after.t >= before.end - CLOCK_S, after.t


def _is(one: Traced, call: str) -> bool:
    """Whether this is that call, whatever its body says."""
    return one.shape.what == call or one.shape.what.startswith(f"{call} ")

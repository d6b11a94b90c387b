"""Which call the shipped client tries again, after which answer, how often and when. (pure)

Three layers stand on each other (contract 0.2, 1.1, 10.4):

transport   the fetch wrapper around everything supabase-js does: GET and HEAD only
auth        auth-js's own loop around the token refresh
query       react-query around whole reads, transport retries included; never around mutations

What looks like a retry but is none (contract 0.2 consequences 1-3, traps T25-T28): the `retries` option of
`callSupabaseFunction` and its refresh on 401 never fire, `Retry-After` is never honoured, no delay carries jitter.
All delays are in seconds; a status of None means that no complete answer came.
"""

from __future__ import annotations

from typing import Any

TRANSPORT_DELAYS = (0.2, 0.4)
TRANSPORT_METHODS = frozenset(("GET", "HEAD"))
QUERY_DELAY = 1.0
LANDING_DECK_DELAY = 0.75
REFRESH_FIRST_DELAY = 0.2
REFRESH_BUDGET = 30.0

_TRANSPORT_STATUSES = frozenset((408, 425, 429))
_REFRESH_STATUSES = frozenset((502, 503, 504))


def transport_delays(method: str) -> tuple[float, ...]:
    """How long the fetch wrapper waits before each further attempt; empty for writes and RPC (contract 0.2)."""
    return TRANSPORT_DELAYS if method in TRANSPORT_METHODS else ()


def transport_retries(method: str, status: int | None) -> bool:
    """Whether the fetch wrapper tries a call again that ended so: GET and HEAD on 408, 425, 429, 5xx or no answer.

    Not asked when the app itself aborted the call: an aborted signal ends the loop (contract 0.2).
    """
    if method not in TRANSPORT_METHODS:
        return False
    return status is None or status in _TRANSPORT_STATUSES or 500 <= status <= 599


def query_delays(*, landing_deck: bool = False) -> tuple[float, ...]:
    """How long react-query waits before each further try of a failed read: one, after 1 s (contract 0.2).

    The deck on the landing page waits 750 ms instead (contract 2.6). Mutations have no such layer and are never tried
    again.
    """
    return (LANDING_DECK_DELAY if landing_deck else QUERY_DELAY,)


def refresh_retries(status: int | None) -> bool:
    """Whether a failed token refresh may be tried again: no answer, 502, 503, 504 (contract 1.1)."""
    return status is None or status in _REFRESH_STATUSES


def refresh_delay(failures: int, status: int | None, elapsed: float) -> float | None:
    """How long auth-js waits after the `failures`-th failed refresh, or None when it gives up (contract 1.1).

    200 ms, doubled each time, as long as the wait ends less than 30 s after the first try began; `elapsed` is the
    time since then. Giving up on a retryable failure keeps the session, see `refresh_loses_session`.
    """
    if failures < 1:
        raise ValueError("refresh_delay answers a failure: failures counts from 1")
    if not refresh_retries(status):
        return None
    delay: float = REFRESH_FIRST_DELAY * 2 ** (failures - 1)
    return delay if elapsed + delay < REFRESH_BUDGET else None


def refresh_answer(status: int, data: Any) -> int | None:
    """The status as auth-js takes it: a good one whose body is not JSON, or is empty, counts as no answer at all."""
    return None if not status or (200 <= status <= 299 and data is None) else status


def names_no_session(data: Any) -> bool:
    """Whether a refresh's JSON lacks what makes a session; auth-js ends the stored one then, whatever the status."""
    parts = ("access_token", "refresh_token", "expires_in")
    return not isinstance(data, dict) or not all(data.get(part) for part in parts)


def refresh_loses_session(status: int | None) -> bool:
    """Whether a refresh that ended so signs the person out: every error but the retryable ones (contract 1.1)."""
    return not refresh_retries(status) and not (status is not None and 200 <= status <= 299)

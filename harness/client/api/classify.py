"""From a complete reply to its outcome. Nothing is believed because it answered 200. (pure)

Sources: contract sections 0.2 (what a 200 may hide), 3.3 (the event endpoint), 7.1 (envelope), 7.5 (status map).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import orjson

from harness.client.api.call import Service
from harness.core.outcome import Outcome

_QUOTA_CODES = frozenset({"PGRST000", "PGRST001", "PGRST002", "PGRST003", "53300"})


@dataclass(frozen=True, slots=True)
class Reading:
    """What the app would make of a reply. `data` is None unless the body was JSON."""

    outcome: Outcome
    data: Any = None
    code: str = ""  # the server's own error code, when it gave one
    status: int = 0  # 0: no complete reply
    body: bytes = b""


def read(service: Service, status: int, body: bytes) -> Reading:
    """Classify one complete reply of `service`."""
    return replace(_read(service, status, body), status=status, body=body)


def _read(service: Service, status: int, body: bytes) -> Reading:
    data, parsed = _parse(body)
    if status >= 400:
        return _refusal(status, data)
    if status >= 300:
        return Reading(Outcome.CLIENT_ERROR, data, "redirect")
    if not parsed:
        return Reading(Outcome.SOFT_FAILURE, code="invalid_json")
    if service is Service.EVENTS:
        return _events(data)
    if service is Service.FUNCTION:
        return _function(data)
    return Reading(Outcome.OK, data)


def _parse(body: bytes) -> tuple[Any, bool]:
    """An empty body is a valid answer (204, minimal return); anything else has to be JSON."""
    if not body:
        return None, True
    try:
        return orjson.loads(body), True
    except orjson.JSONDecodeError:
        return None, False


def _refusal(status: int, data: Any) -> Reading:
    code = ""
    if isinstance(data, dict):
        code = str(data.get("code") or data.get("error_code") or "")
    if code in _QUOTA_CODES:
        return Reading(Outcome.QUOTA, data, code)
    if status in (401, 403):
        outcome = Outcome.AUTH if status == 401 else Outcome.REJECTED
    elif status == 409:
        outcome = Outcome.CONFLICT
    elif status == 429:
        outcome = Outcome.RATE_LIMITED
    elif status == 408:
        outcome = Outcome.TIMEOUT
    elif status >= 500:
        outcome = Outcome.SERVER_ERROR
    elif code in ("invalid_credentials", "invalid_grant", "refresh_token_not_found", "refresh_token_already_used"):
        outcome = Outcome.AUTH
    else:
        outcome = Outcome.CLIENT_ERROR
    return Reading(outcome, data, code)


def _function(data: Any) -> Reading:
    """supabase functions answer `ok: false` under 200 too; the client raises on it, and on null data."""
    if not isinstance(data, dict):
        return Reading(Outcome.SOFT_FAILURE, data, "missing_data")
    if data.get("ok") is False:
        code = str(data.get("code") or "")
        limited = "RATE_LIMIT" in code
        return Reading(Outcome.RATE_LIMITED if limited else Outcome.SOFT_FAILURE, data, code)
    return Reading(Outcome.OK, data)


def _events(data: Any) -> Reading:
    """The event endpoint says `ok: true` to rate limits, bad JSON, database errors and exceptions."""
    if not isinstance(data, dict) or not isinstance(data.get("acceptedClientEventIds"), list):
        return Reading(Outcome.SOFT_FAILURE, data, "missing_data")
    codes = [issue.get("code") for issue in data.get("issues") or () if isinstance(issue, dict)]
    if "RATE_LIMIT" in codes:
        return Reading(Outcome.RATE_LIMITED, data, "RATE_LIMIT")
    for code in ("UNEXPECTED", "BAD_JSON"):
        if code in codes:
            return Reading(Outcome.SOFT_FAILURE, data, code)
    if data.get("retryClientEventIds"):
        return Reading(Outcome.SOFT_FAILURE, data, "DB_RETRY")
    if data.get("rejectedClientEventIds"):
        code = "DB_REJECTED" if "DB_REJECTED" in codes else "BAD_INPUT"
        return Reading(Outcome.REJECTED, data, code)
    return Reading(Outcome.OK, data)

"""From a complete reply to its outcome. Nothing is believed because it answered 200. (pure)

Sources: contract sections 0.2 (what a 200 may hide), 3.3 (the event endpoint), 7.1 (envelope), 7.5 (status map).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson

from harness.client.api.call import Service
from harness.core.outcome import Outcome
from harness.core.platform_limits import WORKER_ENDED, limit_of

_QUOTA_CODES = frozenset({"PGRST000", "PGRST001", "PGRST002", "PGRST003", "53300"})


class Reading(NamedTuple):
    """What the app would make of a reply. `data` is the body, parsed once for everybody; None unless it was JSON."""

    outcome: Outcome
    data: Any = None
    code: str = ""  # the server's own error code, when it gave one
    status: int = 0  # 0: no complete reply
    first_s: float | None = None  # from sending to the first piece of the body, of a reply that may come in pieces


def read(service: Service, status: int, body: bytes) -> Reading:
    """Parse and classify one complete reply of `service`."""
    data = None
    if body:  # an empty one is a valid answer (204, minimal return); anything else has to be JSON
        try:
            data = orjson.loads(body)
        except orjson.JSONDecodeError:
            if 200 <= status <= 299:
                return Reading(Outcome.SOFT_FAILURE, None, "invalid_json", status)
    return judge(service, status, data)


def judge(service: Service, status: int, data: Any) -> Reading:
    """Classify a reply whose body, JSON or nothing, is `data`."""
    if status >= 400:
        outcome, code = _refusal(status, data)
    elif status >= 300:
        outcome, code = Outcome.CLIENT_ERROR, "redirect"
    elif service is Service.EVENTS:
        outcome, code = _events(data)
    elif service is Service.FUNCTION:
        outcome, code = _function(data)
    else:
        outcome, code = Outcome.OK, ""
    return Reading(outcome, data, code, status)


def invoked(reading: Reading, content_type: bytes | None) -> Reading:
    """What a good reply of a function is to the app, whose client library goes by its content type: anything but
    `application/json` comes as text or bytes, in which no screen finds what it looks for (functions-js, `invoke`).

    :param content_type: the header's value; None where the reply has none.
    """
    if not reading.outcome.good or (content_type or b"").partition(b";")[0].strip() == b"application/json":
        return reading
    return Reading(Outcome.SOFT_FAILURE, None, "content_type", reading.status)


def counted(reading: Reading, content_range: bytes | None) -> Reading:
    """What a good reply is that was asked for its number of rows alone: without one the app shows none.

    :param content_range: the header's value, as `0-24/573`; None where the reply has none.
    """
    if not reading.outcome.good or (content_range or b"").rpartition(b"/")[2].isdigit():
        return reading
    return Reading(Outcome.SOFT_FAILURE, None, "no_count", reading.status)


def code_of(*values: Any) -> str:
    """The first of these members that says anything, as text; "" where it is a list or an object, of any depth."""
    found = next((value for value in values if value), "")
    return found if type(found) is str else str(found) if isinstance(found, int | float) else ""


def _refusal(status: int, data: Any) -> tuple[Outcome, str]:
    code = ""
    if isinstance(data, dict):
        code = code_of(data.get("code"), data.get("error_code"))
        if code == str(status):  # GoTrue's older shape has the status there
            code = code_of(data.get("error_code")) or code
    if not code and status == WORKER_ENDED:
        code = "WORKER_RESOURCE_LIMIT"
    if code in _QUOTA_CODES:
        return Outcome.QUOTA, code
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
    return outcome, code


def _function(data: Any) -> tuple[Outcome, str]:
    """supabase functions answer `ok: false` under 200 too; the client raises on it, and on null data."""
    if not isinstance(data, dict):
        return Outcome.SOFT_FAILURE, "missing_data"
    if data.get("ok") is False:
        code = code_of(data.get("code"))
        limited = "RATE_LIMIT" in code
        return (Outcome.RATE_LIMITED if limited else Outcome.SOFT_FAILURE), code
    return Outcome.OK, ""


def _events(data: Any) -> tuple[Outcome, str]:
    """The event endpoint says `ok: true` to rate limits, bad JSON, database errors and exceptions."""
    if not isinstance(data, dict) or not isinstance(data.get("acceptedClientEventIds"), list):
        return Outcome.SOFT_FAILURE, "missing_data"
    issues = data.get("issues")
    told = [issue for issue in issues if isinstance(issue, dict)] if isinstance(issues, list) else []
    codes = [code_of(issue.get("code")) for issue in told]
    if "RATE_LIMIT" in codes:
        return Outcome.RATE_LIMITED, "RATE_LIMIT"
    for code in ("UNEXPECTED", "BAD_JSON"):
        if code in codes:
            return Outcome.SOFT_FAILURE, code
    if data.get("retryClientEventIds"):
        return Outcome.SOFT_FAILURE, _limit_behind(told) or "DB_RETRY"
    if data.get("rejectedClientEventIds"):
        return Outcome.REJECTED, (_limit_behind(told) or "DB_REJECTED") if "DB_REJECTED" in codes else "BAD_INPUT"
    return Outcome.OK, ""


def _limit_behind(told: list[dict[str, Any]]) -> str:
    """The platform's limit that the endpoint ran into itself, which it tells beside the events that suffered."""
    for issue in told:
        meta = issue.get("meta")
        if isinstance(meta, dict) and (code := code_of(meta.get("code"))) and limit_of(code):
            return code
    return ""

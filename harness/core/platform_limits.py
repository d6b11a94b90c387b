"""Limits of the hosted platform, and of what stands in front of the database, by the codes in which replies name them,
and what each means in plain words. (pure)

Sources: contract 0.2, 7.5; realtime contract 1.1, 1.4, 1.5; docs/sandbox.md, "The hosted platform's limits".
"""

from __future__ import annotations

from collections.abc import Mapping

LIMITS: Mapping[str, str] = {
    "over_request_rate_limit": "the sign-in limit for this machine's address (429)",
    "over_email_send_rate_limit": "the limit on mails that are sent (429)",
    "WORKER_RESOURCE_LIMIT": "a function's worker was ended for want of CPU, memory or time (546)",
    "BOOT_ERROR": "a function's worker did not start (503)",
    "IDLE_TIMEOUT": "a function did not begin to answer in the platform's time (504)",
    "PGRST000": "the API could not connect to the database (503)",
    "PGRST001": "the API lost its connection to the database (503)",
    "PGRST002": "the API could not read the database's schema (503)",
    "PGRST003": "no database connection became free in time, the API's pool was taken (504)",
    "53300": "the database had no connection left (503)",
    "57014": "a statement took longer than the database allows (500)",
    "too_many_connections": "Realtime's limit on connected clients",
    "too_many_joins": "Realtime's limit on channel joins per second",
    "too_many_channels": "Realtime's limit on channels of one client",
    "too_many_messages": "Realtime's limit on messages per second",
    "too_many_presence_messages": "Realtime's limit on presence messages per second",
    "client_presence_rate": "Realtime's limit on presence calls of one client",
}
"""By the code of an attempt, what the target's limit was. Whoever adds one sees it told by name in every report."""
_ALSO: Mapping[str, str] = {"WORKER_LIMIT": "WORKER_RESOURCE_LIMIT"}
"""What older platforms said."""
WORKER_ENDED = 546
"""A status of the platform's own, whatever its body says."""
_SEPARATOR = " "


def limit_of(code: str) -> str:
    """The limit that a reply's code names; "" when it names none."""
    code = _ALSO.get(code, code)
    return code if code in LIMITS else ""


def key_of(limit: str, call: str) -> str:
    """How a record names a limit that was met in a call."""
    return f"{limit}{_SEPARATOR}{call}"


def parts_of(key: str) -> tuple[str, str]:
    """Limit and call of such a name."""
    limit, _, call = key.partition(_SEPARATOR)
    return limit, call

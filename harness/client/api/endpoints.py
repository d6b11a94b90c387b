"""Which endpoint each call goes to: its verb, and its path without version, query and arguments. (pure)

    POST functions/media-swipe-deck    GET media_items    POST rpc/get_home_feed_v2    POST auth/token

Several calls share an endpoint where the app asks it for different things.
"""

from __future__ import annotations

from collections.abc import Mapping

from harness.client.api import calls, chat_calls
from harness.client.api.call import Call
from harness.core.call_names import PREFLIGHT

_PREFIXES = (
    ("/rest/v1/", ""),
    ("/functions/v1/", "functions/"),
    ("/auth/v1/", "auth/"),
    ("/storage/v1/object/", "storage/"),
    ("/realtime/v1/api/", "realtime/"),
)


def endpoint(call: Call) -> str:
    """Of one call."""
    path = call.path.partition("?")[0].partition("{")[0].rstrip("/")
    for prefix, short in _PREFIXES:
        if path.startswith(prefix):
            return f"{call.method} {short}{path.removeprefix(prefix)}"
    return f"{call.method} {path}"


ENDPOINTS: Mapping[str, str] = {
    call.name: endpoint(call)
    for module in (calls, chat_calls)
    for call in vars(module).values()
    if isinstance(call, Call)
} | {PREFLIGHT: "OPTIONS preflight"}
"""Name of a call -> endpoint. What browsers ask before calls is one, whichever URL it goes to."""

"""What a call of the app is: verb, path, patience, and who tries again; and how its kinds are written. (pure)

Header profiles: contract 0.1; tries: 0.2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from harness.core.call_names import CALL_NAMES

REST_TIMEOUT_S = 60.0
"""supabase-js sets no timeout on PostgREST calls and browsers end them after minutes; a minute is our bound."""

FUNCTION_TIMEOUT_S = 20.0  # ops.frontend.function_timeout_ms


class Service(Enum):
    """Which server part answers; decides how the reply is read."""

    AUTH = "auth"
    REST = "rest"
    FUNCTION = "function"
    EVENTS = "events"  # the one function whose status means nothing: the body decides


EDGE_SERVICES = frozenset((Service.FUNCTION, Service.EVENTS))
"""What goes through the app's edge-function caller, and so through its second token store (contract 1.2)."""


class Caller(Enum):
    """What stands around the call in the app, and therefore who tries again (contract 0.2)."""

    QUERY = "query"  # react-query: one more try after 1 s
    MUTATION = "mutation"  # a mutation of react-query: no second try, and none without a network
    PLAIN = "plain"  # neither: timers, outbox, auth client, what screens write by themselves


@dataclass(frozen=True, slots=True)
class Call:
    """One kind of request. `path` is completed with `{}` arguments by the operation that makes it."""

    name: str
    method: str
    path: str
    service: Service
    caller: Caller
    timeout_s: float = REST_TIMEOUT_S
    signed_in: bool = True  # bearer is the person's token; else the anon key
    headers: bytes = b""  # beyond the profile's own
    require_auth: bool = False  # edge calls the app refuses to make without a token in its second store (1.2)
    edge: bool = field(init=False, compare=False, repr=False)  # of `EDGE_SERVICES`; enums hash slowly, so once

    def __post_init__(self) -> None:
        """:raises ValueError: the name is not declared in `harness.core.call_names`."""
        object.__setattr__(self, "edge", self.service in EDGE_SERVICES)
        if self.name not in CALL_NAMES:
            raise ValueError(f"no record knows a call named {self.name!r}; declare it in harness/core/call_names.py")


MAYBE_ONE = b"accept: application/json\r\n"
"""One row or none (H-GET-maybe1)."""
SINGLE = b"accept: application/vnd.pgrst.object+json\r\nprefer: return=representation\r\n"
UPSERT = b"prefer: resolution=merge-duplicates\r\n"


def table(name: str, path: str, *, headers: bytes = b"", caller: Caller = Caller.QUERY) -> Call:
    """A PostgREST read."""
    return Call(name, "GET", f"/rest/v1/{path}", Service.REST, caller, headers=headers)


def rpc(name: str, function: str, caller: Caller = Caller.QUERY) -> Call:
    """A database function; a POST, so the transport never retries it, whoever else does."""
    return Call(name, "POST", f"/rest/v1/rpc/{function}", Service.REST, caller)


def write(name: str, method: str, path: str, *, headers: bytes = b"", caller: Caller = Caller.MUTATION) -> Call:
    """A PostgREST write: no second try by anybody, unless a caller says otherwise."""
    return Call(name, method, f"/rest/v1/{path}", Service.REST, caller, headers=headers)


def upsert(name: str, target: str, on_conflict: str, caller: Caller = Caller.MUTATION) -> Call:
    """A row that replaces the one it collides with (H-UPSERT)."""
    return write(name, "POST", f"{target}?on_conflict={on_conflict}", headers=UPSERT, caller=caller)


def function(
    name: str,
    path: str,
    timeout_s: float = FUNCTION_TIMEOUT_S,
    caller: Caller = Caller.PLAIN,
    *,
    require_auth: bool = False,
) -> Call:
    """An edge function."""
    return Call(name, "POST", f"/functions/v1/{path}", Service.FUNCTION, caller, timeout_s, require_auth=require_auth)

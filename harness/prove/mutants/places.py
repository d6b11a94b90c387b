"""Where a mutant can sit: each call of the app's catalogue, told by its wire form, and Realtime's messages. (pure)

A call is known by verb, path and query; where several calls look alike there, by what their bodies hold. Arguments of a
path are `{}` in the catalogue and anything here.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any

from harness.client.api import calls, chat_calls
from harness.client.api.call import MAYBE_ONE, SINGLE, Call, Service


class Kind(Enum):
    """What a place is to an operator."""

    READ = "it brings something"
    WRITE = "it changes something"
    DELETE = "it takes something away"
    CONTENT = "it stores a JSON body"
    CLIENT_ID = "what it stores carries an id that the phone made"
    BODY = "its reply has a body"
    CALL = "any request"
    ROWS = "its reply may have several rows"
    IDS = "it brings ids"
    TIMES = "it brings instants"
    ROW = "a change of one row, by Realtime"
    SIGNAL = "any message of Realtime"
    JOIN = "Realtime's answer to a join"


_WRITING = frozenset(
    (
        "assistant_reply",
        "attachment_remove",
        "attachment_upload",
        "catalog_sync_batch",
        "create_direct_conversation",
        "mark_read",
        "onboarding_likes",
        "sign_up",
        "suggestion_shown",
        "swipe_events",
        "title_event",
        "typing_broadcast",
        "user_update",
    )
)
"""POSTs to functions, rpc, auth and storage that change something; the others of these only ask."""
_IDENTIFIED = frozenset(("message_send", "swipe_events", "title_event"))
_BODILESS = frozenset(("attachment_remove", "attachment_upload"))
"""Not JSON, or nothing that is stored."""


@dataclass(frozen=True, slots=True)
class CallPlace:
    """One call of the catalogue."""

    name: str
    kinds: frozenset[Kind]
    method: str
    target: re.Pattern[str]
    body: Callable[[Any], bool] | None = None

    def fits(self, method: str, target: str) -> bool:
        """By the head alone."""
        return method == self.method and self.target.fullmatch(target) is not None

    def fits_body(self, data: Any) -> bool:
        """data: the body as JSON, None where it is none."""
        return self.body is None or self.body(data)


@dataclass(frozen=True, slots=True)
class ChannelPlace:
    """One kind of message that a server sends over a socket. table: of a change; "" for what is none."""

    name: str
    kinds: frozenset[Kind]
    topic: re.Pattern[str]
    events: frozenset[str]
    table: str = ""


Place = CallPlace | ChannelPlace


def _has(**wanted: Any) -> Callable[[Any], bool]:
    return lambda data: isinstance(data, dict) and all(data.get(key) == value for key, value in wanted.items())


def _with(*keys: str) -> Callable[[Any], bool]:
    return lambda data: isinstance(data, dict) and all(key in data for key in keys)


def _onboarding(data: Any) -> bool:
    return isinstance(data, dict) and str(data.get("seed", "")).startswith("onb:")


def _path(end: str) -> Callable[[Any], bool]:
    return lambda data: isinstance(data, dict) and str(data.get("path", "")).endswith(end)


BODIES: Mapping[str, Callable[[Any], bool]] = {
    "background_deck": _with("skipRerank"),
    "swipe_deck": _with("minImdbRating"),
    "onboarding_deck": _onboarding,
    "landing_deck": lambda data: _has(mode="trending", limit=10)(data) and not _onboarding(data),
    "home_deck": lambda data: _has(mode="combined", limit=60)(data) and not _with("minImdbRating")(data),
    "home_feed": _has(p_limit=40),
    "friends_watching": _has(p_limit=200),
    "swipe_events": _with("items"),
    "title_event": lambda data: isinstance(data, dict) and "items" not in data,
    "tmdb_configuration": _path("/configuration"),
    "tmdb_search": _path("/search/multi"),
    "tmdb_external_ids": _path("/external_ids"),
    "presence": _with("last_seen_at"),
    "profile_names": _with("username"),
    "message_delete": lambda data: "deleted" in str(data),
    "message_edit": lambda data: "editedAt" in str(data),
}
"""Calls that share verb, path and query with another: how their bodies differ."""


def _pattern(path: str) -> str:
    parts = re.split(r"(\{\d?\})", path)
    return "".join("[^&]*" if part.startswith("{") else re.escape(part) for part in parts)


def _kinds(call: Call) -> frozenset[Kind]:
    table = call.path.startswith("/rest/v1/") and "/rpc/" not in call.path
    writes = call.name in _WRITING or (table and call.method != "GET")
    kinds = {Kind.CALL, Kind.WRITE if writes else Kind.READ}
    if writes and call.method == "DELETE":
        kinds.add(Kind.DELETE)
    elif writes and call.name not in _BODILESS:
        kinds.add(Kind.CONTENT)
    if call.name in _IDENTIFIED:
        kinds.add(Kind.CLIENT_ID)
    if not writes or not table or SINGLE in call.headers:
        kinds.add(Kind.BODY)
    if not writes:
        kinds |= _brings(call)
    return frozenset(kinds)


def _brings(call: Call) -> set[Kind]:
    """By the columns that a table read asks for; of anything else, nothing is known."""
    selected = re.search(r"select=([\w,]+)", call.path)
    if selected is None:
        return {Kind.ROWS, Kind.IDS, Kind.TIMES}
    columns = selected[1].split(",")
    kinds = set() if call.headers == MAYBE_ONE or "&id=eq.{}" in call.path else {Kind.ROWS}
    if any(column == "id" or column.endswith("_id") for column in columns):
        kinds.add(Kind.IDS)
    if any(column.endswith("_at") for column in columns):
        kinds.add(Kind.TIMES)
    return kinds


@cache
def call_places() -> tuple[CallPlace, ...]:
    """All calls of the catalogue, by name."""
    forms: dict[str, list[Call]] = defaultdict(list)
    for module in (calls, chat_calls):
        for call in vars(module).values():
            if isinstance(call, Call) and call not in forms[call.name]:
                forms[call.name].append(call)
    return tuple(_place(name, same) for name, same in sorted(forms.items()))


def _place(name: str, same: Iterable[Call]) -> CallPlace:
    forms = tuple(same)
    kinds = frozenset[Kind]().union(*map(_kinds, forms))
    target = re.compile("|".join(_pattern(call.path) for call in forms))
    return CallPlace(name, kinds, forms[0].method, target, BODIES.get(name))


_ANY = frozenset((Kind.SIGNAL,))
_CHANGES = re.compile(r"realtime:conversation-db-.*")


def _changes(table: str) -> ChannelPlace:
    kinds = frozenset((Kind.SIGNAL, Kind.ROW))
    return ChannelPlace(f"realtime:{table}", kinds, _CHANGES, frozenset(("postgres_changes",)), table)


CHANNELS: tuple[ChannelPlace, ...] = (
    _changes("messages"),
    _changes("message_read_receipts"),
    _changes("message_delivery_receipts"),
    _changes("message_reactions"),
    ChannelPlace(
        "realtime:typing",
        _ANY,
        re.compile(r"realtime:supabase_realtime_typing:conversation:.*"),
        frozenset(("broadcast",)),
    ),
    ChannelPlace(
        "realtime:presence",
        _ANY,
        re.compile(r"realtime:presence:.*"),
        frozenset(("presence_state", "presence_diff")),
    ),
    ChannelPlace(
        "realtime:join", frozenset((Kind.JOIN,)), re.compile(r"realtime:conversation-db-.*"), frozenset(("phx_reply",))
    ),
    ChannelPlace("realtime:system", frozenset((Kind.JOIN,)), _CHANGES, frozenset(("system",))),
    ChannelPlace("realtime:heartbeat", frozenset((Kind.JOIN,)), re.compile("phoenix"), frozenset(("phx_reply",))),
)


def places() -> tuple[Place, ...]:
    """Everything that can be spoiled."""
    return (*call_places(), *CHANNELS)


def service_of(name: str) -> Service | None:
    """The server part behind a call; None for what is none."""
    for module in (calls, chat_calls):
        for call in vars(module).values():
            if isinstance(call, Call) and call.name == name:
                return call.service
    return None

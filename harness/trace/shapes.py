"""What of a request or frame is compared: everything but ids, texts and instants. (pure)"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from harness.trace.clean import ID
from harness.trace.model import TracedFrame, TracedRequest, TracedSocket, TraceEvent

TELLING = ("mode", "surface", "kind", "event", "type")
"""Keys whose words tell calls of one endpoint apart; they are part of the call's name."""
DATA_WORDS = frozenset({"contentType"})
"""Words that are data all the same."""
SIZED = frozenset({"items", "events", "keys", "messages"})
"""Lists whose length the client chooses; of others the data does."""
UNSIZED = frozenset({"/functions/v1/catalog-sync-batch"})
"""Calls with such a list whose length the data chooses."""
TEXT = re.compile(r"<text(?:-\d+)?>")
FREE = frozenset({"<id>", "<text>", "<time>", "number", "null"})
"""Values that data may put in each other's place: a title has an IMDb id, or null."""

Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class EventShape:
    """what: the call's name, for people and for allow lists. exact: the same with stand-ins of ids; only the same thing
    asked again has it. query, body, headers: name or path of keys, and value. sizes: lengths of lists."""

    what: str
    exact: str
    query: Pairs = ()
    body: Pairs = ()
    headers: Pairs = ()
    sizes: tuple[tuple[str, int], ...] = ()

    @property
    def identity(self) -> tuple[str, Pairs, Pairs, Pairs, tuple[tuple[str, int], ...]]:
        """Equal when nothing but the instant differs."""
        return self.what, self.query, self.body, self.headers, self.sizes


def shape_of(event: TraceEvent, compared: frozenset[str]) -> EventShape | None:
    """compared: names of headers that both sides can show. None for what is compared otherwise: sockets."""
    if isinstance(event, TracedSocket):
        return EventShape(f"socket {event.change}", event.change) if event.change == "open" else None
    if isinstance(event, TracedFrame):
        return _frame(event)
    return _request(event, compared)


def _request(request: TracedRequest, compared: frozenset[str]) -> EventShape:
    path = "/".join(":id" if ID.fullmatch(part) else part for part in request.path.split("/"))
    method, headers = request.method, dict(request.headers)
    if request.preflight:
        method = f"OPTIONS {headers.get('access-control-request-method', '?')}"
    headers["authorization"] = request.auth
    kept = tuple(sorted((name, value) for name, value in headers.items() if name in compared))
    body, sizes = _flat(request.body)
    sizes = () if path in UNSIZED else sizes
    what = f"{method} {path}{_telling(request.body)}"
    query = "&".join(f"{name}={value}" for name, value in request.query)
    return EventShape(
        what=what,
        exact=f"{method} {request.path}?{query}",
        query=tuple(sorted((name, _no_ids(value)) for name, value in request.query)),
        body=body,
        headers=kept,
        sizes=sizes,
    )


def _frame(frame: TracedFrame) -> EventShape:
    body, sizes = _flat(frame.payload)
    topic = ID.sub(":id", frame.topic)
    said = orjson.dumps(frame.payload).decode() if frame.event != "presence" else ""
    what = f"frame {frame.event} {topic}"
    if frame.event == "broadcast" and isinstance(frame.payload, dict):
        what += f" {frame.payload.get('event')}"
    return EventShape(what, f"{frame.topic} {frame.event} {said}", body=body, sizes=sizes)


def _telling(body: Any) -> str:
    if not isinstance(body, dict):
        return ""
    told = [
        f" {key}={body[key]}" for key in TELLING if isinstance(body.get(key), str) and not body[key].startswith("<")
    ]
    filters = body.get("filters")
    if isinstance(filters, dict) and isinstance(filters.get("type"), str):
        told.append(f" type={filters['type']}")
    path = body.get("path")
    return "".join(told) + (f" {path}" if isinstance(path, str) else "")


def _no_ids(value: str) -> str:
    """Ids and texts as one character; a list of them as one, however long: how many there are, and whether any, is the
    data's doing."""
    shown = TEXT.sub("*", ID.sub("*", value))
    return re.sub(r"\((?:\*(?:,\*)*)?\)", "(*)", shown)


# ---- bodies ------------------------------------------------------------------------------------------------------


def _flat(body: Any) -> tuple[Pairs, tuple[tuple[str, int], ...]]:
    leaves: dict[str, set[str]] = {}
    sizes: dict[str, int] = {}
    for path, leaf in _leaves(body, "", sizes):
        leaves.setdefault(path, set()).add(leaf)
    flat = tuple(sorted((path, "|".join(sorted(found))) for path, found in leaves.items()))
    return flat, tuple(sorted(sizes.items()))


def _leaves(value: Any, path: str, sizes: dict[str, int]) -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping):
        if not value and path:
            yield path, "{}"
        for name, one in value.items():
            yield from _leaves(one, f"{path}.{name}" if path else str(name), sizes)
    elif isinstance(value, list):
        if path.rpartition(".")[2].removesuffix("[]") in SIZED:
            sizes[path] = max(sizes.get(path, 0), len(value))
        if not value:
            yield f"{path}[]", "empty"
        for one in value:
            yield from _leaves(one, f"{path}[]", sizes)
    elif path or value is not None:
        yield path, _leaf(value, path.rpartition(".")[2])


def _leaf(value: Any, key: str) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return str(value) if value not in (0, 0.5) else "number"
    if key in DATA_WORDS:
        return "<text>"
    text = str(value)
    return "<text>" if TEXT.fullmatch(text) else "<id>" if ID.fullmatch(text) else _no_ids(text)


def alike(one: str, other: str) -> bool:
    """Whether two values of a body say the same, as far as the client decides it."""
    if one == other:
        return True
    left, right = set(one.split("|")), set(other.split("|"))
    free = {*left, *right} & FREE
    if not free:
        return False
    return all(value in FREE for value in left ^ right)

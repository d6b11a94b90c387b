"""Recorded requests of the real client as shapes, and what differs from those of a phone. (pure)

A shape is what a request asks, without whom or what it is about: verb, path, names of parameters, selected columns,
operators of filters, order and limit; the members of its body, with the values of those that choose what is asked.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

RECORDINGS = Path(__file__).parents[1] / "data" / "traces"
_CHOOSING = frozenset(
    (
        *("surface", "mode", "limit", "p_limit", "reason", "skipRerank", "type", "include_adult", "language"),
        *("page", "path", "syncOmdb", "forceRefresh"),
    )
)
"""Members of bodies whose value says what is asked."""
_EXACT = frozenset(("select", "order", "limit", "offset", "on_conflict", "columns", "grant_type"))
_LOGIC = re.compile(r"[\w.]+\.(?:i?like|eq|neq|lt|lte|gt|gte|in|is)\.")


@dataclass(frozen=True, order=True)
class Shape:
    """One kind of request."""

    method: str
    path: str
    query: str = ""
    body: str = ""

    @property
    def endpoint(self) -> str:
        """Verb and path."""
        return f"{self.method} {self.path}"

    def __str__(self) -> str:
        return " ".join(part for part in (self.endpoint, self.query, self.body) if part)


def shape_of(method: str, url: str, body: Any) -> Shape:
    """Of one request; `body` as JSON, None where there is none."""
    path, _, query = unquote(url).partition("?")
    members = sorted(_parameter(*part.partition("=")[::2]) for part in query.split("&") if part)
    return Shape(method, path, "&".join(members), "" if body is None else _members(body))


def _parameter(name: str, value: str) -> str:
    """Operators without values."""
    if name in _EXACT:
        return f"{name}={value}"
    if name in ("or", "and"):
        return f"{name}={','.join(found for found in _LOGIC.findall(value))}"
    operator, _, rest = value.partition(".")
    return f"{name}={operator}" + (f".{rest}" if operator == "eq" and rest in ("true", "false", "watched") else "")


def _members(value: Any, name: str = "") -> str:
    if name == "payload":  # of an event: nothing, or why a card was served
        return "_"
    if isinstance(value, dict):
        return "{" + ",".join(sorted(f"{key}:{_members(value[key], key)}" for key in value)) + "}"
    if isinstance(value, list):
        return "[" + "|".join(sorted({_members(item) for item in value})) + "]"
    if name == "path" and isinstance(value, str):
        return re.sub(r"\d+", "N", value)
    return str(value) if name in _CHOOSING and not isinstance(value, dict) else "_"


def recorded() -> Mapping[str, list[Shape]]:
    """Flow -> its requests in order, without preflights."""
    flows: dict[str, list[Shape]] = {}
    for file in sorted(RECORDINGS.glob("*.jsonl")):
        flow: list[Shape] = []
        for line in file.read_text().splitlines():
            event = json.loads(line)
            if event["event"] == "flow":
                flow = flows.setdefault(event["flow"], [])
            elif event["event"] == "request" and event["method"] != "OPTIONS":
                flow.append(shape_of(event["method"], event["url"], _json(event.get("body"))))
    return flows


def _json(body: Any) -> Any:
    return json.loads(body) if isinstance(body, str) and body else body


@dataclass(frozen=True)
class Known:
    """A difference that is none of the phone's: shapes whose text holds `part`, and why."""

    part: str
    why: str


@dataclass(frozen=True)
class Difference:
    """Of one flow."""

    missing: Counter[Shape]
    extra: Counter[Shape]
    asked: int

    @property
    def matched(self) -> int:
        """Of the recorded requests, how many the phone made too."""
        return self.asked - self.missing.total()

    def __str__(self) -> str:
        lines = [f"missing {count} {shape}" for shape, count in sorted(self.missing.items())]
        return "\n".join(lines + [f"extra {count} {shape}" for shape, count in sorted(self.extra.items())])


def compare(real: Iterable[Shape], ours: Iterable[Shape], known: Iterable[Known] = ()) -> Difference:
    """What one flow of the phone lacks and has too much; what is known is in neither."""
    excused = [one.part for one in known]

    def wanted(shapes: Iterable[Shape]) -> Counter[Shape]:
        return Counter(shape for shape in shapes if not any(part in str(shape) for part in excused))

    asked, made = wanted(real), wanted(ours)
    return Difference(asked - made, made - asked, asked.total())

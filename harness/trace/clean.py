"""Secrets and personal data out of what a client sent, on reading: ids, texts and names become stand-ins. (pure)

What is kept is named here, everything else goes: a word survives only under a key that holds words of the program
(`mode`, `surface`, `eventType` ...), a number only under a key that is a setting (`limit`). The same id or text has
the same stand-in throughout a recording, so that it can still be told whether two requests were about the same thing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

WORDS_UNDER = frozenset(
    {"mode", "surface", "kind", "type", "event", "eventType", "reason", "grant_type", "schema", "table", "status"}
    | {"language", "action", "ui", "message_type", "kindFilter", "contentType", "include_adult", "limit"}
)
"""Keys whose values are the program's own words."""
NUMBERS_UNDER = frozenset({"limit", "p_limit", "page", "per_page", "expiresIn", "vsn", "eventsPerSecond"})
PLAIN_QUERY = frozenset({"select", "order", "limit", "offset", "on_conflict", "columns"})
KEPT_QUERY = frozenset({"grant_type", "vsn", "eventsPerSecond"})
DROPPED_QUERY = frozenset({"apikey"})
HEADERS = (
    "accept",
    "accept-encoding",
    "accept-profile",
    "access-control-request-headers",
    "access-control-request-method",
    "content-profile",
    "content-type",
    "origin",
    "prefer",
    "x-client-info",
    "x-request-id",
    "x-supabase-api-version",
    "x-upsert",
)
"""Those that matter; `authorization` is kept as its kind alone."""
PRESENCE_ONLY = frozenset({"origin", "x-request-id"})

SERVICES = ("rest", "auth", "functions", "storage", "realtime")
ID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|(?<![a-z0-9])id-\d{4,}(?!\d)")
TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+ -]\d\d:?\d\d)?")
WORD = re.compile(r"[A-Za-z][A-Za-z0-9_+*-]{0,40}|\*")
VERSIONED = re.compile(r"[a-z]+(?:_[a-z0-9]+)*_v\d+")
KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,60}")
COLUMNS = re.compile(r"[A-Za-z0-9_.,:()!*> -]{0,4000}")
SEGMENT = re.compile(r"[a-z][a-z0-9_.-]{0,60}")
HEADER_VALUE = re.compile(r"[A-Za-z0-9*/+.;=, _-]{0,400}")
OPERATOR = r"(?:not\.)?(?:eq|neq|gte?|lte?|i?like|i?match|in|is|isdistinct|(?:pl|ph|w)?fts|c[sd]|ov|s[lr]|nx[lr]|adj)"
FILTER = re.compile(rf"({OPERATOR})\.(.*)", re.DOTALL)
NESTED = re.compile(rf"([A-Za-z_][\w]*\.{OPERATOR})\.(\((?:[^()]*)\)|\"[^\"]*\"|[^,()]*)")
CONNECTIVES = re.compile(r"(?:and|or|not|[().,])*")
TMDB_WORDS = frozenset(
    [
        "movie",
        "tv",
        "person",
        "search",
        "multi",
        "external_ids",
        "configuration",
        "credits",
        "aggregate_credits",
        "combined_credits",
        "videos",
        "images",
        "similar",
        "recommendations",
        "discover",
        "trending",
        "all",
        "day",
        "week",
        "keywords",
        "watch",
        "providers",
        "genre",
        "list",
        "find",
        "popular",
        "top_rated",
        "upcoming",
        "now_playing",
        "release_dates",
        "content_ratings",
        "season",
        "episode",
        "reviews",
        "translations",
    ]
)
TOPIC_WORD = re.compile(r"[a-z_-]{0,40}")
LITERALS = frozenset({"true", "false", "null", "public"})
TEXT = "<text>"


@dataclass(slots=True)
class TraceCleaner:
    """Of one recording. words: texts that were searched for, by their stand-in."""

    words: dict[str, str] = field(default_factory=dict, repr=False)
    _ids: dict[str, str] = field(default_factory=dict, repr=False)
    _texts: dict[str, str] = field(default_factory=dict, repr=False)

    # ---- values -----------------------------------------------------------------------------------------------

    def id_(self, found: str) -> str:
        return self._ids.setdefault(found.lower(), f"id-{len(self._ids) + 1:04d}")

    def text(self, text: str) -> str:
        return self._texts.setdefault(text, f"<text-{len(self._texts) + 1:04d}>")

    def value(self, value: Any, key: str = "") -> Any:
        """A JSON tree."""
        if isinstance(value, Mapping):
            return {self._key(str(name)): self.value(one, str(name)) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(one, key) for one in value]
        if isinstance(value, str):
            return self._string(value, key)
        if isinstance(value, bool) or value is None:
            return value
        return value if key in NUMBERS_UNDER else 0 if isinstance(value, int) else 0.5

    def _key(self, key: str) -> str:
        return key if KEY.fullmatch(key) and not ID.fullmatch(key) else "<key>"

    def _string(self, value: str, key: str) -> str:
        if ID.fullmatch(value):
            return self.id_(value)
        if TIME.fullmatch(value):
            return "<time>"
        if key == "query" and value:
            stand_in = self.text(value)
            self.words[stand_in] = value
            return stand_in
        if key == "path":
            return self.path_words(value)
        if key == "filter":
            return self.filter_expression(value)
        if (key in WORDS_UNDER and WORD.fullmatch(value)) or VERSIONED.fullmatch(value) or value == "":
            return value
        bare = ID.sub("", value)
        if bare != value and re.fullmatch(r"[:0-9]*", bare):
            named = ID.sub(lambda found: self.id_(found[0]), value)
            return re.sub(r"(^|:)\d+(?=:|$)", r"\g<1>0", named)
        return self.text(value)

    def path_words(self, path: str) -> str:
        """A path that stands in a body: `/movie/123/external_ids`."""
        return "/".join(
            part if part in TMDB_WORDS or not part else "0" if part.isdigit() else TEXT for part in path.split("/")[:6]
        )

    # ---- addresses --------------------------------------------------------------------------------------------

    def path(self, path: str) -> str | None:
        """The path of a request, None when it is to none of Supabase's services."""
        parts = path.strip("/").split("/")
        if parts[0] not in SERVICES:
            return None
        literal = _literal_parts(parts)
        kept = [
            part
            if at < literal and SEGMENT.fullmatch(part) and not ID.search(part)
            else self.id_(part)
            if ID.fullmatch(part)
            else TEXT
            for at, part in enumerate(parts[:literal])
        ]
        return "/" + "/".join(kept + ([TEXT] if len(parts) > literal else []))

    def query(self, text: str) -> tuple[tuple[str, str], ...]:
        """The query of a request, decoded or not; API keys are left out."""
        kept = []
        for name, value in parse_qsl(text.replace("+", "%2B"), keep_blank_values=True):
            if name in DROPPED_QUERY or not (KEY.fullmatch(name) or name in PLAIN_QUERY):
                continue
            kept.append((name, self._query_value(name, value)))
        return tuple(kept)

    def _query_value(self, name: str, value: str) -> str:
        if name in PLAIN_QUERY:
            return value if COLUMNS.fullmatch(value) and not ID.search(value) else TEXT
        if name in KEPT_QUERY:
            return value if re.fullmatch(r"[A-Za-z0-9_.]{1,40}", value) else TEXT
        if name in ("or", "and"):
            if not CONNECTIVES.fullmatch(NESTED.sub("", value)):
                return TEXT  # a text with commas or brackets of its own: nobody knows where it ends
            return NESTED.sub(lambda found: f"{found[1]}.{self._operand(found[2])}", value)[:2000]
        return self.filter_value(name, value)

    def filter_value(self, name: str, value: str) -> str:
        """`eq.value`."""
        found = FILTER.fullmatch(value)
        if found is None:
            return self.id_(value) if ID.fullmatch(value) else TEXT
        operator, operand = found[1], found[2]
        if name in WORDS_UNDER and WORD.fullmatch(operand):
            return f"{operator}.{operand}"
        return f"{operator}.{self._operand(operand)}"

    def filter_expression(self, value: str) -> str:
        """`column=eq.value`, as a binding of Realtime has it."""
        name, equals, rest = value.partition("=")
        return f"{name}={self.filter_value(name, rest)}" if equals and KEY.fullmatch(name) else TEXT

    def _operand(self, operand: str) -> str:
        if operand in LITERALS or operand in ("()", ""):
            return operand
        if operand.startswith("(") and operand.endswith(")"):
            parts = [part.strip('"') for part in operand[1:-1].split(",")]
            return "(" + ",".join(self.id_(part) if ID.fullmatch(part) else "*" for part in parts) + ")"
        return self.id_(operand) if ID.fullmatch(operand) else "*"

    def topic(self, topic: str) -> str:
        """A channel's name: its words stay, ids are stand-ins."""
        parts = re.split(f"({ID.pattern})", topic)
        return "".join(
            self.id_(part)
            if ID.fullmatch(part)
            else ":".join(word if TOPIC_WORD.fullmatch(word) else TEXT for word in part.split(":"))
            for part in parts
        )

    # ---- headers ----------------------------------------------------------------------------------------------

    def headers(self, headers: Mapping[str, str]) -> dict[str, str]:
        """Those that matter, by lower-case name."""
        lowered = {name.lower(): value for name, value in headers.items()}
        return {
            name: "<present>" if name in PRESENCE_ONLY else value if HEADER_VALUE.fullmatch(value) else TEXT
            for name in HEADERS
            if (value := lowered.get(name)) is not None
        }


def _literal_parts(parts: list[str]) -> int:
    """How many parts of a service's path are the program's: what follows may be a name, or a folder of somebody's."""
    second = parts[2] if len(parts) > 2 else ""
    if parts[0] == "storage":
        return 5 if len(parts) > 3 and parts[3] in ("sign", "public", "authenticated", "list", "info", "upload") else 4
    return 4 if parts[0] == "realtime" or second == "rpc" else 3


def auth_kind(headers: Mapping[str, str]) -> str:
    """Who a request says it is from: the person, the app alone, or nobody."""
    lowered = {name.lower(): value for name, value in headers.items()}
    bearer = lowered.get("authorization", "")
    if not bearer:
        return "anon" if "apikey" in lowered else "none"
    return "anon" if bearer.removeprefix("Bearer ") == lowered.get("apikey") else "bearer"

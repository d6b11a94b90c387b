"""Column values as Postgres prints them, turned into what `to_jsonb` would say. (pure)

Source: realtime contract, 1.5: numbers, booleans, nested JSON, arrays, timestamps with T, bytea as bare hex; the keys
of a record in jsonb's order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import orjson

_INTEGERS = frozenset({"int2", "int4", "int8", "oid"})
_NUMBERS = _INTEGERS | {"numeric", "float4", "float8"}
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
_HOURS_ONLY = re.compile(r"[+-]\d\d$")
_ARRAY_TOKEN = re.compile(r'[{},]|"(?:[^"\\]|\\.)*"|[^{},"]+')


def record(values: Mapping[str, str | None], types: Mapping[str, str]) -> dict[str, Any]:
    """A row; only the columns that `types` names."""
    return {name: to_json(types[name], values[name]) for name in in_jsonb_order(values) if name in types}


def in_jsonb_order(names: Iterable[str]) -> list[str]:
    """Shorter first, then by bytes."""
    return sorted(names, key=lambda name: (len(name.encode()), name.encode()))


def to_json(type_name: str, text: str | None) -> Any:
    """One value. Numbers and JSON keep their very digits and order: they are passed through unread."""
    if text is None:
        return None
    if type_name in ("json", "jsonb"):
        return orjson.Fragment(text)
    if type_name == "bool":
        return text == "t"
    if type_name in _NUMBERS:
        return orjson.Fragment(text) if _NUMBER.fullmatch(text) else text
    if type_name == "timestamptz":
        moment = text.replace(" ", "T", 1)
        return moment + ":00" if _HOURS_ONLY.search(moment) else moment
    if type_name == "timestamp":
        return text.replace(" ", "T", 1)
    if type_name == "bytea":
        return text.removeprefix("\\x")
    if type_name.startswith("_"):
        return array(type_name[1:], text)
    return text


def array(element: str, text: str) -> list[Any]:
    """An array literal such as `{a,"b c",NULL,{1,2}}`; explicit bounds are dropped."""
    tokens = _ARRAY_TOKEN.findall(text[text.index("{") :])
    stack: list[list[Any]] = [[]]
    for token in tokens:
        if token == "{":
            stack.append([])
        elif token == "}":
            done = stack.pop()
            stack[-1].append(done)
        elif token != ",":
            stack[-1].append(_element(element, token))
    found: list[Any] = stack[0][0]
    return found


def _element(element: str, token: str) -> Any:
    if token.startswith('"'):
        return to_json(element, re.sub(r"\\(.)", r"\1", token[1:-1], flags=re.DOTALL))
    return to_json(element, None if token == "NULL" else token)


def commit_timestamp(seconds: float) -> str:
    """Unix time as `YYYY-MM-DDTHH:MM:SS.mmmZ`."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"

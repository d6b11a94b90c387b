"""`JSON.parse` and `JSON.stringify` where orjson and the standard library differ from them. (pure)

V8 parses without recursion, so depth is no error; a number too large is Infinity, half a surrogate pair is a character
like any other, and a byte order mark is none. Slow, for the few texts that orjson does not take.
"""

from __future__ import annotations

import json.decoder
import re
from collections.abc import Callable
from typing import Any

import orjson

from sandbox.functions import js

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", re.ASCII)
_WORDS: dict[str, tuple[str, Any]] = {"t": ("true", True), "f": ("false", False), "n": ("null", None)}
_scan_string: Callable[[str, int, bool], tuple[str, int]] = getattr(json.decoder, "scanstring")  # noqa: B009 - unknown to mypy


def parse(text: str) -> Any:
    """The value. :raises ValueError: when it is not JSON."""
    root: list[Any] = []
    # (container, key that the next value belongs to); an array's keys are None
    open_: list[tuple[Any, Any]] = [(root, None)]
    at = 0
    while True:
        at = _skip(text, at)
        value, at, nested = _value(text, at)
        container, key = open_[-1]
        if key is None:
            container.append(value)
        else:
            container[key] = value
        if nested:
            empty_at = _skip(text, at)
            if text[empty_at : empty_at + 1] != ("]" if isinstance(value, list) else "}"):
                key, at = (None, at) if isinstance(value, list) else _key(text, at)
                open_.append((value, key))
                continue
            at = empty_at + 1
        at = _close(text, at, open_)
        if at < 0:
            return root[0]


def _close(text: str, at: int, open_: list[tuple[Any, Any]]) -> int:
    """Where the next value begins; -1 at the end of the text. Closes what ends here."""
    while len(open_) > 1:
        at = _skip(text, at)
        mark, container = text[at : at + 1], open_[-1][0]
        if mark == ",":
            if isinstance(container, list):
                return at + 1
            key, at = _key(text, at + 1)
            open_[-1] = (container, key)
            return at
        if mark != ("]" if isinstance(container, list) else "}"):
            raise ValueError(f"unexpected {mark!r} at {at}")
        open_.pop()
        at += 1
    if _skip(text, at) != len(text):
        raise ValueError(f"more than one value, at {at}")
    return -1


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


def _key(text: str, at: int) -> tuple[str, int]:
    """A member's name, and where its value begins."""
    at = _skip(text, at)
    if text[at : at + 1] != '"':
        raise ValueError(f"a member's name was expected at {at}")
    key, at = _scan_string(text, at + 1, True)
    at = _skip(text, at)
    if text[at : at + 1] != ":":
        raise ValueError(f"a colon was expected at {at}")
    return key, at + 1


def _value(text: str, at: int) -> tuple[Any, int, bool]:
    """A scalar or an empty container; whether it is a container, whose members follow."""
    first = text[at : at + 1]
    if first == '"':
        value, at = _scan_string(text, at + 1, True)
        return value, at, False
    if first == "[":
        return [], at + 1, True
    if first == "{":
        return {}, at + 1, True
    word, named = _WORDS.get(first, ("", None))
    if word and text.startswith(word, at):
        return named, at + len(word), False
    match = _NUMBER.match(text, at)
    if match is None:
        raise ValueError(f"unexpected {first!r} at {at}")
    return _number(match), match.end(), False


def _number(match: re.Match[str]) -> int | float:
    digits = match.group()
    if match.group(1) is None and match.group(2) is None and len(digits) < 16:
        return int(digits)
    return float(digits)


def dumps(value: Any) -> bytes:
    """Compact JSON of any depth; half a surrogate pair is escaped, as JavaScript does."""
    try:
        return orjson.dumps(value)
    except (TypeError, RecursionError):  # orjson's own error is a TypeError
        return js.stringify(value).encode()

"""What is wrong with a tool's arguments, as the shipped code's validator lists it. (pure)"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from sandbox.functions import js

Path: TypeAlias = list[str | int]
Issues: TypeAlias = list[dict[str, Any]]
Check: TypeAlias = Callable[[Any, Path], Issues]
ABSENT: Any = object()
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)


def type_of(value: Any) -> str:
    """The validator's word for a JSON value."""
    if value is ABSENT:
        return "undefined"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list) else "object"


def wrong_type(expected: str, value: Any, path: Path) -> Issues:
    """One issue: another type than expected."""
    received = type_of(value)
    message = "Required" if value is ABSENT else f"Expected {expected}, received {received}"
    return [{"code": "invalid_type", "expected": expected, "received": received, "path": path, "message": message}]


def text(least: int = 0, most: int | None = None) -> Check:
    """A text of so many UTF-16 units."""

    def check(value: Any, path: Path) -> Issues:
        if not isinstance(value, str):
            return wrong_type("string", value, path)
        size = js.length(value)
        if size < least:
            return [_size("too_small", "minimum", least, "at least", path)]
        if most is not None and size > most:
            return [_size("too_big", "maximum", most, "at most", path)]
        return []

    return check


def _size(code: str, bound: str, units: int, words: str, path: Path) -> dict[str, Any]:
    message = f"String must contain {words} {units} character(s)"
    about = {"type": "string", "inclusive": True, "exact": False, "message": message, "path": path}
    return {"code": code, bound: units, **about}


def uuid(value: Any, path: Path) -> Issues:
    """A UUID's text, of any version."""
    if not isinstance(value, str):
        return wrong_type("string", value, path)
    if _UUID.fullmatch(value):
        return []
    return [{"validation": "uuid", "code": "invalid_string", "message": "Invalid uuid", "path": path}]


def one_of(*options: str) -> Check:
    """One of these texts."""
    listed = " | ".join(f"'{option}'" for option in options)

    def check(value: Any, path: Path) -> Issues:
        if not isinstance(value, str):
            return [
                {"expected": listed, "received": type_of(value), "code": "invalid_type", "path": path}
                | {"message": "Required" if value is ABSENT else f"Expected {listed}, received {type_of(value)}"}
            ]
        if value in options:
            return []
        message = f"Invalid enum value. Expected {listed}, received '{value}'"
        about = {"received": value, "code": "invalid_enum_value", "options": list(options)}
        return [{**about, "path": path, "message": message}]

    return check


def flag(value: Any, path: Path) -> Issues:
    """True or false."""
    return [] if isinstance(value, bool) else wrong_type("boolean", value, path)


def members(value: Any, path: Path) -> Issues:
    """An object with whatever in it."""
    return [] if isinstance(value, dict) else wrong_type("object", value, path)


def optional(check: Check) -> Check:
    """May be absent, but not null."""
    return lambda value, path: [] if value is ABSENT else check(value, path)


def shape(**checks: Check) -> Check:
    """An object; members of other names do not matter."""

    def check(value: Any, path: Path) -> Issues:
        if not isinstance(value, dict):
            return wrong_type("object", value, path)
        return [issue for name, part in checks.items() for issue in part(value.get(name, ABSENT), [*path, name])]

    return check


def listed(entry: Check, most: int) -> Check:
    """An array of at most so many."""

    def check(value: Any, path: Path) -> Issues:
        if not isinstance(value, list):
            return wrong_type("array", value, path)
        issues: Issues = []
        if len(value) > most:
            message = f"Array must contain at most {most} element(s)"
            about = {"code": "too_big", "maximum": most, "type": "array", "inclusive": True, "exact": False}
            issues.append({**about, "message": message, "path": path})
        return issues + [issue for place, item in enumerate(value) for issue in entry(item, [*path, place])]

    return check


def custom(message: str, path: Sequence[str | int]) -> Issues:
    """An issue in words of the tool's own."""
    return [{"code": "custom", "message": message, "path": list(path)}]


def known(value: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The members that a check names, in its order."""
    return {name: value[name] for name in names if name in value}

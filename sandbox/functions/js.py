"""How JavaScript writes values as text, for keys that both client and server have to compute alike. (pure)"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any

import orjson

_MAX_INDEX = 2**32 - 2
_INDEX = re.compile(r"(?:0|[1-9][0-9]*)\Z")
_EXACT = 2**53
_WHITE = "\t\n\v\f\r \xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x200B)))
_HALF = re.compile("[\ud800-\udfff]")


def number(value: int | float) -> str:
    """ECMAScript `Number::toString`: shortest digits, no `.0`, exponents from 1e21 and below 1e-6."""
    if isinstance(value, int) and -_EXACT <= value <= _EXACT:
        return str(value)
    value = float(value)
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + ("" if fraction == "0" else fraction)).lstrip("0")
    # `point`: where the decimal point stands relative to the first significant digit
    point = int(exponent or 0) + (len(whole) if whole != "0" else -(len(fraction) - len(fraction.lstrip("0"))))
    digits = digits.rstrip("0") or "0"
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    power = point - 1
    tail = f".{digits[1:]}" if count > 1 else ""
    return f"{sign}{digits[0]}{tail}e{'+' if power >= 0 else '-'}{abs(power)}"


def stringify(value: Any) -> str:
    """`JSON.stringify` of a value that came from JSON: compact, raw non-ASCII, integer-like keys first."""
    written: list[str] = []
    # what is still to be written: text as it is, and values to be taken apart; no recursion, as depth is no error
    stack: list[tuple[bool, Any]] = [(False, value)]
    while stack:
        is_text, item = stack.pop()
        if is_text:
            written.append(item)
        elif isinstance(item, list | tuple):
            written.append("[")
            stack.append((True, "]"))
            _push(stack, [("", entry) for entry in item])
        elif isinstance(item, dict):
            written.append("{")
            stack.append((True, "}"))
            _push(stack, [(f"{quoted(key)}:", member) for key, member in ordered(item)])
        elif isinstance(item, str):
            written.append(quoted(item))
        elif isinstance(item, int | float) and not isinstance(item, bool):
            written.append(number(item) if math.isfinite(item) else "null")
        else:
            written.append(orjson.dumps(item).decode())
    return "".join(written)


def _push(stack: list[tuple[bool, Any]], entries: list[tuple[str, Any]]) -> None:
    for place in range(len(entries) - 1, -1, -1):
        name, entry = entries[place]
        stack.append((False, entry))
        stack.append((True, f",{name}" if place else name))


def quoted(text: str) -> str:
    """A string as JSON; half a surrogate pair, which UTF-8 cannot say, is escaped."""
    if not _HALF.search(text):
        return orjson.dumps(text).decode()
    halves = [f"\\u{ord(half):04x}" for half in _HALF.findall(text)]
    between = [orjson.dumps(part).decode()[1:-1] for part in _HALF.split(text)]
    return '"' + "".join(part + half for part, half in zip(between, [*halves, ""], strict=True)) + '"'


def ordered(members: dict[str, Any]) -> list[tuple[str, Any]]:
    """An object's entries in JavaScript's order: array indexes ascending, then the rest as inserted."""
    indexes = [key for key in members if _INDEX.match(key) and int(key) <= _MAX_INDEX]
    if not indexes:
        return list(members.items())
    indexes.sort(key=int)
    taken = set(indexes)
    return [(key, members[key]) for key in indexes] + [item for item in members.items() if item[0] not in taken]


def string(value: Any) -> str:
    """`String(value)` of a value that came from JSON; null counts as empty, as in `String(value ?? "")`.

    :raises TypeError: as JavaScript does, for an object that hides `toString` behind a member of that name.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number(value)
    if isinstance(value, list):
        return ",".join(_leaves(value))
    if "toString" in value:
        raise TypeError("Cannot convert object to primitive value")
    return "[object Object]"


def _leaves(values: list[Any]) -> list[str]:
    """An array's texts, nested ones in their place; an empty array is an empty text. No recursion."""
    texts: list[str] = []
    stack: list[Any] = list(reversed(values))
    while stack:
        value = stack.pop()
        if isinstance(value, list) and value:
            stack.extend(reversed(value))
        else:
            texts.append("" if value == [] else string(value))
    return texts


def truthy(value: Any) -> bool:
    """What JavaScript takes for true, of a value that came from JSON."""
    return isinstance(value, list | dict) or bool(value)


def spread(value: Any) -> dict[str, Any]:
    """`{...value}`: the entries of an object or array, the characters of a text, nothing of anything else."""
    if isinstance(value, dict):
        return dict(value)
    return {str(place): entry for place, entry in enumerate(value)} if isinstance(value, list | str) else {}


def unique(values: list[Any]) -> list[Any]:
    """`[...new Set(values)]`: objects and arrays are all different, other values by type and value."""
    seen: set[str] = set()
    kept = []
    for value in values:
        if not isinstance(value, list | dict):
            if (text := stringify(value)) in seen:
                continue
            seen.add(text)
        kept.append(value)
    return kept


def length(text: str) -> int:
    """`text.length`, in UTF-16 units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def first(text: str, units: int) -> str:
    """`text.slice(0, units)`, which may cut a pair in half."""
    if len(text) * 2 <= units:
        return text
    return text.encode("utf-16-le", "surrogatepass")[: units * 2].decode("utf-16-le", "surrogatepass")


def trim(text: str) -> str:
    """`text.trim()`; Python strips other characters."""
    return text.strip(_WHITE)


def iso(instant: datetime) -> str:
    """`toISOString()` of a UTC instant: milliseconds and Z."""
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def iso_now() -> str:
    """`new Date().toISOString()`."""
    return iso(datetime.now(UTC))


def to_number(value: Any) -> float | None:
    """`Number(value)` of a value that came from JSON; None for NaN."""
    if value is None:
        return 0.0
    if isinstance(value, bool | int | float):
        return float(value)
    if isinstance(value, str):
        return _numeric_text(trim(value))
    if isinstance(value, list):
        return _numeric_text(trim(string(value)))
    return None


_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?\Z", re.ASCII)
_PREFIXED = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)\Z")


def _numeric_text(text: str) -> float | None:
    if not text:
        return 0.0
    if _DECIMAL.match(text):
        return float(text)
    if _PREFIXED.match(text):
        return float(int(text, 0))
    if text in ("Infinity", "+Infinity", "-Infinity"):
        return float(text.replace("Infinity", "inf"))
    return None

"""Target, profile and SLO files as nobody should write them: places replaced, keys misspelt, bytes spoiled."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

from tests.fuzz.records import HOSTILE

TEXTS = (*HOSTILE[:6], "", " ", "http://127.0.0.1", "http://[::1", "https://a:b@h", "swiper", "1", "\u2028", "x" * 3000)
LITERALS = (
    "true", "0", "-1", "1e308", "nan", "-inf", "9223372036854775807", "0x7fffffffffffffff", "1" * 5000, "1979-05-27",
    "1979-05-27T07:32:00Z", "07:32:00", "[]", "{}", "[[], [1]]", '["a", 1]', "[1, 2, 3]", "1_000", "0.0", "1e-320",
)  # fmt: skip


class Raw(str):
    """A TOML literal, written as it stands."""


def toml(data: Mapping[str, Any]) -> str:
    """A document of which every table is inline."""
    return "\n".join(f"{_key(key)} = {_value(value)}" for key, value in data.items()) + "\n"


def _key(key: str) -> str:
    return key if key.isascii() and key.isidentifier() else _quoted(key)


def _quoted(text: str) -> str:
    escaped = json.dumps(text, ensure_ascii=True)  # JSON's escapes are TOML's, but for halves of a pair
    return (
        escaped
        if not any("\ud800" <= sign <= "\udfff" for sign in text) and max(text, default="a") < "\U00010000"
        else '"x"'
    )


def _value(value: Any) -> str:
    if isinstance(value, Raw):
        return value
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {_value(one)}" for key, one in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_value, value)) + "]"
    if isinstance(value, bool):
        return str(value).lower()
    return _quoted(value) if isinstance(value, str) else repr(value)


def spoiled(data: dict[str, Any], dice: random.Random) -> bytes:
    """The file with one to three faults in it, as its bytes."""
    data = json.loads(json.dumps(data))
    for _ in range(dice.choice((1, 1, 2, 3))):
        holder, key = dice.choice(list(_places(data)))
        what = dice.random()
        if what < 0.2:
            del holder[key]
        elif what < 0.35 and isinstance(holder, dict):
            holder[dice.choice((f"{key}s", *TEXTS[:6]))] = holder.pop(key)
        elif what < 0.6:
            holder[key] = dice.choice(TEXTS)
        else:
            holder[key] = Raw(dice.choice(LITERALS))
        if not data:
            break
    raw = toml(data).encode()
    if dice.random() < 0.15:
        raw = dice.choice(
            (b"\xef\xbb\xbf" + raw, raw.decode().encode("utf-16"), raw[: len(raw) // 2], b"\0" + raw, b"")
        )
    if dice.random() < 0.15 and raw:
        bent = bytearray(raw)
        for _ in range(4):
            bent[dice.randrange(len(bent))] = dice.randrange(256)
        raw = bytes(bent)
    return raw


def _places(data: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    pairs: Any = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in pairs:
        found.append((data, key))
        found += _places(value)
    return found

"""A reply in numbers: whether a later one says the same of the same rows, without keeping what it says. (pure)

Of each row its key and, a field, 32 bits of its value as JSON; fields of members of members are named with dots, lists
are one value. 0 stands for a field that the row does not have. One difference in four billion is not seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple
from zlib import crc32

import orjson

ROWS_AT_MOST, FIELDS_AT_MOST, KEY_AT_MOST = 200, 100, 200
WIDTH = 4
"""Bytes of one value."""
ONLY = "-"
"""Key of the row where there is one."""
NULL = crc32(b"null")
"""The number of a field that is there and holds nothing."""


class ReplyPrint(NamedTuple):
    """keys: of the rows, in their order, separated by commas. fields: names, likewise. values: `WIDTH` bytes for each
    field of each row, one row after the other."""

    keys: str = ""
    fields: str = ""
    values: bytes = b""

    def rows(self) -> dict[str, dict[str, int]]:
        """By key, the number of each field that the row has."""
        fields = self.fields.split(",") if self.fields else []
        found: dict[str, dict[str, int]] = {}
        for place, key in enumerate(self.keys.split(",") if self.keys else []):
            begin = place * len(fields) * WIDTH
            numbers = (
                int.from_bytes(self.values[at : at + WIDTH], "big")
                for at in range(begin, begin + len(fields) * WIDTH, WIDTH)
            )
            found[key] = {name: number for name, number in zip(fields, numbers, strict=True) if number}
        return found


def printed(rows: Sequence[Mapping[str, Any]], key: Sequence[str]) -> ReplyPrint:
    """key: names of the columns that tell rows apart; none where there is one row, whose key is `ONLY`. Rows that have
    no such columns are left out, and of several with one key all but the first."""
    flat: dict[str, dict[str, int]] = {}
    for row in rows:
        if len(flat) >= ROWS_AT_MOST:
            break
        named = key_of(row, key)
        if named is not None and named not in flat:
            flat[named] = {name: _number(value) for name, value in _leaves(row)}
    fields = list(dict.fromkeys(name for row in flat.values() for name in row))[:FIELDS_AT_MOST]
    values = b"".join(row.get(name, 0).to_bytes(WIDTH, "big") for row in flat.values() for name in fields)
    return ReplyPrint(",".join(flat), ",".join(fields), values)


def key_of(row: Mapping[str, Any], key: Sequence[str]) -> str | None:
    """As in `ReplyPrint.keys`; None: the row has none."""
    parts: list[str] = []
    for name in key:
        value = row.get(name)
        if type(value) is not str and type(value) is not int:
            return None
        parts.append(str(value))
    named = "/".join(parts) or ONLY
    return None if "," in named or len(named) > KEY_AT_MOST else named


def rows_at(data: Any, path: Iterable[str]) -> list[dict[str, Any]]:
    """The rows of a reply that stand under these members; one object counts as one row, anything else as none."""
    for name in path:
        data = data.get(name) if type(data) is dict else None
    if type(data) is list:
        return [row for row in data if type(row) is dict]
    return [data] if type(data) is dict else []


def _leaves(row: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if "," in name:
            continue
        if type(value) is dict and value:
            yield from _leaves(value, f"{before}{name}.")
        else:
            yield before + name, value


def _number(value: Any) -> int:
    return crc32(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)) or 1

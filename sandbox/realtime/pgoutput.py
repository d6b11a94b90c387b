"""The logical replication messages of PostgreSQL's pgoutput plugin, protocol version 1. (pure)

Source: PostgreSQL documentation, "Logical Replication Message Formats".
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property

_EPOCH_S = 946_684_800  # 2000-01-01 in Unix time
FULL = "f"


@dataclass(frozen=True)
class WalColumn:
    """is_key: part of the replica identity."""

    name: str
    is_key: bool


@dataclass(frozen=True)
class WalRelation:
    """A table as the stream announces it, again after each change of its definition. identity: d, n, f or i."""

    oid: int
    schema: str
    table: str
    identity: str
    columns: tuple[WalColumn, ...]

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The identity columns' names."""
        return tuple(column.name for column in self.columns if column.is_key)


@dataclass(frozen=True, slots=True)
class RowChange:
    """One row's change. Values are as Postgres prints them, None for null; a value that is too large to be repeated
    and did not change is absent.

    new: None for DELETE. old: what the replica identity says of the row before; None when it says nothing.
    committed_s: Unix time of the commit. xid: its transaction.
    """

    relation: WalRelation
    type: str
    committed_s: float
    new: dict[str, str | None] | None
    old: dict[str, str | None] | None
    xid: int = 0


class Decoder:
    """Turns messages into transactions."""

    def __init__(self) -> None:
        self._relations: dict[int, WalRelation] = {}
        self._changes: list[RowChange] = []
        self._committed_s = 0.0
        self._xid = 0

    def feed(self, message: bytes) -> list[RowChange] | None:
        """The transaction's changes when this message commits it, else None. One without changes is an empty list."""
        kind = message[:1]
        if kind == b"B":
            self._changes = []
            committed_us, self._xid = struct.unpack_from("!qI", message, 9)
            self._committed_s = _EPOCH_S + committed_us / 1e6
        elif kind == b"C":
            return self._changes
        elif kind == b"R":
            relation = _relation(message)
            self._relations[relation.oid] = relation
        elif kind in (b"I", b"U", b"D"):
            self._changes.append(self._change(message))
        return None

    def _change(self, message: bytes) -> RowChange:
        relation = self._relations[struct.unpack_from("!I", message, 1)[0]]
        position = 5
        old: dict[str, str | None] | None = None
        new: dict[str, str | None] | None = None
        if message[position : position + 1] in (b"K", b"O"):
            keys_only = message[position : position + 1] == b"K"
            old, position = _tuple(relation, message, position + 1)
            if keys_only:
                old = {name: old[name] for name in relation.keys}
        if message[position : position + 1] == b"N":
            new, position = _tuple(relation, message, position + 1)
            new = {**{name: text for name, text in (old or {}).items() if name not in new}, **new}
        kind = {b"I": "INSERT", b"U": "UPDATE", b"D": "DELETE"}[message[:1]]
        return RowChange(relation, kind, self._committed_s, new, old, self._xid)


def _relation(message: bytes) -> WalRelation:
    (oid,) = struct.unpack_from("!I", message, 1)
    schema, position = _text(message, 5)
    table, position = _text(message, position)
    identity, count = struct.unpack_from("!cH", message, position)
    position += 3
    columns = []
    for _ in range(count):
        is_key = message[position] & 1 == 1
        name, position = _text(message, position + 1)
        position += 8  # type and its modifier
        columns.append(WalColumn(name, is_key))
    return WalRelation(oid, schema or "pg_catalog", table, identity.decode(), tuple(columns))


def _tuple(relation: WalRelation, message: bytes, position: int) -> tuple[dict[str, str | None], int]:
    (count,) = struct.unpack_from("!H", message, position)
    position += 2
    values: dict[str, str | None] = {}
    for column in relation.columns[:count]:
        kind = message[position : position + 1]
        position += 1
        if kind == b"n":
            values[column.name] = None
        elif kind == b"t":
            (size,) = struct.unpack_from("!I", message, position)
            position += 4
            values[column.name] = message[position : position + size].decode()
            position += size
    return values, position


def _text(message: bytes, position: int) -> tuple[str, int]:
    end = message.index(b"\0", position)
    return message[position:end].decode(), end + 1

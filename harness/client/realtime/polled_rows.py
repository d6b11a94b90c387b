"""What is new in a conversation's polls, and whether they show a row as its change did. (pure)

A row that one poll brings and the poll before did not was committed after that one was asked for. Who wrote a row,
when, and its id never change; so a poll and a change that say different things of one row cannot both be right. The
app keys reactions by id: under another one it shows a reaction twice, and does not take it off.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from harness.client.realtime.told_keys import (
    DELIVERY_RECEIPTS,
    REACTIONS,
    READ_RECEIPTS,
    RowKey,
    row_key,
)
from harness.core.delivery_facts import ANOTHER_ID
from harness.core.instants import epoch_us

KEPT = 64
"""Rows of changes whose id and time are remembered; so many of a poll, the last ones, are compared."""
ROUNDED_US = 2_000


class PolledRows:
    """Of one open conversation. Rows of any JSON; what is no row is left out."""

    __slots__ = ("_dated", "_deliveries", "_named", "_reactions", "_reads", "_shown")

    def __init__(self) -> None:
        self._reads: tuple[float, dict[str, str]] | None = None  # asked for at; user -> last_read_at as it stood
        self._deliveries: tuple[float, str, set[str]] | None = None  # asked for at; message; users
        self._reactions: tuple[float, str] | None = None  # asked for at; id of the newest, "" for none
        self._shown: dict[str, list[Any]] = {}  # table -> what its newest poll brought
        self._dated: dict[str, int] = {}  # row id -> created_at, as its change told
        self._named: dict[RowKey, str] = {}  # whose and of what it is -> row id, as its change told

    def new(self, table: str, of: str, rows: list[Any], begun: float) -> tuple[float | None, list[dict[str, Any]]]:
        """When the poll before was asked for, None without one, and the rows that it did not have."""
        rows = [row for row in rows if type(row) is dict]
        if table == READ_RECEIPTS:
            return self._new_reads(rows, begun)
        if table == DELIVERY_RECEIPTS:
            return self._new_deliveries(rows, begun, of)
        return self._new_reactions(rows, begun) if table == REACTIONS else (None, [])

    def _new_reads(self, rows: list[dict[str, Any]], begun: float) -> tuple[float | None, list[dict[str, Any]]]:
        before, self._reads = (
            self._reads,
            (begun, {str(row.get("user_id")): str(row.get("last_read_at")) for row in rows}),
        )
        if before is None:
            return None, []
        return before[0], [
            row for row in rows if before[1].get(str(row.get("user_id"))) != str(row.get("last_read_at"))
        ]

    def _new_deliveries(
        self, rows: list[dict[str, Any]], begun: float, of: str
    ) -> tuple[float | None, list[dict[str, Any]]]:
        before, self._deliveries = self._deliveries, (begun, of, {str(row.get("user_id")) for row in rows})
        if before is None or before[1] != of:
            return None, []
        return before[0], [row for row in rows if str(row.get("user_id")) not in before[2]]

    def _new_reactions(self, rows: list[dict[str, Any]], begun: float) -> tuple[float | None, list[dict[str, Any]]]:
        """They come oldest first."""
        before, self._reactions = self._reactions, (begun, str(rows[-1].get("id")) if rows else "")
        if before is None:
            return None, []
        fresh: list[dict[str, Any]] = []
        for row in reversed(rows):
            if row.get("id") == before[1]:
                return before[0], fresh
            fresh.append(row)
        return (before[0], fresh) if not before[1] else (None, [])  # the newest one was taken off: nobody knows

    def told(self, table: str, row: Any) -> str:
        """A change told of a new row. The id under which the poll before showed it, where that is another one; else
        empty."""
        id_, created = row.get("id"), row.get("created_at")
        if table == READ_RECEIPTS or type(id_) is not str or type(created) is not str:
            return ""
        created_us = epoch_us(created)
        if created_us is None:
            return ""
        if len(self._dated) >= KEPT:
            del self._dated[next(iter(self._dated))]
        self._dated[id_] = created_us
        key = row_key(table, row)
        if key is None:
            return ""
        if other := self._shown_as(table, key, id_, created_us):
            return other
        if len(self._named) >= KEPT:
            del self._named[next(iter(self._named))]
        self._named[key] = id_
        return ""

    def _shown_as(self, table: str, key: RowKey, id_: str, created_us: int) -> str:
        for row in islice(reversed(self._shown.get(table, ())), KEPT):
            if type(row) is not dict or row_key(table, row) != key:
                continue
            other, created = row.get("id"), row.get("created_at")
            shown_us = epoch_us(created) if type(created) is str else None
            if type(other) is not str or shown_us is None or abs(shown_us - created_us) > ROUNDED_US:
                continue
            return other if other != id_ else ""
        return ""

    def contradicted(self, table: str, rows: list[Any]) -> Iterator[tuple[str, str]]:
        """Ids of rows that were told of under another time or id, each once, and by how much."""
        if table == READ_RECEIPTS:
            return
        self._shown[table] = rows
        if not self._dated:
            return
        for row in islice(reversed(rows), KEPT):
            id_ = row.get("id") if type(row) is dict else None
            created = row.get("created_at") if type(row) is dict else None
            created_us = epoch_us(created) if type(id_) is str and type(created) is str else None
            if created_us is None:
                continue
            if id_ not in self._dated:
                if self._renamed(table, row, created_us):
                    yield str(id_), ANOTHER_ID
                continue
            apart_us = created_us - self._dated[id_]
            if abs(apart_us) > ROUNDED_US:
                del self._dated[id_]
                yield id_, f"{apart_us / 1e6:+,.1f} s"

    def _renamed(self, table: str, row: dict[str, Any], created_us: int) -> bool:
        """Whether it was told of under another id. One that was taken off and made again has another time as well."""
        key = row_key(table, row)
        told_us = self._dated.get(self._named.get(key, "")) if key is not None else None
        if key is None or told_us is None or abs(created_us - told_us) > ROUNDED_US:
            return False
        del self._named[key]
        return True

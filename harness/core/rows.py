"""Rows on their way into the record: noted on an event loop, made columns of elsewhere. (pure)

Noting a row is an append. Making columns of a second's rows takes milliseconds, in which a loop would read no answer
and start no session; so the loop only parts with what it noted (`take`), and whoever writes it down makes the batch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from harness.core.tables import SCHEMAS

Row = tuple[object, ...]
Batch = tuple[str, pa.RecordBatch]
"""A table's name and rows of it."""


class Taken(Protocol):
    """What was taken from a loop and belongs to nobody else: any thread may make the batch, once."""

    @property
    def table(self) -> str:
        """The table it is for."""
        ...

    def batch(self) -> pa.RecordBatch:
        """All of it, as that table's columns."""
        ...


def made(taken: Iterable[Taken]) -> list[Batch]:
    """The batches of what was taken, in its order."""
    return [(one.table, one.batch()) for one in taken]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table; at least one, each with all columns in the schema's order."""

    table: str
    rows: Sequence[Row]

    def batch(self) -> pa.RecordBatch:
        """See `Taken`."""
        schema = SCHEMAS[self.table]
        columns = zip(zip(*self.rows, strict=True), schema, strict=True)
        return pa.RecordBatch.from_arrays([pa.array(values, field.type) for values, field in columns], schema=schema)


class Notes:
    """Rows of one table, as they are noted. Owned by one loop."""

    __slots__ = ("_rows", "add", "table")

    def __init__(self, table: str) -> None:
        self.table = table
        self._begin()

    def _begin(self) -> None:
        self._rows: list[Row] = []
        self.add = self._rows.append

    def take(self) -> list[Rows]:
        """What was noted since the last take; empty when nothing was."""
        rows = self._rows
        if not rows:
            return []
        self._begin()
        return [Rows(self.table, rows)]

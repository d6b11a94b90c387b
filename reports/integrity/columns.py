"""Arrow columns as numpy arrays. (pure)"""

from __future__ import annotations

import uuid
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from harness.evidence.store import KeptTable

Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.uint64]
NO_INSTANT = int(np.iinfo(np.int64).min)
"""A null among instants (`integers`)."""


class StoredRows(Protocol):
    """Rows of a stored table: a `pyarrow.Table`, or one of which columns are read as they are asked for."""

    @property
    def num_rows(self) -> int: ...
    def __getitem__(self, name: str, /) -> pa.ChunkedArray: ...


def integers(column: pa.ChunkedArray) -> Integers:
    """Whole numbers, days or instants as 64-bit integers; nulls become the smallest one."""
    if pa.types.is_date32(column.type):
        column = column.cast(pa.int32())
    filled = pc.fill_null(column.cast(pa.int64()), NO_INSTANT)
    values: Integers = filled.to_numpy()
    return values


def numbers(column: pa.ChunkedArray) -> Numbers:
    """64-bit numbers; nulls become 0."""
    values: Numbers = pc.fill_null(column, 0).to_numpy()
    return values


def parted(table: StoredRows, wanted: Flags) -> tuple[StoredRows, pa.Table]:
    """The rows that are wanted and those that are not; without a copy where it is all of them, or none."""
    if isinstance(table, KeptTable):
        return table.parted(wanted)
    assert isinstance(table, pa.Table)
    if wanted.all():
        return table, table.slice(0, 0)
    if not wanted.any():
        return table.slice(0, 0), table
    return table.filter(pa.array(wanted)), table.filter(pa.array(~wanted))


def text(raw: bytes | None) -> str:
    """A 16-byte id as people search for it."""
    return "-" if raw is None else str(uuid.UUID(bytes=raw))

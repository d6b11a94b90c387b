"""Rows of the target, in whatever form a reader got them, as record batches. (pure)"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from harness.client.events.event_key import short
from harness.evidence.tables import EvidenceColumn, StoredTable


def batch(table: StoredTable, rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    """Convert rows; JSON's texts and the database driver's own types are both understood.

    :raises ValueError, KeyError: a column is missing, or holds what it cannot hold.
    """
    columns = [
        pa.array(_converted(column.name, column.type, _values(column, rows)), column.type) for column in table.columns
    ]
    if table.content is not None:
        contents = [table.content(row) for row in rows]
        columns += [pa.array([content[place] for content in contents], pa.uint64()) for place in range(2)]
    return pa.RecordBatch.from_arrays(columns, schema=table.schema)


def _values(column: EvidenceColumn, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    made_of = column.made_of
    return [row[column.name] for row in rows] if made_of is None else [made_of(row) for row in rows]


def _converted(name: str, kind: pa.DataType, values: Iterable[Any]) -> list[Any]:
    if name == "dedupe_key" and kind == pa.uint64():
        return [None if value is None else short(value) for value in values]
    if name == "key_made_by":
        return [None if value is None else value.partition(":")[0].partition("|")[0][:8] for value in values]
    if name == "length":
        return [None if value is None else len(value) for value in values]
    if pa.types.is_fixed_size_binary(kind):
        return [_id(value) for value in values]
    if pa.types.is_list(kind):
        return [None if value is None else [_id(item) for item in value] for value in values]
    if pa.types.is_timestamp(kind):
        return [datetime.fromisoformat(value) if isinstance(value, str) else value for value in values]
    if pa.types.is_date32(kind):
        return [date.fromisoformat(value) if isinstance(value, str) else value for value in values]
    return list(values)


def _id(value: Any) -> bytes | None:
    """Client ids are free text in the database: what is no UUID was not made by us."""
    if value is None:
        return None
    if not isinstance(value, str):
        return bytes(value.bytes)
    try:
        return uuid.UUID(value).bytes
    except ValueError:
        return None

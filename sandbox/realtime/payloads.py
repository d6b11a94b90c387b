"""What a `postgres_changes` message says of a change, per role that reads it (realtime contract, 1.5). (pure)"""

from __future__ import annotations

from typing import Any

from sandbox.realtime.pgoutput import FULL, RowChange
from sandbox.realtime.table import PublishedTable
from sandbox.realtime.values import commit_timestamp, record

UNAUTHORIZED = "Error 401: Unauthorized"
NO_KEY = "Error 400: Bad Request, no primary key"
TOO_LARGE = "Error 413: Payload Too Large"
MAX_RECORD_BYTES = 1_048_576
_KEPT_BYTES = 64


def data(change: RowChange, table: PublishedTable, role: str) -> dict[str, Any]:
    """`payload.data` for readers of a role."""
    if not table.keys:
        return _refusal(change, table, NO_KEY)
    if not table.keys_readable(role):
        return _refusal(change, table, UNAUTHORIZED)
    readable = table.readable.get(role, frozenset())
    types = {name: type_name for name, type_name in table.types.items() if name in readable}
    too_large = _size(change) > MAX_RECORD_BYTES
    said: dict[str, Any] = {
        "columns": [{"name": name, "type": type_name} for name, type_name in types.items()],
        "commit_timestamp": commit_timestamp(change.committed_s),
        "errors": [TOO_LARGE] if too_large else None,
        "schema": table.schema,
        "table": table.name,
        "type": change.type,
    }
    if change.new is not None:
        said["record"] = record(_short(change.new) if too_large else change.new, types)
    if change.type != "INSERT":
        before = before_image(change, table)
        said["old_record"] = record(_short(before) if too_large else before, types)
    return said


def before_image(change: RowChange, table: PublishedTable) -> dict[str, str | None]:
    """The row before as far as it may be told: the key alone, unless the table's replica identity is full and it is no
    DELETE under row level security (whose policies cannot be asked about a row that is gone)."""
    known = change.old if change.old is not None else change.new or {}
    if change.relation.identity == FULL and not (change.type == "DELETE" and table.secured):
        return known
    return {name: known[name] for name in table.keys if name in known}


def _refusal(change: RowChange, table: PublishedTable, error: str) -> dict[str, Any]:
    said: dict[str, Any] = {
        "columns": [],
        "commit_timestamp": None,
        "errors": [error],
        "schema": table.schema,
        "table": table.name,
        "type": change.type,
    }
    if change.type != "DELETE":
        said["record"] = {}
    if change.type != "INSERT":
        said["old_record"] = {}
    return said


def _size(change: RowChange) -> int:
    return sum(len(text) for row in (change.new, change.old) if row for text in row.values() if text is not None)


def _short(values: dict[str, str | None]) -> dict[str, str | None]:
    return {name: text for name, text in values.items() if text is None or len(text) <= _KEPT_BYTES}

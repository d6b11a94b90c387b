"""Small ledgers and the rows that a server might have made of them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from harness.core import ids
from harness.core.ledger import Ledger, LedgerEntry, WriteKind, WriteStep
from harness.core.rows import made
from harness.evidence.tables import EVENTS, MESSAGES, StoredTable

TAG = 77
ZERO = datetime(2026, 11, 27, 12, tzinfo=UTC)
CONVERSATION = str(uuid.UUID(int=5, version=4))


def raw(text: str) -> bytes:
    return uuid.UUID(text).bytes


@dataclass
class Story:
    """What people did, and what lies in the database afterwards. Instants in seconds of the run."""

    ledger: Ledger = field(default_factory=lambda: Ledger(TAG))
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    numbers: int = 0
    noted: list[tuple[str, pa.RecordBatch]] = field(default_factory=list)

    def id(self, person: int = 1) -> str:
        self.numbers += 1
        return ids.make(TAG, person, self.numbers)

    def write(
        self, kind: WriteKind, at: float, *steps: tuple[WriteStep, float], id_: str | None = None, **facts: Any
    ) -> tuple[LedgerEntry, str]:
        row = facts.pop("row", None)
        id_ = id_ or self.id(facts.pop("person", 1))
        entry = self.ledger.intend(kind, 1, at, id_=id_, **facts)
        for step, when in steps:
            self.ledger.step(entry, step, when, row=row if step is WriteStep.ACKNOWLEDGED else None)
        return entry, id_

    def store(self, table: StoredTable, at: float, **columns: Any) -> None:
        created = ZERO + timedelta(seconds=at)
        row = {"id": uuid.uuid4().bytes, "created_at": created, "event_day": created.date(), **columns}
        self.rows.setdefault(table.name, []).append({name: row.get(name) for name in table.schema.names})

    def event(self, at: float, id_: str, key: int) -> None:
        self.store(EVENTS, at, client_event_id=raw(id_), dedupe_key=key)

    def message(self, at: float, id_: str | None, **columns: Any) -> None:
        columns.setdefault("conversation_id", raw(CONVERSATION))
        self.store(MESSAGES, at, client_id=None if id_ is None else raw(id_), **columns)

    def ledger_rows(self, table: str, columns: Sequence[str]) -> list[pa.RecordBatch]:
        """As `RunFiles.rows`."""
        self.noted += made(self.ledger.take())
        return [batch.select(columns) for name, batch in self.noted if name == table]

    def stored(self, table: StoredTable) -> pa.Table:
        return pa.Table.from_pylist(self.rows.get(table.name, []), schema=table.schema)

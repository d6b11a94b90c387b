"""Rows that carry the time of a phone's clock: when that is wrong, reading by time leaves them out. (pure)

Read markers and library entries are dated by the client (contract 8.3, I26). A row that the ledger knows and that
reading by time did not bring is asked for by name, so that a phone whose clock is behind is not called a loss.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from harness.core.ledger import WriteKind
from harness.evidence.columns import id_texts
from harness.evidence.tables import LIBRARY, READS, StoredTable

COLUMNS = ("kind", "person", "subject")
"""Of the ledger's writes."""


@dataclass(frozen=True, slots=True)
class Dated:
    """A table that phones date. subject: its column for the ledger's subject; by: its column to ask by."""

    table: StoredTable
    kinds: tuple[WriteKind, ...]
    subject: str
    by: str


DATED = {
    dated.table.name: dated
    for dated in (
        Dated(READS, (WriteKind.READ,), "conversation_id", "conversation_id"),
        Dated(LIBRARY, (WriteKind.LIBRARY, WriteKind.UNLIBRARY), "title_id", "user_id"),
    )
}


def written(noted: Iterable[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """Of the ledger's writes, `COLUMNS` of them: those to tables that phones date, and who wrote them."""
    kinds = {WriteKind.PERSON}.union(*(dated.kinds for dated in DATED.values()))
    wanted = pa.array([int(kind) for kind in kinds], pa.uint8())
    return [batch.filter(pc.is_in(batch["kind"], wanted)) for batch in noted]


def unseen(dated: Dated, noted: Sequence[pa.RecordBatch], rows: Iterable[pa.RecordBatch]) -> list[str]:
    """Values of `by` whose rows reading by time did not bring all of.

    :param noted: what `written` kept of the ledger.
    :param rows: what reading by time brought.
    """
    known = _frame(noted)
    if known.empty:
        return []
    person = known["kind"] == int(WriteKind.PERSON)
    mine = known["kind"].isin([int(kind) for kind in dated.kinds])
    accounts = known[person].rename(columns={"subject": "user_id"})[["person", "user_id"]].drop_duplicates()
    writes = known[mine].rename(columns={"subject": dated.subject})[["person", dated.subject]].drop_duplicates()
    pair = [dated.subject, "user_id"]
    wanted = writes.merge(accounts, on="person")[pair].drop_duplicates()
    came = _frame(batch.select(pair) for batch in rows)
    if not came.empty:
        wanted = wanted.merge(came.drop_duplicates(), on=pair, how="left", indicator=True)
        wanted = wanted[wanted["_merge"] == "left_only"]
    return id_texts(pa.chunked_array([pa.array(wanted[dated.by], pa.binary(16))]))


def without(rows: Iterable[pa.RecordBatch], column: str, ids: Iterable[str]) -> list[pa.RecordBatch]:
    """Rows of others than these: those are read again as a whole."""
    gone = pa.array([uuid.UUID(id_).bytes for id_ in ids], pa.binary(16))
    return [batch.filter(pc.invert(pc.is_in(batch[column], gone))) for batch in rows]


def _frame(batches: Iterable[pa.RecordBatch]) -> pd.DataFrame:
    kept = list(batches)
    return pa.Table.from_batches(kept).to_pandas() if kept else pd.DataFrame()

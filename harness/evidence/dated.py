"""Rows that reading by time may leave out though a write of this run stands for them. (pure)

Read markers and library entries are dated by the client (contract 8.3, I26), so a phone's clock may be wrong. Delivery
receipts and reactions of an earlier run stay as they are when they are written again. What the ledger knows and reading
by time did not bring is asked for by name before anybody calls it lost.
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
from harness.evidence.tables import DELIVERIES, LIBRARY, REACTIONS, READS, StoredTable

COLUMNS = ("kind", "person", "subject", "object")
"""Of the ledger's writes."""


@dataclass(frozen=True, slots=True)
class Dated:
    """Such a table. subject: its column for what the ledger's writes name; by: its column to ask by; names: the
    ledger's column that names it."""

    table: StoredTable
    kinds: tuple[WriteKind, ...]
    subject: str
    by: str
    names: str = "subject"


DATED = {
    dated.table.name: dated
    for dated in (
        Dated(READS, (WriteKind.READ,), "conversation_id", "conversation_id"),
        Dated(LIBRARY, (WriteKind.LIBRARY, WriteKind.UNLIBRARY), "title_id", "user_id"),
        Dated(DELIVERIES, (WriteKind.DELIVERED,), "message_id", "message_id", "object"),
        Dated(REACTIONS, (WriteKind.REACTION,), "message_id", "message_id"),
    )
}


def written(noted: Iterable[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """Of the ledger's writes, `COLUMNS` of them: those to such tables, and who wrote them."""
    kinds = {WriteKind.PERSON, *WRITERS}.union(*(dated.kinds for dated in DATED.values()))
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
    writes = known[mine].rename(columns={dated.names: dated.subject})[["person", dated.subject]].drop_duplicates()
    pair = [dated.subject, "user_id"]
    wanted = writes.merge(accounts, on="person")[pair].drop_duplicates()
    came = _frame(batch.select(pair) for batch in rows)
    if not came.empty:
        wanted = wanted.merge(came.drop_duplicates(), on=pair, how="left", indicator=True)
        wanted = wanted[wanted["_merge"] == "left_only"]
    return id_texts(pa.chunked_array([pa.array(wanted[dated.by], pa.binary(16))]))


WRITERS = (WriteKind.FOLLOW, WriteKind.UNFOLLOW, WriteKind.REVIEW, WriteKind.RATING)


def accounts(noted: Iterable[pa.RecordBatch], people: Iterable[int] | None = None) -> list[str]:
    """The accounts of some people, or of all: of the ledger's writes, kind, person and subject."""
    chosen = None if people is None else pa.array(sorted(set(people)), pa.uint32())
    found = []
    for batch in noted:
        persons = batch.filter(pc.equal(batch["kind"], int(WriteKind.PERSON)))
        found.append((persons if chosen is None else persons.filter(pc.is_in(persons["person"], chosen)))["subject"])
    return id_texts(pa.chunked_array(found, pa.binary(16)))


def without(rows: Iterable[pa.RecordBatch], column: str, ids: Iterable[str]) -> list[pa.RecordBatch]:
    """Rows of others than these: those are read again as a whole."""
    gone = pa.array([uuid.UUID(id_).bytes for id_ in ids], pa.binary(16))
    return [batch.filter(pc.invert(pc.is_in(batch[column], gone))) for batch in rows]


def _frame(batches: Iterable[pa.RecordBatch]) -> pd.DataFrame:
    kept = list(batches)
    return pa.Table.from_batches(kept).to_pandas() if kept else pd.DataFrame()

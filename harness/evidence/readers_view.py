"""Reads what some people could see, for the rules that hold replies against it (`harness.evidence.readers`)."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Protocol

import pyarrow as pa

from harness.core.errors import TargetError
from harness.core.tables import READ_SAMPLES
from harness.evidence import readers, store
from harness.evidence.tables import ACTORS, READERS, READERS_ASKED, READERS_FOLLOWS, READERS_MORE, StoredTable
from harness.record.store import RunFiles


class ByIds(Protocol):
    """Somebody who can read rows by an id that they hold."""

    def belonging(self, table: StoredTable, column: str, ids: Sequence[str]) -> AsyncIterator[pa.RecordBatch]: ...


async def readers_view(files: RunFiles, reader: ByIds) -> dict[str, int]:
    """What people could see whose replies were kept in outline, as of the run's end: a later reading keeps it, and
    brings none when the run is long over, because others may have followed and written since."""
    folder, rows = files.folder, {}
    asked = [table for table, *_ in (*READERS, *ACTORS, *READERS_MORE, *READERS_ASKED)]
    if (before := [store.kept(folder, table) for table in asked])[0] is not None:
        for table, found in zip(asked, before, strict=True):
            if found is not None:
                rows[table.file] = store.keep(folder, table, found.to_batches(), store.DRAFT)
        return rows
    if readers.long_over(files.manifest.finished_at, datetime.now(UTC)):
        return rows
    chosen = readers.chosen(files.rows(READ_SAMPLES, readers.SAMPLE_COLUMNS))
    for table, column in READERS if chosen else ():
        batches = [batch async for batch in reader.belonging(table, column, _texts(chosen))]
        rows[table.file] = store.keep(folder, table, batches, store.DRAFT)
        if table is READERS_FOLLOWS:
            pairs = [
                pair
                for batch in batches
                for pair in zip(batch["follower_id"].to_pylist(), batch["followed_id"].to_pylist(), strict=True)
            ]
            actors = readers.actors(chosen, pairs)
    for table, column in ACTORS if chosen else ():
        batches = [batch async for batch in reader.belonging(table, column, _texts(actors))]
        rows[table.file] = store.keep(folder, table, batches, store.DRAFT)
    more = [(table, column, chosen) for table, column in READERS_MORE]
    for table, column, calls in READERS_ASKED:
        more.append((table, column, readers.asked(files.rows(READ_SAMPLES, readers.ASKED_COLUMNS), calls)))
    for table, column, ids in more if chosen else ():
        try:
            batches = [batch async for batch in reader.belonging(table, column, _texts(ids))] if ids else []
        except TargetError:
            continue
        rows[table.file] = store.keep(folder, table, batches, store.DRAFT)
    return rows


def _texts(accounts_: Sequence[bytes]) -> list[str]:
    return [str(uuid.UUID(bytes=raw)) for raw in accounts_]

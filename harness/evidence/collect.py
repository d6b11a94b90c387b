"""After a run: wait until the target has come to rest, then read what it holds into the record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import pyarrow as pa

from harness.core.errors import HarnessError, TargetError
from harness.core.tables import LEDGER_WRITES
from harness.evidence import store
from harness.evidence.columns import id_texts
from harness.evidence.dated import COLUMNS, DATED, Dated, unseen, without, written
from harness.evidence.postgres import PostgresReader
from harness.evidence.rest import RestReader
from harness.evidence.tables import FEATURES, MESSAGES, TABLES, TALKED_IN, StoredTable
from harness.record.manifest import Evidence
from harness.record.store import RunFiles, RunStore, open_run

CLOCK_ERROR = timedelta(seconds=5)
"""How far the target's clock may be from ours; the time that is read is wider by so much on both sides."""
STILL_POLLS = 3
"""Counts alike so often in a row mean rest: background work writes for a while after the last reply."""
POLL_S = 0.5
REST_LIMIT_S = 60.0
NO_ACCESS = "neither a service key nor a database connection string is known for this target"


class Reader(Protocol):
    """Somebody who can read the target's tables."""

    source: str

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def between(self, table: StoredTable, since: str, until: str) -> AsyncIterator[pa.RecordBatch]: ...

    def belonging(self, table: StoredTable, column: str, ids: Sequence[str]) -> AsyncIterator[pa.RecordBatch]: ...

    async def count(self, table: StoredTable, since: str, until: str) -> int: ...


def collect(folder: Path, url: str, *, service_key: str = "", dsn: str = "") -> Evidence:
    """Read the target of the run in `folder` and keep what it holds there. Never raises for what the target does.

    :raises HarnessError: the record cannot be written.
    """
    files = open_run(folder)
    if files.manifest.zero_epoch_s is None:
        found = Evidence(problem="the run never began")
    elif not (dsn or service_key):
        found = Evidence(problem=NO_ACCESS)
    else:
        reader: Reader = PostgresReader(dsn) if dsn else RestReader(url, service_key)
        try:
            found = asyncio.run(_read(files, reader))
        except (TargetError, ValueError, KeyError) as error:
            problem = error.what if isinstance(error, HarnessError) else f"unexpected data: {error}"
            found = Evidence(source=reader.source, problem=problem)
    RunStore(folder, files.manifest).update(evidence=found)
    return found


async def _read(files: RunFiles, reader: Reader) -> Evidence:
    folder = files.folder
    assert files.manifest.zero_epoch_s is not None
    zero = datetime.fromtimestamp(files.manifest.zero_epoch_s, UTC)
    since = (zero - CLOCK_ERROR).isoformat()
    async with reader:
        waited = await _rest(reader, since)
        until = (datetime.now(UTC) + CLOCK_ERROR).isoformat()
        rows = {}
        noted = written(files.rows(LEDGER_WRITES, COLUMNS))
        for table in TABLES:
            batches = [batch async for batch in reader.between(table, since, until)]
            if dated := DATED.get(table.name):
                batches = await _also_by_name(dated, noted, reader, batches)
            rows[table.name] = store.keep(folder, table, batches)
        messages = store.kept(folder, MESSAGES)
        assert messages is not None
        talked_in = id_texts(messages["conversation_id"])
        for table, column in TALKED_IN:
            batches = [batch async for batch in reader.belonging(table, column, talked_in)]
            rows[table.name] = store.keep(folder, table, batches)
    return Evidence(
        source=reader.source,
        read_at=datetime.now(UTC).isoformat(timespec="seconds"),
        rested_s=round(waited, 1),
        at_rest=waited < REST_LIMIT_S,
        rows=rows,
    )


async def _also_by_name(
    dated: Dated, noted: list[pa.RecordBatch], reader: Reader, batches: list[pa.RecordBatch]
) -> list[pa.RecordBatch]:
    """With the rows that a wrong clock dated out of the run."""
    missing = unseen(dated, noted, batches)
    named = [batch async for batch in reader.belonging(dated.table, dated.by, missing)]
    return without(batches, dated.by, missing) + named


async def _rest(reader: Reader, since: str) -> float:
    """Wait until what background work writes no longer grows. Returns how long that took, in seconds."""
    loop = asyncio.get_running_loop()
    begun, last, still = loop.time(), -1, 0
    while still < STILL_POLLS and loop.time() - begun < REST_LIMIT_S:
        far = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        found = sum([await reader.count(table, since, far) for table in (*TABLES[:3], FEATURES)])
        still = still + 1 if found == last else 0
        last = found
        await asyncio.sleep(POLL_S)
    return loop.time() - begun

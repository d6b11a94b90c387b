"""After a run: wait until the target has come to rest, then read what it holds into the record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import pyarrow as pa
import pyarrow.compute as pc

from harness.core.errors import HarnessError, TargetError, UsageError
from harness.core.ledger import WriteKind
from harness.core.tables import LEDGER_STEPS, LEDGER_WRITES
from harness.egress.gate import LOOPBACK, Gate
from harness.evidence import store, unfound
from harness.evidence.columns import id_texts
from harness.evidence.dated import COLUMNS, DATED, WRITERS, Dated, accounts, unseen, without, written
from harness.evidence.last_seen import last_seen
from harness.evidence.postgres import DATABASE_FAULTS, PostgresReader
from harness.evidence.readers_view import readers_view
from harness.evidence.removed_files import removed_files
from harness.evidence.rest import DATE_KNOWN_TO_S, RestReader
from harness.evidence.tables import (
    ASSISTANT,
    EVENTS,
    FEATURES,
    FOLDER,
    MESSAGES,
    TABLES,
    TALKED_IN,
    WRITTEN_BY,
    StoredTable,
)
from harness.record.manifest import Evidence, Part, TargetClock
from harness.record.parts import measured
from harness.record.store import RunFiles, RunStore, open_run

CLOCK_ERROR = timedelta(seconds=5)
"""What may be left when the target's clock has been measured; the time that is read is wider by it on both sides."""
STILL_POLLS = 3
"""Counts alike so often in a row mean rest: background work writes for a while after the last reply."""
POLL_S = 0.5
REST_LIMIT_S = 60.0
CLOCK_LOOKS = 3
CLOCK_PAUSE_S = 0.3
"""Between looks at a clock that shows whole seconds."""
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

    def on_days(
        self, table: StoredTable, column: str, ids: Sequence[str], first: date, last: date
    ) -> AsyncIterator[pa.RecordBatch]: ...

    async def count(self, table: StoredTable, since: str, until: str) -> int: ...

    async def files(self, bucket: str, names: Sequence[str]) -> set[str]: ...

    async def clock(self) -> datetime: ...


READER_FAULTS = (
    *(TargetError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, OSError),
    *(RecursionError, NotImplementedError, *DATABASE_FAULTS),
)
"""Whatever a target or its data may do to a reader. A `HarnessError` is ours, and a full disk."""


def collect(folder: Path, url: str, *, service_key: str = "", dsn: str = "", gate: Gate = LOOPBACK) -> Evidence:
    """Read the target of the run in `folder` and keep what it holds there. Never raises for what the target does.

    Good evidence is never replaced by a failure: then the record stays as it was, and what is returned has a problem.
    A run that ended and waited for this reading is complete afterwards.

    :param gate: where the target and its database may be.
    :raises HarnessError: the record cannot be written.
    """
    files = open_run(folder)
    before = files.manifest.evidence
    if files.manifest.zero_epoch_s is None:
        found = Evidence(problem="the run never began")
    elif not (dsn or service_key):
        found = Evidence(problem=NO_ACCESS)
    else:
        reader = PostgresReader(dsn, gate) if dsn else RestReader(url, service_key, gate, files.manifest.limits)
        found = _attempted(files, reader)
    store.discard(folder)
    if found.problem and before is not None and not before.problem:
        return found
    record = RunStore(folder, open_run(folder).manifest)
    changes: dict[str, Any] = {"evidence": found}
    if record.manifest.parts is not None and not found.problem:
        changes["parts"] = _listed(folder, record.manifest.parts)
    if record.manifest.status == "running" and record.manifest.finished_at is not None:
        changes["status"] = "complete"
    record.update(**changes)
    return found


def _attempted(files: RunFiles, reader: Reader) -> Evidence:
    store.begin(files.folder)
    try:
        found = asyncio.run(_read(files, reader))
    except READER_FAULTS as error:
        if isinstance(error, HarnessError):
            problem = f"{error.what}{f' ({error.where})' if error.where else ''}"
        elif isinstance(error, TimeoutError):
            problem = "the target's database stopped answering"
        else:
            problem = f"unexpected data: {type(error).__name__} {error}".rstrip()
        return Evidence(source=reader.source, problem=problem)
    if gone := _another_target(files.folder):
        return Evidence(source=reader.source, problem=gone)
    store.replace(files.folder)
    return found


def _another_target(folder: Path) -> str:
    """Why what was read now cannot be of the target that was read before; empty when it may be, or none was."""
    was = still = 0
    for table in TABLES:
        if "id" not in table.schema.names:
            continue
        try:
            before = store.kept(folder, table, ["id"])
        except UsageError:  # damaged: nothing to compare, and worth replacing
            continue
        now = store.kept(folder, table, ["id"], store.DRAFT)
        if before is not None and now is not None:
            was += before.num_rows
            still += int(pc.sum(pc.is_in(before["id"], now["id"])).as_py() or 0)
    if was and not still:
        return f"another target, or an emptied one: none of the rows that were read before is there ({was:,})"
    return ""


def _listed(folder: Path, parts: Mapping[str, Part]) -> dict[str, Part]:
    """The record's parts with those of this reading."""
    stored = [f"{FOLDER}/{path.stem}" for path in (folder / FOLDER).glob("*.parquet")]
    others = {name: part for name, part in parts.items() if not name.startswith(f"{FOLDER}/")}
    return others | measured(folder, stored)


async def _read(files: RunFiles, reader: Reader) -> Evidence:
    folder, manifest = files.folder, files.manifest
    assert manifest.zero_epoch_s is not None
    async with reader:
        clock_now = await _clock(reader)
        if manifest.evidence is not None and manifest.evidence.clock is not None:
            clock = manifest.evidence.clock  # nearer to the run, and by the generator itself
        else:
            clock = clock_now
        margin = CLOCK_ERROR + timedelta(seconds=clock.uncertainty_s)
        zero = datetime.fromtimestamp(manifest.zero_epoch_s, UTC) + timedelta(seconds=clock.offset_s)
        since = (zero - margin).isoformat()
        waited = await _rest(reader, since)
        until = (
            datetime.now(UTC) + timedelta(seconds=clock_now.offset_s + clock_now.uncertainty_s) + margin
        ).isoformat()
        rows = {}
        noted = written(files.rows(LEDGER_WRITES, COLUMNS))
        for table in TABLES:
            batches = [batch async for batch in reader.between(table, since, until)]
            if dated := DATED.get(table.name):
                batches = await _also_by_name(dated, noted, reader, batches)
            if table is EVENTS:
                batches += await _missing_events(files, reader, batches, zero.date())
            if table is MESSAGES:
                batches += await _missing_messages(files, reader, batches)
            rows[table.name] = store.keep(folder, table, batches, store.DRAFT)
        messages = store.kept(folder, MESSAGES, under=store.DRAFT)
        assert messages is not None
        talked_in = id_texts(messages["conversation_id"])
        writers = accounts(noted, _writers(noted))
        for asked, chosen in ((TALKED_IN, talked_in), (WRITTEN_BY, writers)):
            for table, column in asked:
                batches = [batch async for batch in reader.belonging(table, column, chosen)]
                rows[table.name] = store.keep(folder, table, batches, store.DRAFT)
        rows |= await readers_view(files, reader)
        rows |= await removed_files(files, reader)
        rows |= await last_seen(files, reader)
        if manifest.assistant:
            rows |= await _of_the_assistant(folder, reader, since, until)
    return Evidence(
        source=reader.source,
        read_at=datetime.now(UTC).isoformat(timespec="seconds"),
        rested_s=round(waited, 1),
        at_rest=waited < REST_LIMIT_S,
        rows=rows,
        clock=clock,
    )


async def _of_the_assistant(folder: Path, reader: Reader, since: str, until: str) -> dict[str, int]:
    """What the app logged of its models; a target that keeps no such table, or lets nobody read it, lacks just that."""
    rows = {}
    for table in ASSISTANT:
        try:
            batches = [batch async for batch in reader.between(table, since, until)]
        except TargetError:
            continue
        rows[table.name] = store.keep(folder, table, batches, store.DRAFT)
    return rows


async def _clock(reader: Reader) -> TargetClock:
    """The target's clock against ours: the narrowest of a few looks."""
    known_to_s = DATE_KNOWN_TO_S if reader.source == RestReader.source else 0.0
    looks = []
    for _ in range(CLOCK_LOOKS):
        before = datetime.now(UTC)
        theirs = await reader.clock()
        half = (datetime.now(UTC) - before) / 2
        looks.append((half.total_seconds() + known_to_s, (theirs - before - half).total_seconds()))
        if known_to_s:
            await asyncio.sleep(CLOCK_PAUSE_S)
    low = max(offset - unsure for unsure, offset in looks)
    high = min(offset + unsure for unsure, offset in looks)
    if low > high:  # somebody's clock was set in between
        unsure, offset = max(looks)
        low, high = offset - unsure, offset + unsure
    middle, half_width = (low + high) / 2, max((high - low) / 2, known_to_s)
    return TargetClock(offset_s=round(middle, 3), uncertainty_s=round(half_width, 3), of=reader.source)


async def _missing_events(
    files: RunFiles, reader: Reader, batches: list[pa.RecordBatch], zero_day: date
) -> list[pa.RecordBatch]:
    """Rows of acknowledged events that reading by time did not bring; of earlier runs those with the same key."""
    tag = files.manifest.run_tag
    if tag is None:
        return []
    told = unfound.acknowledged(WriteKind.EVENT, files.rows(LEDGER_STEPS, unfound.STEP_COLUMNS))
    missing = unfound.missing_events(tag, told, files.rows(LEDGER_WRITES, unfound.WRITE_COLUMNS), batches)
    asked = [unfound.id_of(tag, place) for place in sorted(missing)[: unfound.ASKED_AT_MOST]]
    named = [batch async for batch in reader.belonging(EVENTS, "client_event_id", asked)] if asked else []
    found = set(unfound.places_in(tag, named, "client_event_id").tolist())
    keys = {key for place, key in missing.items() if place not in found}
    keys.difference_update(*(batch["dedupe_key"].to_pylist() for batch in (*batches, *named)))
    if not keys:
        return named
    people = {place >> 32 for place, key in missing.items() if key in keys}
    theirs = accounts(files.rows(LEDGER_WRITES, ("kind", "person", "subject")), people)
    first, last = zero_day - timedelta(days=1), datetime.now(UTC).date() + timedelta(days=1)
    wanted = pa.array(sorted(keys), pa.uint64())
    same_key = [
        batch.filter(pc.is_in(batch["dedupe_key"], wanted))
        async for batch in reader.on_days(EVENTS, "user_id", theirs, first, last)
    ]
    return named + same_key


async def _missing_messages(files: RunFiles, reader: Reader, batches: list[pa.RecordBatch]) -> list[pa.RecordBatch]:
    """Rows of acknowledged messages that reading by time did not bring."""
    tag = files.manifest.run_tag
    if tag is None:
        return []
    told = unfound.acknowledged(WriteKind.MESSAGE, files.rows(LEDGER_STEPS, unfound.STEP_COLUMNS))
    named, rows = unfound.missing_messages(tag, told, batches)
    by_row = [batch async for batch in reader.belonging(MESSAGES, "id", rows)] if rows else []
    by_id = [batch async for batch in reader.belonging(MESSAGES, "client_id", named)] if named else []
    known = pa.chunked_array([batch["id"] for batch in (*batches, *by_row)], pa.binary(16))
    return by_row + [batch.filter(pc.invert(pc.is_in(batch["id"], value_set=known))) for batch in by_id]


def _writers(noted: list[pa.RecordBatch]) -> set[int]:
    wanted = pa.array([int(kind) for kind in WRITERS], pa.uint8())
    found: set[int] = set()
    for batch in noted:
        found.update(batch.filter(pc.is_in(batch["kind"], wanted))["person"].to_pylist())
    return found


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

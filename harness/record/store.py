"""The run directory: written as the run goes, compacted at its end, readable at every moment in between.

Each table is an Arrow IPC stream file (Arrow columnar format, "IPC Streaming Format"). One append is one write of one
whole message straight to the operating system, so a process that is killed loses nothing it had appended, and a disk
that fills up leaves everything before. Readers stop at the first incomplete message.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pydantic import ValidationError

from harness.core.errors import UsageError
from harness.core.secret_filter import WORDS
from harness.core.tables import (
    ACTIONS,
    ARRIVALS,
    DELIVERY,
    HEALTH,
    LATENCY,
    LEDGER_STEPS,
    LEDGER_WRITES,
    MANIFEST,
    READ_CHECKS,
    READ_PRINTS,
    READ_SAMPLES,
    REALTIME,
    SCHEMAS,
    STREAM_FOLDER,
    TRAFFIC,
    VIOLATIONS,
)
from harness.core.visible import in_json
from harness.record.cleaned import cleaned
from harness.record.domain import misfit
from harness.record.manifest import Manifest
from harness.record.parts import PartFault, faults, measured
from harness.record.streams import StreamFile, batches, from_bytes, replacing, to_bytes, writing
from harness.record.versions import FIRST_VERSION, RECORD_VERSION, older_names

__all__ = ["RunFiles", "RunStore", "from_bytes", "open_run", "tidy", "to_bytes"]

UNSORTED = (LEDGER_WRITES, LEDGER_STEPS, VIOLATIONS, READ_CHECKS, READ_SAMPLES, READ_PRINTS)
"""Tables that stay in the order in which they were written: they grow with the traffic, and readers sort by name."""
TABLES = (LATENCY, ARRIVALS, HEALTH, TRAFFIC, ACTIONS, DELIVERY, REALTIME, *UNSORTED)
LATENCY_KEY = [name for name in SCHEMAS[LATENCY].names if name != "count"]
TRAFFIC_KEY = ["ticket", "worker", "call"]
BLOCK_ROWS = 4_000_000
"""Rows tidied at once when compacting; bounds the memory that a long run's end takes."""
FIRST_KEY = {ARRIVALS: "ticket", DELIVERY: "at_us", TRAFFIC: "ticket", ACTIONS: "ticket"}
"""What a table is sorted by first; "second" for any other that is sorted."""
CODED: dict[str, tuple[str, ...]] = {
    LATENCY: ("phase", "operation", "view", "outcome"),
    ARRIVALS: ("persona", "late_cause", "end"),
    REALTIME: ("what",),
    TRAFFIC: ("call",),
}
"""Columns of few words, that `RunFiles.coded` gives as dictionaries."""
MANIFEST_BYTES = 256_000_000
"""Beyond any manifest; what is larger is not read into memory."""
GROUP_ROWS = 500_000
"""Rows of an unsorted table in one Parquet row group."""


# ---- writing ---------------------------------------------------------------------------------------------------


class RunStore:
    """The writer of one run directory. One process at a time; not thread-safe."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self._manifest = manifest
        self._streams: dict[str, StreamFile] = {}

    @classmethod
    def create(cls, folder: Path, manifest: Manifest) -> RunStore:
        """Start a run in `folder`, which is made, parents included.

        :raises UsageError: the folder is already in use.
        :raises HarnessError: it cannot be written.
        """
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise UsageError(
                    "the run directory is not empty", where=str(folder), remedy="choose another with --out"
                )
            (folder / STREAM_FOLDER).mkdir()
        store = cls(folder, manifest)
        store._write_manifest()
        return store

    @property
    def manifest(self) -> Manifest:
        """As it stands in the file."""
        return self._manifest

    def append(self, table: str, batch: pa.RecordBatch, worker: int | None = None) -> None:
        """Write `batch` to the end of that table's stream, in the operating system's hands on return.

        :param worker: fills the batch's `worker` column, where the table has one; None leaves it as it is.
        :raises ValueError: there is no such table, or the batch is none of it.
        :raises HarnessError: the disk is full or failing. The record up to then stays readable.
        """
        schema = SCHEMAS.get(table)
        if schema is None or not batch.schema.equals(schema):
            raise ValueError(f"not a batch of table {table!r}: {batch.schema.names}")
        if worker is not None and "worker" in schema.names:
            column = pa.array([worker], pa.int32()).take(pa.array([0] * batch.num_rows, pa.int32()))
            batch = batch.set_column(schema.get_field_index("worker"), schema.field("worker"), column)
        if batch.num_rows:
            self._stream(table).append(cleaned(batch))

    def update(self, **changes: Any) -> Manifest:
        """Change fields of `manifest.json`; a reader sees the old file or the new one, never a half.

        :raises pydantic.ValidationError: no such field, or not its type.
        :raises HarnessError: the disk is full or failing; the old file stays.
        """
        self._manifest = Manifest.model_validate(dict(self._manifest) | changes)
        self._write_manifest()
        return self._manifest

    def close(self) -> None:
        """Compact the streams into Parquet files, list them in the manifest, and remove the streams. Harmless when
        repeated: a table that is there never gets fewer rows.

        :raises HarnessError: the disk is full or failing. The streams stay, and so the record stays readable.
        """
        self.release()
        streams = self.folder / STREAM_FOLDER
        if not streams.is_dir():
            return
        self._manifest = open_run(self.folder).manifest
        listed = self._manifest.parts
        for table in TABLES if listed is None else ():
            path = _parquet(self.folder, table)
            with writing(path):
                path.parent.mkdir(exist_ok=True)
            with writing(path), replacing(path) as draft:
                _compact(table, _Source(self.folder, table, self._manifest.record_version), draft)
                if path.exists() and _rows(path) > _rows(draft):  # an earlier close wrote it, and lost its stream
                    shutil.copyfile(path, draft)
        if listed is None:
            with writing(streams):
                self.update(parts=measured(self.folder, TABLES))
        with writing(streams):
            shutil.rmtree(streams)

    def release(self) -> None:
        """Close the files and leave compacting to somebody with more time."""
        for stream in self._streams.values():
            stream.close()
        self._streams.clear()

    def _stream(self, table: str) -> StreamFile:
        if table not in self._streams:
            self._streams[table] = StreamFile(_stream_path(self.folder, table), SCHEMAS[table])
        return self._streams[table]

    def _write_manifest(self) -> None:
        path = self.folder / MANIFEST
        text = self._manifest.model_dump_json(indent=2)
        if WORDS.text(text) != text:  # what a target said stands in it: its words leave without our secrets
            self._manifest = Manifest.model_validate(WORDS.value(json.loads(text)))
            text = self._manifest.model_dump_json(indent=2)
        with writing(path), replacing(path) as draft:
            draft.write_text(in_json(text) + "\n", encoding="utf-8")


# ---- reading ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RunFiles:
    """One run directory, finished or not."""

    folder: Path
    manifest: Manifest
    faults: tuple[PartFault, ...] = ()  # parts that are not what was written; empty until `checked`
    left_out: frozenset[str] = frozenset()  # tables that read as empty
    _believed: set[tuple[str, str]] = field(default_factory=set, init=False, repr=False, compare=False)
    """Columns of tables that were read to their end, and held what a run writes."""

    def checked(self) -> RunFiles:
        """The same run, every part held against the manifest: those that are missing or damaged are named, and read as
        empty, so that they do not keep the rest from being read."""
        found = faults(self.folder, self.manifest)
        return replace(self, faults=found, left_out=frozenset(fault.part for fault in found))

    @property
    def complete(self) -> bool:
        """Whether the run ended as it should and its record was closed."""
        return self.manifest.status == "complete" and not (self.folder / STREAM_FOLDER).exists()

    def latency(self) -> pa.Table:
        """Counts per key, each key once, sorted by key."""
        return self._table(LATENCY)

    def arrivals(self) -> pa.Table:
        """One row per ticket, sorted; when a ticket was written more than once, its last row."""
        return self._table(ARRIVALS)

    def health(self) -> pa.Table:
        """One row per second and worker, sorted."""
        return self._table(HEALTH)

    def delivery(self) -> pa.Table:
        """What phones saw of Realtime, sorted by instant; empty for a run without it."""
        return self._table(DELIVERY)

    def realtime(self) -> pa.Table:
        """Sockets, channels and frames, sorted by second; empty for a run without Realtime."""
        return self._table(REALTIME)

    def traffic(self) -> pa.Table:
        """What each session sent per call, each pair once, sorted. Empty in records older than this table."""
        return self._table(TRAFFIC)

    def actions(self) -> pa.Table:
        """What each session's person did, in order. Likewise."""
        return self._table(ACTIONS)

    def coded(self, table: str) -> Iterator[pa.RecordBatch]:
        """A sorted table piece by piece, its words (`CODED`) as dictionaries, straight from the file.

        Latency rows of a record that was not closed come as they were written: a key may come more than once.
        """
        if table in self.left_out:
            return iter(())
        source = self._source(table)
        if not source.parquet.exists():
            return source.batches() if table == LATENCY else iter(self._table(table).to_batches())
        return self._pieces(table, source.parquet, SCHEMAS[table].names, CODED.get(table, ()))

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Some columns of an unsorted table, piece by piece: such a table may be larger than memory."""
        if table in self.left_out:
            return iter(())
        source = self._source(table)
        if not source.parquet.exists():
            return (batch.select(columns) for batch in source.batches())
        return self._pieces(table, source.parquet, columns)

    def _pieces(
        self, table: str, path: Path, columns: Sequence[str], coded: Sequence[str] = ()
    ) -> Iterator[pa.RecordBatch]:
        try:
            file = pq.ParquetFile(path, read_dictionary=list(coded))
            known = set(file.schema_arrow.names)
            pieces = file.iter_batches(GROUP_ROWS, columns=[name for name in columns if name in known])
            strange = not self._believed.issuperset((table, name) for name in columns)
            for piece in pieces:
                if strange:
                    piece.validate(full=True)
                whole = _widened(piece, table, columns)
                if strange:
                    self._refuse_misfit(table, zip(whole.schema.names, whole.columns, strict=True), path)
                yield whole
            self._believed.update((table, name) for name in columns)
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _damaged(path, error) from error

    def _table(self, table: str) -> pa.Table:
        if table in self.left_out:
            return SCHEMAS[table].empty_table()
        source = self._source(table)
        if not source.parquet.exists():
            return tidy(table, pa.Table.from_batches(source.batches(), SCHEMAS[table]))
        try:
            rows = source.read()
            rows.validate(full=True)  # not before is text in it known to be UTF-8
        except (pa.ArrowException, OSError, ValueError) as error:
            raise _damaged(source.parquet, error) from error
        self._refuse_misfit(table, zip(rows.column_names, rows.columns, strict=True), source.parquet)
        return rows

    def _refuse_misfit(self, table: str, columns: Iterable[tuple[str, Any]], path: Path) -> None:
        """:raises UsageError: no run writes that."""
        if why := misfit(table, columns, self._end_s):
            raise _damaged(path, ValueError(why))

    @property
    def _end_s(self) -> float:
        return max((window.end_s for window in self.manifest.windows), default=self.manifest.profile.phases.end_s)

    def _source(self, table: str) -> _Source:
        return _Source(self.folder, table, self.manifest.record_version)


class _Source:
    """Where one table of a record lies, whichever version wrote it; its rows come with today's columns.

    An older record whose streams were compacted by this version has both: today's file counts.
    """

    def __init__(self, folder: Path, table: str, version: int) -> None:
        self._schema = SCHEMAS[table]
        self.parquet, self._read_as = _parquet(folder, table), self._schema
        self.stream = _stream_path(folder, table)
        older = older_names(table, version)
        if older is None:
            return
        if not self.parquet.exists() and _parquet(folder, older.table).exists():
            self.parquet, self._read_as = _parquet(folder, older.table), older.schema(table)
        if not self.stream.exists():
            self.stream = _stream_path(folder, older.table)

    def read(self) -> pa.Table:
        """The Parquet file. :raises pyarrow.ArrowException: it is damaged. :raises OSError: likewise."""
        return pq.read_table(self.parquet, schema=self._read_as).rename_columns(self._schema.names)

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The whole batches of the stream; columns that came later, always at the end, are null in older ones."""
        for batch in batches(self.stream):
            since = [pa.nulls(batch.num_rows, field.type) for field in list(self._schema)[batch.num_columns :]]
            yield pa.RecordBatch.from_arrays([*batch.columns, *since], schema=self._schema)


def _widened(batch: pa.RecordBatch, table: str, columns: Sequence[str]) -> pa.RecordBatch:
    """With columns that the record is too old to have, as nulls. :raises pyarrow.ArrowInvalid: another type."""
    schema = pa.schema([SCHEMAS[table].field(name) for name in columns])
    known = set(batch.schema.names)
    for one in schema:
        if one.name in known and _plain(batch[one.name].type) != one.type:
            raise pa.ArrowInvalid(f"column {one.name} is {batch[one.name].type}, not {one.type}")
    rows = [batch[one.name] if one.name in known else pa.nulls(batch.num_rows, one.type) for one in schema]
    return pa.RecordBatch.from_arrays(rows, names=list(columns))


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _damaged(path: Path, error: Exception) -> UsageError:
    return UsageError(
        f"this table of the record cannot be read: {error}",
        where=str(path),
        remedy="the file is damaged or not ours; restore it or run again",
    )


def open_run(folder: Path) -> RunFiles:
    """The run in `folder`: finished, killed, or still going on.

    :raises UsageError: it is no run directory, its manifest cannot be read, or a newer harness wrote it.
    """
    path = folder / MANIFEST
    if not _there(path, Path.is_file):
        why = f"{MANIFEST} is missing in it" if _there(folder, Path.is_dir) else "there is no such folder"
        raise UsageError(
            f"not a run directory: {why}",
            where=f"{str(folder)!r:.300}" if len(str(folder)) > 300 else str(folder),
            remedy="name a folder that `harness run` made, for example one of runs/",
        )
    try:
        manifest = _manifest(path)
    except (ValidationError, OSError) as error:
        problem = _first_problem(error) if isinstance(error, ValidationError) else str(error)
        raise UsageError(
            f"the run's manifest cannot be read: {problem}",
            where=str(path),
            remedy="use the harness version that wrote it, or run again",
        ) from error
    return RunFiles(folder, manifest)


def _there(path: Path, asked: Callable[[Path], bool]) -> bool:
    """False, too, where the name itself is impossible."""
    try:
        return asked(path)
    except (OSError, ValueError):
        return False


def _manifest(path: Path) -> Manifest:
    """:raises UsageError: a newer harness wrote it. :raises pydantic.ValidationError: it is none. :raises OSError:"""
    if path.stat().st_size > MANIFEST_BYTES:
        raise OSError(f"it is larger than {MANIFEST_BYTES:,} bytes")
    data = path.read_bytes()
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        return Manifest.model_validate_json(data)  # whose error says where
    if place := _unbelievable(found):
        raise OSError(f"{place} is a number that nothing has")
    if not isinstance(found, dict):
        return Manifest.model_validate_json(data)
    version = found.setdefault("record_version", FIRST_VERSION)
    if isinstance(version, int) and version > RECORD_VERSION:
        raise UsageError(
            f"this record is of version {version}; this harness reads up to version {RECORD_VERSION}",
            where=str(path),
            remedy="read it with the harness that wrote it, or a newer one",
        )
    return Manifest.model_validate_json(json.dumps(found))


def _unbelievable(found: Any, place: str = "") -> str:
    """Where a number stands that is not finite, or beyond 64 bits; empty where none does."""
    if isinstance(found, dict | list):
        pairs = found.items() if isinstance(found, dict) else enumerate(found)
        return next((where for key, value in pairs if (where := _unbelievable(value, f"{place}.{key}"))), "")
    wild = isinstance(found, int | float) and not abs(found) < 2**62
    return (place.removeprefix(".") or "it") if wild else ""


def tidy(table: str, rows: pa.Table) -> pa.Table:
    """Rows as they stand in the compacted table: latency grouped, arrivals one per ticket, everything sorted."""
    if table == LATENCY:
        grouped = rows.group_by(LATENCY_KEY).aggregate([("count", "sum")]).rename_columns([*LATENCY_KEY, "count"])
        return (
            grouped.select(SCHEMAS[LATENCY].names)
            .cast(SCHEMAS[LATENCY])
            .sort_by([(k, "ascending") for k in LATENCY_KEY])
        )
    if table == ARRIVALS:
        numbered = rows.append_column("row", pa.array(range(rows.num_rows), pa.int64()))
        last = numbered.group_by("ticket").aggregate([("row", "max")]).sort_by("ticket")
        return rows.take(last["row_max"])
    if table == DELIVERY:
        return rows.sort_by([("at_us", "ascending"), ("worker", "ascending")])
    if table == TRAFFIC:
        counted = [name for name in SCHEMAS[TRAFFIC].names if name not in TRAFFIC_KEY]
        summed = rows.group_by(TRAFFIC_KEY).aggregate([(name, "sum") for name in counted])
        summed = summed.rename_columns([*TRAFFIC_KEY, *counted]).cast(SCHEMAS[TRAFFIC])
        return summed.sort_by([(key, "ascending") for key in TRAFFIC_KEY])
    if table == ACTIONS:
        numbered = rows.append_column("row", pa.array(range(rows.num_rows), pa.int64()))  # the sort need not be stable
        keys = [("ticket", "ascending"), ("at_us", "ascending"), ("row", "ascending")]
        return numbered.sort_by(keys).drop_columns(["row"])
    if table in UNSORTED:
        return rows
    return rows.sort_by([("second", "ascending"), ("worker", "ascending")])


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'the file'}: {first['msg']}"


def _parquet(folder: Path, table: str) -> Path:
    return folder / f"{table}.parquet"


def _rows(path: Path) -> int:
    """Of a Parquet file; 0 where it is none."""
    try:
        return int(pq.read_metadata(path).num_rows)
    except (pa.ArrowException, OSError):
        return 0


def _stream_path(folder: Path, table: str) -> Path:
    return folder / STREAM_FOLDER / f"{table.replace('/', '-')}.arrows"


def _compact(table: str, source: _Source, target: Path) -> None:
    """Write a stream's rows to a Parquet file, in blocks by the column that it is sorted by first, so that memory stays
    bounded: what belongs together has one value there."""
    schema = SCHEMAS[table]
    with pq.ParquetWriter(target, schema, compression="zstd") as writer:
        if table in UNSORTED:
            for rows in _gathered(source.batches(), schema):
                writer.write_table(rows)
            return
        key = FIRST_KEY.get(table, "second")
        for first, last in _blocks(source, key):
            inside = (
                batch.filter(pc.and_(pc.greater_equal(batch[key], first), pc.less_equal(batch[key], last)))
                for batch in source.batches()
            )
            writer.write_table(tidy(table, pa.Table.from_batches(inside, schema)))


def _gathered(parts: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """The same rows in tables of about GROUP_ROWS: what compresses well and still fits into memory."""
    held: list[pa.RecordBatch] = []
    rows = 0
    for part in parts:
        held.append(part)
        rows += part.num_rows
        if rows >= GROUP_ROWS:
            yield pa.Table.from_batches(held, schema)
            held, rows = [], 0
    yield pa.Table.from_batches(held, schema)


def _blocks(source: _Source, key: str) -> Iterator[tuple[int, int]]:
    """Ranges of the key, first and last, that hold about BLOCK_ROWS rows each."""
    rows, begin, end = 0, 0, 0
    for batch in source.batches():
        if batch.num_rows:
            ends = pc.min_max(batch[key]).as_py()
            begin, end = min(begin, ends["min"]), max(end, ends["max"] + 1)
            rows += batch.num_rows
    step = max(1, -(-(end - begin) // max(1, -(-rows // BLOCK_ROWS))))
    return ((first, first + step - 1) for first in range(begin, end, step))

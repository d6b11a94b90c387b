"""Evidence in the run directory: one Parquet file a table under `stored/`.

What is read anew is written beside it and takes its place when it is whole: a reading that fails destroys nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harness.core.errors import UsageError
from harness.evidence.tables import FOLDER, StoredTable
from harness.record.cleaned import cleaned
from harness.record.streams import replacing, writing

DRAFT = f"{FOLDER}.new"
"""Where a reading is written until it is whole."""
_BEFORE = f"{FOLDER}.old"


def path_of(folder: Path, table: StoredTable, under: str = FOLDER) -> Path:
    """Where a table of the run in `folder` lies."""
    return folder / under / f"{table.file}.parquet"


def begin(folder: Path) -> None:
    """Make room for a new reading. :raises HarnessError: the disk is failing."""
    discard(folder)
    with writing(folder / DRAFT):
        (folder / DRAFT).mkdir()


def discard(folder: Path) -> None:
    """Forget a reading that failed."""
    for name in (DRAFT, _BEFORE):
        shutil.rmtree(folder / name, ignore_errors=True)


def replace(folder: Path) -> None:
    """The reading is whole: it takes the place of the one before. :raises HarnessError: the disk is failing."""
    with writing(folder / FOLDER):
        if (folder / FOLDER).exists():
            (folder / FOLDER).rename(folder / _BEFORE)
        (folder / DRAFT).rename(folder / FOLDER)
    discard(folder)


def keep(folder: Path, table: StoredTable, batches: Iterable[pa.RecordBatch], under: str = FOLDER) -> int:
    """Write a table as it comes in; the file is there whole or not at all. Returns the number of rows.

    :raises HarnessError: the disk is full or failing.
    """
    path, rows = path_of(folder, table, under), 0
    with writing(path):
        path.parent.mkdir(exist_ok=True)
        with replacing(path) as draft, pq.ParquetWriter(draft, table.schema, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(cleaned(batch, None))
                rows += batch.num_rows
    return rows


def kept(
    folder: Path, table: StoredTable, columns: Sequence[str] | None = None, under: str = FOLDER
) -> pa.Table | None:
    """A table as it was read, or some of its columns; None when it was not.

    :raises UsageError: the file is damaged.
    """
    path = path_of(folder, table, under)
    if not path.is_file():
        return None
    try:
        found = pq.read_table(path, columns=None if columns is None else list(columns), schema=table.schema)
        found.validate(full=True)  # not before is text in it known to be UTF-8
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, str(error)) from error
    for name in table.told_apart_by:
        if name in found.column_names and found[name].null_count:
            raise _damaged(path, f"it has rows without {name}")
    return found


def _damaged(path: Path, why: str) -> UsageError:
    return UsageError(
        f"this table of the evidence cannot be read: {why}",
        where=str(path),
        remedy="read the target again with `harness check RUN`",
    )

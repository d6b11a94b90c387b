"""Evidence in the run directory: one Parquet file a table under `stored/`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harness.core.errors import UsageError
from harness.evidence.tables import FOLDER, StoredTable
from harness.record.streams import replacing, writing


def path_of(folder: Path, table: StoredTable) -> Path:
    """Where a table of the run in `folder` lies."""
    return folder / FOLDER / f"{table.name}.parquet"


def keep(folder: Path, table: StoredTable, batches: Iterable[pa.RecordBatch]) -> int:
    """Write a table as it comes in; the file is there whole or not at all. Returns the number of rows.

    :raises HarnessError: the disk is full or failing.
    """
    path, rows = path_of(folder, table), 0
    with writing(path):
        path.parent.mkdir(exist_ok=True)
        with replacing(path) as draft, pq.ParquetWriter(draft, table.schema, compression="zstd") as writer:
            for batch in batches:
                writer.write_batch(batch)
                rows += batch.num_rows
    return rows


def kept(folder: Path, table: StoredTable, columns: Sequence[str] | None = None) -> pa.Table | None:
    """A table as it was read, or some of its columns; None when it was not.

    :raises UsageError: the file is damaged.
    """
    path = path_of(folder, table)
    if not path.is_file():
        return None
    try:
        return pq.read_table(path, columns=None if columns is None else list(columns), schema=table.schema)
    except (pa.ArrowException, OSError) as error:
        raise UsageError(
            f"this table of the evidence cannot be read: {error}",
            where=str(path),
            remedy="read the target again with `harness check RUN`",
        ) from error

"""Evidence in the run directory: one Parquet file a table under `stored/`.

What is read anew is written beside it and takes its place when it is whole: a reading that fails destroys nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
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


class KeptTable:
    """A table as it was read, column by column: each is read when it is asked for and not held here, so that ten
    million rows take no more memory than the columns in use. As far as `pyarrow.Table`: `num_rows` and `[name]`."""

    def __init__(
        self, folder: Path, table: StoredTable, columns: Sequence[str], wanted: npt.NDArray[np.bool_] | None = None
    ) -> None:
        self._folder, self._table, self._columns, self._wanted = folder, table, tuple(columns), wanted

    @property
    def num_rows(self) -> int:
        if self._wanted is not None:
            return int(np.count_nonzero(self._wanted))
        return int(pq.read_metadata(path_of(self._folder, self._table)).num_rows)

    def __getitem__(self, name: str) -> pa.ChunkedArray:
        """:raises UsageError: the file is damaged, or was removed."""
        found = kept(self._folder, self._table, (name,))
        if found is None:
            raise _damaged(path_of(self._folder, self._table), "it is no longer there")
        return found[name] if self._wanted is None else found[name].filter(pa.array(self._wanted))

    def parted(self, wanted: npt.NDArray[np.bool_]) -> tuple[KeptTable, pa.Table]:
        """The rows that are wanted, and the others, which are few as a rule, in memory."""
        rest = pa.table({name: self._without(name, wanted) for name in self._columns})
        if wanted.all():
            return self, rest
        chosen = wanted
        if self._wanted is not None:
            chosen = self._wanted.copy()
            chosen[chosen] = wanted
        return KeptTable(self._folder, self._table, self._columns, chosen), rest

    def _without(self, name: str, wanted: npt.NDArray[np.bool_]) -> pa.ChunkedArray:
        if wanted.all():
            return pa.chunked_array([], self._table.schema.field(name).type)
        return self[name].filter(pa.array(~wanted))


def by_column(folder: Path, table: StoredTable, columns: Sequence[str]) -> KeptTable | None:
    """A table as it was read, of which more than a few columns would not fit into memory; None when it was not read.

    :raises UsageError: the file is damaged; further damage shows as columns are read.
    """
    if kept(folder, table, [name for name in table.told_apart_by if name in columns]) is None:
        return None
    return KeptTable(folder, table, columns)


def _damaged(path: Path, why: str) -> UsageError:
    return UsageError(
        f"this table of the evidence cannot be read: {why}",
        where=str(path),
        remedy="read the target again with `harness check RUN`",
    )

"""What was observed becomes part of the record."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harness.core.errors import UsageError
from harness.observe.observer import Observations
from harness.observe.tables import FOLDER, SCHEMAS
from harness.record.added import add_tables
from harness.record.manifest import Observed
from harness.record.parts import path_of


def keep(folder: Path, found: Observations) -> Observed:
    """Write the tables and name them in the manifest. :raises HarnessError: the disk is full or failing."""
    told = Observed(
        problem=found.problem, missing=tuple(found.missing), asked=found.asked, took_s=round(found.took_s, 3)
    )
    batches = {name: _batch(name, found) for name, rows in found.rows.items() if rows}
    add_tables(folder, batches, observed=told)
    return told


def _batch(name: str, found: Observations) -> pa.RecordBatch:
    schema = SCHEMAS[name]
    columns = list(zip(*found.rows[name], strict=True))
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def kept(folder: Path, name: str) -> pa.Table:
    """A table of the record, empty where nothing was observed. :raises UsageError: it is damaged."""
    path = path_of(folder, name)
    schema = SCHEMAS[name]
    if not path.is_file():
        return schema.empty_table()
    try:
        found = pq.read_table(path, schema=schema)
        found.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UsageError(
            f"this table of {FOLDER} cannot be read: {error}",
            where=str(path),
            remedy="restore the file; the run's other figures do not need it",
        ) from error
    return found

"""Tables that are added to a record whose load is over."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.record.cleaned import cleaned
from harness.record.parts import measured, path_of
from harness.record.store import RunStore, open_run
from harness.record.streams import replacing, writing


def add_tables(folder: Path, batches: Mapping[str, pa.RecordBatch], **changes: Any) -> None:
    """Write them, without secrets in any of their texts, and name them in the manifest. changes: what becomes of its
    other fields. :raises HarnessError: the disk is full or failing."""
    for name, batch in batches.items():
        path = path_of(folder, name)
        with writing(path):
            path.parent.mkdir(exist_ok=True)
            with replacing(path) as draft:
                pq.write_table(pa.Table.from_batches([cleaned(batch, None)]), draft, compression="zstd")
    record = RunStore(folder, open_run(folder).manifest)
    parts = record.manifest.parts
    record.update(**changes, parts=parts if parts is None else parts | measured(folder, batches))

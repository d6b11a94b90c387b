"""A stored table that is read column by column is the table: the same rows, in part and whole, and damage is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.core.errors import UsageError
from harness.evidence import store
from harness.evidence.tables import MESSAGES
from reports.integrity.columns import parted

COLUMNS = ("id", "created_at", "client_id", "message_type", "content")


def rows(number: int) -> pa.Table:
    made = {
        "id": [bytes([at]) * 16 for at in range(number)],
        "created_at": list(range(number)),
        "client_id": [None if at % 3 else bytes([at + 1]) * 16 for at in range(number)],
        "message_type": [None if at % 2 else f"kind {at}" for at in range(number)],
        "content": [at * 7 for at in range(number)],
    }
    columns = [pa.array(made.get(one.name, [None] * number), one.type) for one in MESSAGES.schema]
    return pa.table(columns, schema=MESSAGES.schema)


def kept(folder: Path, table: pa.Table) -> store.KeptTable:
    store.keep(folder, MESSAGES, table.to_batches(max_chunksize=4))
    found = store.by_column(folder, MESSAGES, COLUMNS)
    assert found is not None
    return found


@given(first=st.lists(st.booleans(), max_size=12), again=st.integers(0, 2**12))
def test_parts_of_it_are_parts_of_the_table(
    tmp_path_factory: pytest.TempPathFactory, first: list[bool], again: int
) -> None:
    table = rows(len(first))
    whole = table.select(COLUMNS)
    mask = np.array(first, bool)
    found, rest = parted(kept(tmp_path_factory.mktemp("run"), table), mask)
    mine, others = parted(whole, mask)
    second = np.array([bool(again >> at & 1) for at in range(mine.num_rows)], bool)
    for one, other in ((found, mine), (rest, others), *zip(parted(found, second), parted(mine, second), strict=True)):
        assert one.num_rows == other.num_rows
        for name in COLUMNS:
            assert one[name].to_pylist() == other[name].to_pylist()


def test_a_table_that_was_not_read_is_none(tmp_path: Path) -> None:
    assert store.by_column(tmp_path, MESSAGES, COLUMNS) is None


def test_a_row_without_an_id_is_refused_before_anything_is_judged(tmp_path: Path) -> None:
    path = store.path_of(tmp_path, MESSAGES)
    path.parent.mkdir()
    table = rows(3)
    pq.write_table(table.set_column(0, "id", pa.array([b"x" * 16, None, b"y" * 16], pa.binary(16))), path)
    with pytest.raises(UsageError, match="rows without id"):
        store.by_column(tmp_path, MESSAGES, COLUMNS)


def test_a_file_that_goes_away_meanwhile_is_told(tmp_path: Path) -> None:
    found = kept(tmp_path, rows(3))
    store.path_of(tmp_path, MESSAGES).unlink()
    with pytest.raises(UsageError, match="no longer there"):
        found["content"]

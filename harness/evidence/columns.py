"""Columns of ids as texts and as numbers. (pure)"""

from __future__ import annotations

import uuid

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Numbers = npt.NDArray[np.uint64]


def id_texts(column: pa.ChunkedArray) -> list[str]:
    """Each id once, as text."""
    return [str(uuid.UUID(bytes=raw)) for raw in pc.unique(column).to_pylist() if raw is not None]


def halves(column: pa.ChunkedArray) -> tuple[Numbers, Numbers]:
    """The high and low 64 bits of a column of 16-byte ids; nulls become 0."""
    if not len(column):
        return np.zeros(0, np.uint64), np.zeros(0, np.uint64)
    array = column.chunk(0) if column.num_chunks == 1 else pa.concat_arrays(column.chunks)
    if array.null_count:
        array = pc.fill_null(array, bytes(16))
    pairs = np.frombuffer(array.buffers()[1], ">u8", count=2 * len(array), offset=16 * array.offset).reshape(-1, 2)
    return pairs[:, 0].astype(np.uint64), pairs[:, 1].astype(np.uint64)

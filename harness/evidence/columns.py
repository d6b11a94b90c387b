"""Columns of ids as texts. (pure)"""

from __future__ import annotations

import uuid

import pyarrow as pa
import pyarrow.compute as pc


def id_texts(column: pa.ChunkedArray) -> list[str]:
    """Each id once, as text."""
    return [str(uuid.UUID(bytes=raw)) for raw in pc.unique(column).to_pylist() if raw is not None]

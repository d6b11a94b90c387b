"""Asks whether files are gone whose removal was acknowledged in the run (I77)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pyarrow.compute as pc

from harness.core.errors import TargetError
from harness.core.tables import READ_SAMPLES
from harness.evidence import store
from harness.evidence.rows import batch
from harness.evidence.tables import REMOVED_FILES
from harness.record.store import RunFiles

CALL, BUCKET = "attachment_remove", "chat-media"
ASKED_AT_MOST = 200


class KnowsFiles(Protocol):
    """Somebody who can see what storage has."""

    async def files(self, bucket: str, names: Sequence[str]) -> set[str]: ...


async def removed_files(files: RunFiles, reader: KnowsFiles) -> dict[str, int]:
    """Rows by table. A target whose storage cannot be asked lacks just that."""
    names: dict[str, None] = {}
    for read in files.rows(READ_SAMPLES, ("call", "detail")):
        names.update(dict.fromkeys(read.filter(pc.equal(read["call"], CALL))["detail"].to_pylist()))
    asked = list(names)[:ASKED_AT_MOST]
    if not asked:
        return {}
    try:
        there = await reader.files(BUCKET, asked)
    except TargetError:
        return {}
    rows = [{"name": name, "there": name in there} for name in asked]
    return {REMOVED_FILES.file: store.keep(files.folder, REMOVED_FILES, [batch(REMOVED_FILES, rows)], store.DRAFT)}

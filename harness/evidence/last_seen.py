"""Reads when people were seen last, of those who said so in the run."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import pyarrow.compute as pc

from harness.core.errors import TargetError
from harness.core.ledger import WriteKind
from harness.core.tables import LEDGER_WRITES
from harness.evidence import readers, store
from harness.evidence.readers_view import ByIds
from harness.evidence.tables import LAST_SEEN
from harness.record.store import RunFiles

ASKED_AT_MOST = 500


async def last_seen(files: RunFiles, reader: ByIds) -> dict[str, int]:
    """Rows by table, of the first people who wrote it, as of the run's end: a later reading keeps them, and brings none
    when the run is long over, because a phone whose clock is behind may have written since. A target that keeps no such
    column, or lets nobody read it, lacks just that."""
    if (before := store.kept(files.folder, LAST_SEEN)) is not None:
        return {LAST_SEEN.file: store.keep(files.folder, LAST_SEEN, before.to_batches(), store.DRAFT)}
    if readers.long_over(files.manifest.finished_at, datetime.now(UTC)):
        return {}
    people: dict[bytes, None] = {}
    for written in files.rows(LEDGER_WRITES, ("kind", "subject")):
        mine = written.filter(pc.equal(written["kind"], int(WriteKind.SEEN)))["subject"]
        people.update(dict.fromkeys(mine.drop_null().to_pylist()))
        if len(people) >= ASKED_AT_MOST:
            break
    asked = [str(uuid.UUID(bytes=account)) for account in list(people)[:ASKED_AT_MOST]]
    if not asked:
        return {}
    try:
        batches = [batch async for batch in reader.belonging(LAST_SEEN, "id", asked)]
    except TargetError:
        return {}
    return {LAST_SEEN.file: store.keep(files.folder, LAST_SEEN, batches, store.DRAFT)}

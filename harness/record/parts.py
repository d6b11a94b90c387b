"""The parts of a closed record: how many rows each holds and what its bytes sum up to, and what became of them since.

A part is a table of the run directory: `latency`, `ledger/writes`, `stored/messages`. The manifest lists them when they
are written; what is missing, short or damaged later is named, so that nothing that is gone can pass. Of `chaos.jsonl`,
which grows to the end, only its presence is asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from harness.core.fault_record import CHAOS
from harness.core.tables import ARRIVALS, HEALTH, LATENCY, STREAM_FOLDER
from harness.record.manifest import Manifest, Part

ALWAYS = (LATENCY, ARRIVALS, HEALTH)
"""Tables of every closed record, also of those whose manifest lists no parts."""
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class PartFault:
    """One part that is not what was written."""

    part: str
    path: Path
    what: str

    @property
    def of_data(self) -> bool:
        """Whether the data check reads it, and nothing else."""
        return self.part.startswith(("ledger/", "stored/"))


def path_of(folder: Path, part: str) -> Path:
    """Where a part lies."""
    return folder / f"{part}.parquet"


def measured(folder: Path, parts: Iterable[str]) -> dict[str, Part]:
    """Those of `parts` that are there. :raises OSError: the disk. :raises pyarrow.ArrowException: not what they are."""
    found = {}
    for part in parts:
        path = path_of(folder, part)
        if path.is_file():
            found[part] = Part(rows=_rows(path), sha256=_sum(path))
    return found


def faults(folder: Path, manifest: Manifest) -> tuple[PartFault, ...]:
    """What is missing, short, changed or unreadable of the record, in the order of the parts' names.

    A record whose manifest lists no parts is older than the list, or was never closed: then only what every closed
    record has is asked for.
    """
    if manifest.parts is None:
        closed = not (folder / STREAM_FOLDER).exists()
        return tuple(_faults(folder, dict.fromkeys(ALWAYS))) if closed else ()
    found = tuple(_faults(folder, manifest.parts))
    faulty = manifest.status == "complete" and any(window.kind == "chaos" for window in manifest.chaos)
    if faulty and not (folder / CHAOS).is_file():
        found += (PartFault("chaos", folder / CHAOS, "is missing"),)
    return found


def _faults(folder: Path, parts: Mapping[str, Part | None]) -> Iterable[PartFault]:
    for part, written in sorted(parts.items()):
        path = path_of(folder, part)
        what = _fault(path, written)
        if what:
            yield PartFault(part, path, what)


def _fault(path: Path, written: Part | None) -> str:
    if not path.is_file():
        return "is missing"
    try:
        rows = _rows(path)
        changed = written is not None and _sum(path) != written.sha256
    except (OSError, pa.ArrowException) as error:
        return f"cannot be read ({type(error).__name__})"
    if written is None:
        return ""
    if rows != written.rows:
        return f"is {'short' if rows < written.rows else 'longer than written'}: {rows:,} of {written.rows:,} rows"
    return "was changed since it was written" if changed else ""


def _rows(path: Path) -> int:
    with pq.ParquetFile(path) as file:
        return int(file.metadata.num_rows)


def _sum(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()

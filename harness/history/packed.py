"""What the history keeps of a passing run's record, so that it can be a baseline on another machine: its manifest, its
latencies and its deliveries, in one archive. The run directory itself may be gone.

A runner in CI keeps nothing but a cache; with the archive inside, the history is all that it needs.
"""

from __future__ import annotations

import io
import os
import re
import zipfile
import zlib
from pathlib import Path

from harness.core.errors import HarnessError, UsageError
from harness.core.tables import DELIVERY, LATENCY, MANIFEST

KEPT = (MANIFEST, f"{LATENCY}.parquet", f"{DELIVERY}.parquet")
MOST_BYTES = 64_000_000
"""A record that is larger stays out: a cache has limits, and a comparison that needs it can name the run directory."""
FOLDER = ".baselines"
"""Beside the runs: where archives are laid out to be read."""
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


def pack(folder: Path) -> bytes | None:
    """The archive of a closed run; None where it is too large, or lacks a part. :raises HarnessError: the disk."""
    kept = io.BytesIO()
    try:
        if sum((folder / name).stat().st_size for name in KEPT if (folder / name).exists()) > MOST_BYTES:
            return None
        with zipfile.ZipFile(kept, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in KEPT:
                if (folder / name).is_file():
                    archive.write(folder / name, name)
            if not {MANIFEST, f"{LATENCY}.parquet"} <= set(archive.namelist()):
                return None
    except OSError as error:
        raise HarnessError(
            f"a part of the run cannot be read: {error.strerror or error}",
            where=str(folder),
            remedy="`harness history add RUN` tries again",
        ) from error
    return kept.getvalue()


def unpack(run_id: str, packed: bytes, out: Path) -> Path:
    """Lay an archive out below `out`, where it is not there yet. The folder opens as a run.

    :raises UsageError: it is none of ours, or damaged. :raises HarnessError: the disk is full or failing.
    """
    if not _RUN_ID.fullmatch(run_id):
        raise _damaged(run_id)
    folder = out / FOLDER / run_id
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            if not set(archive.namelist()) <= set(KEPT):
                raise _damaged(run_id)
            if sum(one.file_size for one in archive.infolist()) > 4 * MOST_BYTES:
                raise _damaged(run_id)
            folder.mkdir(parents=True, exist_ok=True)
            for name in archive.namelist():
                _lay(folder / name, archive.read(name))
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:  # RuntimeError: a password,
        # or a way of packing that is not known
        raise _damaged(run_id) from error
    except OSError as error:
        raise HarnessError(
            f"a baseline of the history cannot be laid out: {error.strerror or error}",
            where=str(folder),
            remedy="free some space, or name another folder with --out",
        ) from error
    return folder


def _lay(path: Path, data: bytes) -> None:
    """Whole or not at all, and not anew: another run beside this one may be reading it."""
    if path.is_file() and path.stat().st_size == len(data):
        return
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_bytes(data)
    draft.replace(path)


def _damaged(run_id: str) -> UsageError:
    return UsageError(
        f"the record of run {run_id!r:.80} in this history is damaged",
        where="the history",
        remedy="restore the file from a copy, or `harness history forget` the run",
    )

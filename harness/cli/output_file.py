"""Files that a command writes where somebody asked for them: whole, or as they were before."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from harness.core.errors import HarnessError, UsageError
from harness.core.unusable_path import UNUSABLE_NUMBERS

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
FIXED = frozenset({errno.EACCES, errno.EPERM, errno.EBUSY, errno.EXDEV})
"""A file that may be written and not replaced: its folder is closed, or it is mounted alone, as into a container."""


def write_whole(path: Path, data: str | bytes) -> None:
    """Text goes out as UTF-8; a link stays one.

    :raises HarnessError: the disk is full or failing. :raises UsageError: nothing can be written there.
    """
    from harness.record.streams import replacing

    # Path.resolve fails over a link to itself.
    place, raw = Path(os.path.realpath(path)), data.encode("utf-8") if isinstance(data, str) else data
    try:
        with replacing(place) as draft:
            draft.write_bytes(raw)
    except OSError as error:
        if error.errno not in FIXED or not place.is_file():
            raise unwritable(error, path) from error
        try:
            place.write_bytes(raw)
        except OSError as again:
            raise unwritable(again, path) from again


def unwritable(error: OSError, path: Path | None) -> HarnessError:
    """What kept a file from being written, in our words."""
    from harness.config.text_file import shown

    why, where = error.strerror or str(error), "" if path is None else shown(path)
    if error.errno in FULL or not isinstance(error, PermissionError | FileNotFoundError | NotADirectoryError):
        kind = UsageError if error.errno in UNUSABLE_NUMBERS else HarnessError
        return kind(
            f"this file could not be written: {why}",
            where=where,
            remedy="free some space, or name a file on another disk; nothing of it is there",
        )
    return UsageError(f"this file could not be written: {why}", where=where, remedy="name a file that you may")

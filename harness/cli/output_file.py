"""Files that a command writes where somebody asked for them: whole, or as they were before."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from harness.core.errors import HarnessError, UsageError

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
UNUSABLE = frozenset({errno.ELOOP, errno.ENAMETOOLONG, errno.EROFS})
"""What the system says of a path that somebody named, beside the errors that Python has classes for."""


def write_whole(path: Path, data: str | bytes) -> None:
    """Text goes out as UTF-8; a link stays one.

    :raises HarnessError: the disk is full or failing. :raises UsageError: nothing can be written there.
    """
    from harness.record.streams import replacing

    try:
        with replacing(Path(os.path.realpath(path))) as draft:  # Path.resolve fails over a link to itself
            draft.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)
    except OSError as error:
        raise unwritable(error, path) from error


def unwritable(error: OSError, path: Path | None) -> HarnessError:
    """What kept a file from being written, in our words."""
    from harness.config.text_file import shown

    why, where = error.strerror or str(error), "" if path is None else shown(path)
    if error.errno in FULL or not isinstance(error, PermissionError | FileNotFoundError | NotADirectoryError):
        kind = UsageError if error.errno in UNUSABLE else HarnessError
        return kind(
            f"this file could not be written: {why}",
            where=where,
            remedy="free some space, or name a file on another disk; nothing of it is there",
        )
    return UsageError(f"this file could not be written: {why}", where=where, remedy="name a file that you may")

"""One process at a time in a folder whose state several commands would write over each other."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Iterator
from pathlib import Path

from harness.core.errors import UsageError

LOCKS = importlib.util.find_spec("fcntl") is not None
"""Whether this system has them; elsewhere nobody is kept out."""


@contextlib.contextmanager
def held(folder: Path, what: str) -> Iterator[None]:
    """This folder is ours until the end of the block, or of this process, however it ends. It is made where it is not.

    :param what: is in it, for the message: "rehearsal".
    :raises UsageError: another process of this machine is at work there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not LOCKS:
        yield
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"another process is at work on this {what}: two would load the target twice, and lose each other's "
                "state",
                where=str(folder),
                remedy="wait for it, or end it; then --resume",
            ) from None
        except OSError:  # a file system without locks
            pass
        yield
    finally:
        os.close(handle)

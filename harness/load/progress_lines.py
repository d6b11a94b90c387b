"""What the master tells the supervisor, through a pipe that nobody may be reading just now.

The master's stdout blocks when its reader does not read, and with it the hub: every greenlet, the reports of all
workers among them. So a line is written only while there is room for it. Of progress only the latest waits for room, of
anything else all lines do, in their order; the last one of a run is waited for.
"""

from __future__ import annotations

import contextlib
import os
import select
from collections import deque
from typing import TextIO

PIECE = 4096
"""Bytes that a pipe takes whole once it is writable (POSIX: PIPE_BUF, 4,096 on Linux)."""
KEPT_LINES = 10_000


class ProgressLines:
    """Lines to `out`. One that is no file (a test's) takes everything at once."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._descriptor = _descriptor(out)
        self._rest = b""  # of a line that has begun
        self._waiting: deque[bytes] = deque(maxlen=KEPT_LINES)
        self._latest: bytes | None = None  # progress

    def say(self, line: str, *, passing: bool = False, wait: bool = False) -> None:
        """Write a line. passing: the next such line makes it worthless. wait: block until all is written."""
        if self._descriptor is None:
            self._out.write(line)
            self._out.flush()
            return
        if passing:
            self._latest = line.encode()
        else:
            self._waiting.append(line.encode())
            self._latest = None  # older than this line
        self._flush(self._descriptor, wait=wait)

    def _flush(self, descriptor: int, *, wait: bool) -> None:
        while True:
            if not self._rest:
                if self._waiting:
                    self._rest = self._waiting.popleft()
                elif self._latest is not None:
                    self._rest, self._latest = self._latest, None
                else:
                    return
            if not wait and not select.select([], [descriptor], [], 0)[1]:
                return
            self._rest = self._rest[os.write(descriptor, self._rest[:PIECE]) :]


def _descriptor(out: TextIO) -> int | None:
    with contextlib.suppress(OSError, ValueError, AttributeError):
        out.flush()
        return out.fileno()
    return None

"""A log file for a child's words: they pass the filter before they reach the disk, and no terminal obeys them later."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path
from types import TracebackType

from harness.core.secret_filter import WORDS
from harness.core.visible import visible

CHUNK = 65_536
PATIENCE_S = 5.0
"""For the last words after the child has gone; who still holds the pipe then is not waited for."""
LARGEST_LOOKED_AT_AGAIN = 64 * 2**20


class FilteredLog:
    """Give `fileno()` to a child as its stdout or stderr. A context manager; the file is made anew."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
        self._file = os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8", errors="replace")
        self._out, self._in = os.pipe()
        self._pump = threading.Thread(target=self._listen, name=path.name, daemon=True)

    def __enter__(self) -> FilteredLog:
        self._pump.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.finish()

    def fileno(self) -> int:
        """The end to write to."""
        return self._in

    def write(self, text: str) -> None:
        """Lines of another stream, into the same file. What cannot be written is lost."""
        shown = "\n".join(visible(line.expandtabs()) for line in WORDS.text(text).split("\n"))
        with self._lock:
            try:
                self._file.write(shown)
                self._file.flush()
            except (OSError, ValueError):  # a full disk is found, and said, by whoever writes the record
                return

    def finish(self) -> None:
        """The child has gone: everything it said is in the file on return. Idempotent."""
        if self._in < 0:
            return
        os.close(self._in)
        self._in = -1
        self._pump.join(PATIENCE_S)
        with self._lock, contextlib.suppress(OSError):  # what a full disk did not take is written once more by closing
            self._file.close()
        self._look_again()

    def _listen(self) -> None:
        """Whole lines, as many as there are: a secret may stand on two of them."""
        rest = b""
        while data := os.read(self._out, CHUNK):
            whole, line_end, rest = (rest + data).rpartition(b"\n")
            if len(rest) > CHUNK:  # no line is that long
                whole, line_end, rest = whole + line_end + rest, b"", b""
            self.write((whole + line_end).decode("utf-8", "replace"))
        self.write(rest.decode("utf-8", "replace"))
        os.close(self._out)

    def _look_again(self) -> None:
        """At the file as a whole, for what was parted by the pieces that it came in."""
        try:
            if self._path.stat().st_size > LARGEST_LOOKED_AT_AGAIN:
                return
            text = self._path.read_text(encoding="utf-8")
            if (clean := WORDS.known(text)) != text:
                self._path.write_text(clean, encoding="utf-8")
        except OSError:
            return

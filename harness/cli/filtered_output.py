"""Standard output and error without secrets: whatever a command prints, a traceback included, passes the filter."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from typing import Any, TextIO

import click

from harness.core.secret_filter import WORDS


@contextlib.contextmanager
def filtered_output() -> Iterator[None]:
    """While the block lasts, both streams of this process pass the filter."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_filtered(stream) for stream in before)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
        sys.stdout, sys.stderr = before


def tell_secret(text: str) -> None:
    """Print a line to standard output as it is: for the one command whose purpose is to hand secrets out."""
    stream = sys.stdout
    if isinstance(stream, _FilteredText):
        stream.flush()
        stream = stream.unfiltered
    click.echo(text, file=stream)


def _filtered(stream: Any) -> Any:
    if not isinstance(getattr(stream, "buffer", None), io.IOBase):  # none there, or somebody's own
        return stream
    stream.flush()
    return _FilteredText(stream)


class _FilteredText(io.TextIOWrapper):
    """A text stream over another one's bytes. Its encoding, errors and line ends are the other's."""

    def __init__(self, stream: TextIO) -> None:
        self.unfiltered = stream
        super().__init__(
            _FilteredBytes(stream.buffer),
            encoding=stream.encoding,
            errors=stream.errors,
            newline="" if isinstance(stream, io.StringIO) else None,
            line_buffering=True,
        )


class _FilteredBytes(io.BufferedIOBase):
    """Bytes on their way to `sink`. A text that is written at once is looked through as a whole.

    Every encoding of a terminal writes a secret's characters as ASCII does, or not at all.
    """

    def __init__(self, sink: Any) -> None:
        self._sink = sink

    name = "filtered"

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return bool(self._sink.isatty())

    def fileno(self) -> int:
        return int(self._sink.fileno())

    def write(self, data: Any) -> int:
        given = bytes(data)
        self._sink.write(WORDS.text(given.decode("latin-1")).encode("latin-1"))
        return len(given)

    def flush(self) -> None:
        self._sink.flush()

    def close(self) -> None:
        """The sink is somebody else's."""

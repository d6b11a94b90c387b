"""stdout and stderr that cannot end a command: closed, broken, full or of an encoding that lacks our signs.

What a terminal cannot show is replaced by what it can; what nobody reads any more is dropped. The files of a run hold
the same things, so nothing is lost with it.
"""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import TextIO

PLAIN = "harness_plain"
"""Name of the codec error handler that writes a sign's nearest relative in ASCII."""
_RELATIVES = {
    "\N{EN DASH}": "-",
    "\N{EM DASH}": "-",
    "\N{MINUS SIGN}": "-",
    "\N{NON-BREAKING HYPHEN}": "-",
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{RIGHTWARDS ARROW}": "->",
    "\N{LEFTWARDS ARROW}": "<-",
    "\N{LESS-THAN OR EQUAL TO}": "<=",
    "\N{GREATER-THAN OR EQUAL TO}": ">=",
    "\N{NOT EQUAL TO}": "!=",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{MIDDLE DOT}": "-",
    "\N{BULLET}": "*",
    "\N{MICRO SIGN}": "u",
    "\N{PLUS-MINUS SIGN}": "+-",
    "\N{LEFT SINGLE QUOTATION MARK}": "'",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "\N{LEFT DOUBLE QUOTATION MARK}": '"',
    "\N{RIGHT DOUBLE QUOTATION MARK}": '"',
    "\N{BOX DRAWINGS LIGHT VERTICAL}": "|",
    "\N{BOX DRAWINGS LIGHT HORIZONTAL}": "-",
    "\N{BOX DRAWINGS HEAVY HORIZONTAL}": "-",
    "\N{CHECK MARK}": "+",
    "\N{BALLOT X}": "x",
    "\N{NO-BREAK SPACE}": " ",
    "\N{NARROW NO-BREAK SPACE}": " ",
}


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_RELATIVES.get(sign, "?") for sign in text), error.end


codecs.register_error(PLAIN, _plain)


class LenientOutput(io.RawIOBase):
    """A descriptor whose reader may leave: from the first failure on, what is written is dropped."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.lost = False

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """The descriptor."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._descriptor)

    def write(self, data: bytes | bytearray | memoryview) -> int:  # type: ignore[override]
        """All of it, or nothing any more."""
        rest = memoryview(data)
        while rest and not self.lost:
            try:
                rest = rest[os.write(self._descriptor, rest) :]
            except BlockingIOError:  # somebody made it non-blocking and reads too slowly
                _await_room(self._descriptor)
            except OSError:
                self.lost = True
        return len(data)


def _await_room(descriptor: int) -> None:
    import select

    with contextlib.suppress(OSError):
        select.select([], [descriptor], [], 1.0)


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """stdout and stderr are such streams within the block, unless somebody has put streams of their own there."""
    fill_standard_descriptors()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _guard(sys.stdout, 1), _guard(sys.stderr, 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        # Everything went through ours: what Python flushes at its end is empty, and cannot fail.
        sys.stdout, sys.stderr = before


def fill_standard_descriptors() -> None:
    """Where 0, 1 or 2 is closed, the next file that is opened would take its place, and our words would land in it."""
    with contextlib.suppress(OSError):
        while (opened := os.open(os.devnull, os.O_RDWR)) <= 2:
            os.set_inheritable(opened, True)
        os.close(opened)


def _guard(stream: TextIO | None, descriptor: int) -> TextIO:
    if stream is None:  # it was closed when Python started
        return _over(descriptor, "utf-8", line_buffering=False)
    try:
        if stream.fileno() != descriptor:
            return stream
        stream.flush()
    except io.UnsupportedOperation:  # a test's, or a notebook's
        return stream
    except (OSError, ValueError):  # gone already
        pass
    return _over(descriptor, stream.encoding or "utf-8", line_buffering=getattr(stream, "line_buffering", False))


def _over(descriptor: int, encoding: str, *, line_buffering: bool) -> TextIO:
    buffer = io.BufferedWriter(LenientOutput(descriptor))  # type: ignore[type-var]
    return io.TextIOWrapper(buffer, encoding=encoding, errors=PLAIN, line_buffering=line_buffering, write_through=True)

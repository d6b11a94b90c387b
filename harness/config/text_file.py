"""Files that people name on a command line, read without trust: what is no plain file of a bearable size is refused.

A device, a pipe or a socket has no end or waits for somebody, so it is looked at before it is opened, and at most
`limit` bytes are read whatever its size claims to be.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

from harness.core.errors import UsageError
from harness.core.frozen_model import closest

MAX_BYTES = 1_000_000
RECORD_BYTES = 64_000_000
"""Of what the harness itself wrote down, where somebody names the place."""

_KINDS: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)
_WIDE = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}
_MARK = b"\xef\xbb\xbf"


def is_file(path: Path) -> bool:
    """Whether there is a plain file. False, too, where the name itself is impossible."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_folder(path: Path) -> bool:
    """Whether there is a folder. False, too, where the name itself is impossible."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False


def read_bytes(path: Path, kind: str, *, limit: int = MAX_BYTES) -> bytes:
    """What stands in the file that somebody named as a `kind`.

    :raises UsageError: there is none, it is no plain file, larger than `limit` bytes, or may not be read.
    """
    try:
        _refuse_special(path, kind)
        # Not to wait for a pipe's other end, should the name be given to one between the look and the opening.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            data = file.read(limit + 1)
    except FileNotFoundError as error:
        raise _absent(path, kind) from error
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "no file can have this name"
        raise UsageError(
            f"this {kind} cannot be read: {why}", where=shown(path), remedy="name a file that you may read"
        ) from error
    if len(data) > limit:
        raise UsageError(f"this {kind} is larger than {limit:,} bytes", where=shown(path), remedy="name the right file")
    return data


def shown(path: Path) -> str:
    """The path, of bearable length and printable."""
    text = str(path)
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= 300 else f"{text[:120]}...{text[-120:]} ({len(text):,} characters)"


def _refuse_special(path: Path, kind: str) -> None:
    """:raises UsageError: something else than a plain file goes by that name. :raises OSError: nothing does."""
    mode = path.stat().st_mode
    for test, what in _KINDS:
        if test(mode):
            raise UsageError(f"this {kind} is {what}, not a file", where=shown(path), remedy="name a file")


def _absent(path: Path, kind: str) -> UsageError:
    folder = path.parent
    if not is_folder(folder):
        return UsageError(f"there is no {kind} {shown(path)}", where=shown(folder), remedy="there is no such folder")
    names = sorted(found.name for found in folder.glob("*.toml"))
    return UsageError(f"there is no {kind} {shown(path)}", where=shown(folder), remedy=closest(path.name, names))


def decoded(raw: bytes, kind: str, path: Path) -> str:
    """The text of a file: UTF-8, with or without the mark that editors on Windows put in front.

    :raises UsageError: another encoding, named where it can be told.
    """
    found = _WIDE.get(raw[:2]) or ("UTF-16 or binary" if b"\0" in raw[:1000] else "")
    if found:
        raise UsageError(
            f"this {kind} is not UTF-8 text: it looks like {found}",
            where=shown(path),
            remedy="save it as UTF-8 (with or without a byte order mark)",
        )
    raw = raw.removeprefix(_MARK)
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
        raise UsageError(
            f"this {kind} is not UTF-8 text",
            where=f"{shown(path)}, line {line}, column {column}",
            remedy="correct that place, or save the file as UTF-8",
        ) from error


def writable(path: Path, kind: str) -> Path:
    """The path again, once it is sure that a file can be written there.

    :raises UsageError: its folder is missing or closed to us, or a folder, a device or a pipe goes by that name.
    """
    try:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # `exists` is silent about more than these
            _refuse_special(path, kind)
        problem = "" if path.parent.is_dir() else "there is no such folder"
        where = path if path.exists() else path.parent
        problem = problem or ("" if os.access(where, os.W_OK) else os.strerror(errno.EACCES))
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) and error.strerror else "no file can have this name"
    if problem:
        raise UsageError(
            f"this {kind} cannot be written: {problem}", where=shown(path), remedy="name a file in a folder that exists"
        )
    return path


def usable_folder(path: Path, option: str) -> Path:
    """The path again, once it is sure that folders can be made below it; nothing is made.

    :raises UsageError: it, or the nearest of its parents that is there, is no folder or may not be written.
    """
    try:
        nearest = next(folder for folder in (path.absolute(), *path.absolute().parents) if os.path.lexists(folder))
        problem = "" if nearest.is_dir() else f"{shown(nearest)} is not a folder"
        problem = problem or ("" if os.access(nearest, os.W_OK | os.X_OK) else f"{shown(nearest)} may not be written")
        if nearest != path.absolute() and not problem:
            longest = os.pathconf(nearest, "PC_NAME_MAX")
            names = path.absolute().relative_to(nearest).parts
            problem = os.strerror(errno.ENAMETOOLONG) if any(len(os.fsencode(n)) > longest for n in names) else ""
    except (OSError, ValueError) as error:
        problem = error.strerror if isinstance(error, OSError) and error.strerror else "no folder can have this name"
    if problem:
        raise UsageError(
            f"the folder cannot be used: {problem}", where=f"{option} {shown(path)}", remedy="name a folder of your own"
        )
    return path

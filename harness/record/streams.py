"""Arrow IPC streams: growing files that are whole after every append, and batches as bytes between processes."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pyarrow as pa

from harness.core.errors import HarnessError

_QUICK = pa.ipc.IpcWriteOptions(use_threads=False)  # a batch is small: handing its columns to threads costs more
_SMALL = pa.ipc.IpcWriteOptions(use_threads=False, compression=pa.Codec("zstd", compression_level=1))
"""Between processes, and on disk: a long run's stream is a fifth of the size for a millisecond a second."""
_END = 8
"""Bytes of the mark that ends a stream; a growing one has none."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def to_bytes(batch: pa.RecordBatch) -> bytes:
    """A batch with its schema as one Arrow IPC stream, to ship between processes."""
    return _packed(batch, _QUICK)


def from_bytes(data: bytes) -> pa.RecordBatch:
    """The batch that `to_bytes` packed.

    :raises HarnessError: the bytes are not one.
    """
    try:
        with pa.ipc.open_stream(data) as reader:
            batch = reader.read_next_batch()
            batch.validate(full=True)
            return batch
    except (pa.ArrowInvalid, OSError, StopIteration) as error:
        raise HarnessError(
            f"{len(data)} bytes from a worker are no record batch: {error}",
            remedy="run master and workers from the same version of the harness",
        ) from error


def _packed(batch: pa.RecordBatch, options: pa.ipc.IpcWriteOptions) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


class StreamFile:
    """One growing stream file; after every `append` it ends with a whole message."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._path = path
        self._size = 0
        self._head = bytes(schema.serialize())  # what every packed batch begins with
        with writing(path):
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o644)

    def append(self, batch: pa.RecordBatch) -> None:
        alone = _packed(batch, _SMALL)  # schema, batch, end of stream
        with writing(self._path):
            self._write(alone[:-_END] if self._size == 0 else alone[len(self._head) : -_END])

    def close(self) -> None:
        os.close(self._file)

    def _write(self, data: bytes) -> None:
        try:
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._file, rest) :]
        except OSError:
            # A torn message in the middle would hide all that follows it.
            with suppress(OSError):
                os.ftruncate(self._file, self._size)
                os.lseek(self._file, self._size, os.SEEK_SET)
            raise
        self._size += len(data)


def batches(path: Path) -> Iterator[pa.RecordBatch]:
    """The whole batches of a stream file; what a dying writer left half-written after them is ignored."""
    if not path.is_file() or path.stat().st_size == 0:
        return
    with pa.OSFile(str(path)) as source:
        try:
            reader = pa.ipc.open_stream(source)
        except (pa.ArrowInvalid, OSError):
            return  # died while writing the schema
        while True:
            try:
                batch = reader.read_next_batch()
                batch.validate()
            except (StopIteration, pa.ArrowInvalid, OSError):
                return
            yield batch


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into an error that says what to do."""
    try:
        yield
    except OSError as error:
        full = error.errno in _FULL
        raise HarnessError(
            "the disk is full, so the record cannot go on" if full else f"the record cannot be written: {error}",
            where=str(path),
            remedy=(
                "free space or choose another disk with --out; the record up to now is kept and can be read"
                if full
                else "check that the folder exists, is writable and its disk works; what was recorded is kept"
            ),
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A draft beside `path` that takes its place, durably, once the block ends well; gone otherwise."""
    draft = path.with_name(path.name + ".tmp")
    try:
        yield draft
        _sync(draft)
        draft.replace(path)
    finally:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
    if os.name == "posix":
        _sync(path.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

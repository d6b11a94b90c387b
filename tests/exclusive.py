"""A test that measures time may ask for the machine: the other workers finish what they are at, and wait meanwhile.

Two lock files: `machine` is shared by running tests and held exclusively by who is alone; `queue` is held while waiting
for it, so that whoever wants to be alone is not passed by for ever.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_held: list[IO[bytes]] = []
"""This process's own shared hold on the machine, while one of its tests runs."""


def _path(name: str) -> Path | None:
    """None where no other worker runs."""
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")
    if run is None or int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")) < 2:
        return None
    return _of_run(run, name)


def _of_run(run: str, name: str) -> Path:
    return Path(tempfile.gettempdir()) / f"harness-tests-{run}-{name}.lock"


def clean_up(run: str) -> None:
    """When all workers of a run have ended."""
    for name in ("machine", "queue"):
        _of_run(run, name).unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(name: str, how: int) -> Iterator[IO[bytes]]:
    path = _path(name)
    assert path is not None
    with path.open("ab") as file:
        fcntl.flock(file, how)
        yield file  # closing the file gives the lock back


@contextlib.contextmanager
def beside_others() -> Iterator[None]:
    """Around every test: waits while another worker is alone."""
    if _path("machine") is None:
        yield
        return
    with contextlib.ExitStack() as stack:
        with _locked("queue", fcntl.LOCK_EX):
            held = stack.enter_context(_locked("machine", fcntl.LOCK_SH))
        _held.append(held)
        try:
            yield
        finally:
            _held.remove(held)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Inside a test or fixture: no other worker runs a test meanwhile."""
    if not _held:
        yield
        return
    held = _held[-1]
    fcntl.flock(held, fcntl.LOCK_UN)
    with _locked("queue", fcntl.LOCK_EX):
        fcntl.flock(held, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(held, fcntl.LOCK_SH)

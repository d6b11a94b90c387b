"""The supervisor's side of `run.log`: problems go into it too, and with `-v` all of it to who watches the run."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.record.run_log import RUN_LOG, LogReader, RunLog, readable
from harness.run.run_request import Watcher

LOOK_EVERY_S = 0.2

Show = Callable[[str], None]


class LogWatcher:
    """A watcher whose problems also stand in the log."""

    def __init__(self, watcher: Watcher, log: RunLog) -> None:
        self._watcher = watcher
        self._log = log

    def stage(self, text: str) -> None:
        """Something new begins."""
        self._watcher.stage(text)

    def progress(self, facts: Mapping[str, Any]) -> None:
        """Where the run stands; not for the log, the record has it."""
        self._watcher.progress(facts)

    def problem(self, text: str) -> None:
        """Something is wrong with the harness itself."""
        self._log.error("problem", text=text)
        self._watcher.problem(text)


def supervisor_log(show: Show | None) -> RunLog:
    """The supervisor's log of a run; `show` is told of its lines in their readable form, whether or not there is a run
    directory yet."""
    return RunLog(process="supervisor", heard=None if show is None else lambda line: show(readable(line)))


@contextlib.contextmanager
def following(folder: Path, show: Show | None) -> Iterator[None]:
    """While the block lasts, `show` is also told of what the other processes of the run write."""
    if show is None:
        yield
        return
    reader, over = LogReader(folder / RUN_LOG), threading.Event()

    def tell() -> None:
        for line in reader.take():
            if line.get("pid") != os.getpid():
                show(readable(line))

    def follow() -> None:
        while not over.wait(LOOK_EVERY_S):
            tell()

    thread = threading.Thread(target=follow, name="run log", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        tell()

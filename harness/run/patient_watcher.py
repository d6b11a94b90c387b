"""A run that does not wait for whoever watches it: a terminal that is stopped (Ctrl-S), a pipe that nobody reads.

What is shown goes through a thread of its own. Whoever drives the run must never stand still in a write: Locust's own
output would back up behind it, and the load with it.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from queue import SimpleQueue
from typing import Any

from harness.run.run_request import Watcher

MOST_LINES = 2_000
"""Waiting to be shown; further ones are dropped. All that matters stands in the record and in run.log."""
MOST_BEFORE_PROGRESS = 5
LAST_LINES_S = 2.0


class PatientWatcher:
    """Passes on what it is told, in order, from its own thread. Its calls return at once, also in signal handlers:
    `SimpleQueue.put` may be entered again, the other queues' may not.
    """

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._calls: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._show, name="watcher", daemon=True)
        self._thread.start()

    def _show(self) -> None:
        while (call := self._calls.get()) is not None:
            with contextlib.suppress(Exception):  # a display that fails is no reason to stop showing
                call()

    def later(self, call: Callable[[], None]) -> None:
        """Have this done in turn, unless far too much is waiting."""
        if self._calls.qsize() < MOST_LINES:
            self._calls.put(call)

    def stage(self, text: str) -> None:
        """Something new begins."""
        self.later(lambda: self._watcher.stage(text))

    def problem(self, text: str) -> None:
        """Something is wrong with the harness itself."""
        self.later(lambda: self._watcher.problem(text))

    def progress(self, facts: Mapping[str, Any]) -> None:
        """Where the run stands; what is old by the time it could be shown is not."""
        if self._calls.qsize() <= MOST_BEFORE_PROGRESS:
            self._calls.put(lambda: self._watcher.progress(facts))

    def close(self) -> None:
        """Wait until all is shown, but not for long."""
        self._calls.put(None)
        deadline = time.monotonic() + LAST_LINES_S
        while self._thread.is_alive() and time.monotonic() < deadline:
            self._thread.join(0.05)


@contextlib.contextmanager
def patient(watcher: Watcher) -> Iterator[PatientWatcher]:
    """`watcher`, for somebody who must not wait for it."""
    own = PatientWatcher(watcher)
    try:
        yield own
    finally:
        own.close()

"""A file that is touched once a second as long as a run is alive: what a container's health check looks at.

While load is made, the load's own loop touches it, so that one that stands still shows; before and after, the
supervisor does. To look at a file's time costs next to nothing; a check that started Python would be in what is
measured.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

ALIVE_ENV = "HARNESS_ALIVE_FILE"
EVERY_S = 1.0


def touch(path: str) -> None:
    """Where that cannot be done, the check finds out; a run does not end for it."""
    with contextlib.suppress(OSError):
        Path(path).touch()


class Beat:
    """The supervisor's part: a thread, where the environment names a file."""

    def __init__(self) -> None:
        self._load = threading.Event()

    @contextlib.contextmanager
    def kept(self, environ: Mapping[str, str]) -> Iterator[None]:
        """Touch the file meanwhile."""
        path, over = environ.get(ALIVE_ENV, ""), threading.Event()
        if not path:
            yield
            return

        def beat() -> None:
            while True:
                if not self._load.is_set():
                    touch(path)
                if over.wait(EVERY_S):
                    return

        thread = threading.Thread(target=beat, name="alive", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    @contextlib.contextmanager
    def left_to_the_load(self) -> Iterator[None]:
        """Meanwhile the load's own process touches it."""
        self._load.set()
        try:
            yield
        finally:
            self._load.clear()


BEAT = Beat()
"""Of this process."""

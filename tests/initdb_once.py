"""initdb takes a second of work and always gives the same: done once for a test run, copied for each of its sandboxes.

For the sandboxes inside the test processes. Those that tests start in processes of their own, and the tests of
`Postgres` itself, run initdb as users do.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from sandbox.postgres import Postgres

Initialise = Callable[[Postgres, Path, Path], None]
REAL: Initialise = Postgres._initialise


def folder_of(run: str) -> Path:
    """Where a test run keeps it."""
    return Path(tempfile.gettempdir()) / f"harness-tests-{run}-initdb"


def clean_up(run: str) -> None:
    """When all workers of a run have ended."""
    shutil.rmtree(folder_of(run), ignore_errors=True)


def once(run: str) -> Initialise:
    """Stands in for `Postgres._initialise`."""
    folder = folder_of(run)

    def initialise(postgres: Postgres, install: Path, data: Path) -> None:
        if postgres._folder is not None:  # kept data has a password of its own
            REAL(postgres, install, data)
            return
        folder.mkdir(exist_ok=True, mode=0o700)
        with (folder / "lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (folder / "data").exists():
                REAL(postgres, install, data)
                _copy(data, folder / "unfinished")
                (folder / "password").write_text(postgres._password)
                (folder / "unfinished").rename(folder / "data")
                return
        _copy(folder / "data", data)
        postgres._password = (folder / "password").read_text()  # the copy knows that one

    return initialise


def _copy(source: Path, target: Path) -> None:
    """With owner and modes: the server refuses data that is not its account's alone."""
    subprocess.run(["cp", "-a", "--", f"{source}/.", str(target)], check=True, timeout=60)

"""The file by which others see that a run is alive."""

from __future__ import annotations

import os
import time
from pathlib import Path

from harness.load import alive
from harness.load.alive import ALIVE_ENV, Beat


def _touched(file: Path, since: float, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if file.exists() and file.stat().st_mtime > since:
            return True
        time.sleep(0.05)
    return False


def test_the_supervisor_touches_it_but_while_the_load_does(tmp_path: Path) -> None:
    file, beat = tmp_path / "alive", Beat()
    with beat.kept({ALIVE_ENV: str(file)}):
        assert _touched(file, 0.0, 30.0)
        with beat.left_to_the_load():
            time.sleep(2 * alive.EVERY_S)  # one that was under way is over
            os.utime(file, (1.0, 1.0))
            assert not _touched(file, 1.0, 3 * alive.EVERY_S), "a load that stands still would not show"
        assert _touched(file, 1.0, 30.0)
    os.utime(file, (1.0, 1.0))
    assert not _touched(file, 1.0, 2 * alive.EVERY_S), "the run is over"


def test_without_the_variable_and_where_it_cannot_be_written_nothing_happens(tmp_path: Path) -> None:
    with Beat().kept({}):
        pass
    with Beat().kept({ALIVE_ENV: str(tmp_path / "nowhere" / "alive")}):
        time.sleep(0.1)
    assert list(tmp_path.iterdir()) == []

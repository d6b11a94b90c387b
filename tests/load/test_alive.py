"""The file by which others see that a run is alive."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli import cli
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


@pytest.mark.parametrize("command", ["run", "rehearse"])
def test_a_command_is_alive_until_its_last_word(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report of a long run takes minutes, and people are made for an hour: a probe that sees nothing ends it."""
    file, seen = tmp_path / "alive", []

    def long(*_: object, **__: object) -> Any:
        """What comes behind the load, or before it."""
        file.unlink(missing_ok=True)
        seen.append(_touched(file, 0.0, 30.0))
        raise SystemExit(0)

    target = tmp_path / "target.toml"
    target.write_text(TARGET, encoding="utf-8")
    if command == "run":
        monkeypatch.setattr("harness.run.supervisor.rehearse", lambda *_: tmp_path)
        monkeypatch.setattr("harness.cli.judging.judge", long)
        words = ["run", "smoke", "--target", str(target), "--out", str(tmp_path / "runs")]
    else:
        monkeypatch.setattr("harness.rehearse.conduct.conduct", long)
        words = ["rehearse", "--dau", "5000", "--target", str(target), "--out", str(tmp_path / "out")]
    monkeypatch.setenv(ALIVE_ENV, str(file))
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    assert seen == [True]


TARGET = """
name = "t"
url = "http://127.0.0.1:9"
environment = "sandbox"
[keys]
anon_env = "ALIVE_ANON"
service_env = "ALIVE_SERVICE"
[people]
password_env = "ALIVE_PASSWORD"
"""

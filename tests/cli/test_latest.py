"""`latest` is the newest run, wherever a run is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from harness.cli import cli
from harness.cli.arguments import RunFolder
from harness.cli.environment import commands
from harness.core.errors import UsageError

NAMES = ("20261129T235959Z-nightly-00000001", "20261130T000001Z-smoke-ffffffff", "20261128T120000Z-smoke-00000002")


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for name in NAMES:
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "manifest.json").touch()
    (tmp_path / "runs" / "20261201T000000Z-smoke-00000003").mkdir()  # killed before it had a manifest: no run
    (tmp_path / "runs" / "prove").mkdir()
    return tmp_path


def test_it_is_the_newest_by_the_instant_in_its_name(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs)
    monkeypatch.delenv("HARNESS_RUN_OUT", raising=False)
    assert RunFolder().convert("latest", None, None) == Path("runs") / NAMES[1]
    assert RunFolder().convert("./latest", None, None) == Path("latest")


def test_runs_are_where_the_variable_of_out_says(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_RUN_OUT", str(runs / "runs"))
    assert RunFolder().convert("latest", None, None) == runs / "runs" / NAMES[1]


def test_without_a_run_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HARNESS_RUN_OUT", raising=False)
    with pytest.raises(UsageError, match="there is none"):
        RunFolder().convert("latest", None, None)


@pytest.mark.parametrize("command", ["report", "check", "compare", "history"])
def test_commands_take_it(command: str, runs: Path) -> None:
    """The empty manifest is what each of them complains about: it was found."""
    arguments = {
        "compare": ["compare", "latest", "latest"],
        "history": ["history", "--file", str(runs / "h.db"), "add", "latest"],
    }.get(command, [command, "latest"])
    done = subprocess.run(
        [sys.executable, "-m", "harness", *arguments], cwd=runs, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2, done.stderr
    assert f"runs/{NAMES[1]}/manifest.json" in done.stderr


def test_whatever_is_called_a_run_in_help_takes_it() -> None:
    named = [
        (path, parameter)
        for path, command in commands(cli)
        for parameter in command.params
        if parameter.make_metavar(click.Context(command)).strip("[].") in ("RUN", "BASELINE")
    ]
    assert len(named) >= 6
    assert [path for path, parameter in named if not isinstance(parameter.type, RunFolder)] == []

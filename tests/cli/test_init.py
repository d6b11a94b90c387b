"""`harness init`: what it writes can be run by the commands that it prints, and it overwrites nothing."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli.init import FILES, PROJECT
from harness.config.load import load_profile, load_slo_file, load_target
from harness.config.slo_reach import out_of_reach
from harness.core.ownership import new_claim

BIN = Path(sys.executable).parent


def harness(*arguments: str, folder: Path, limit_s: float = 60) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HARNESS_")}
    return subprocess.run(
        [str(BIN / "harness"), *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=limit_s,
    )


def test_it_writes_a_project_and_prints_two_commands(tmp_path: Path) -> None:
    done = harness("init", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == sorted(
        FILES.values()
    )
    commands = done.stdout.splitlines()
    assert len(commands) == 2
    readme = (tmp_path / "README.md").read_text()
    assert [command for command in commands if f"    {command}\n" not in readme] == []


@pytest.mark.parametrize("system", ["github", "gitlab"])
def test_the_workflow_comes_with_it(system: str, tmp_path: Path) -> None:
    """The same files that `harness ci init` writes."""
    assert harness("init", "mine", "--ci", system, folder=tmp_path).returncode == 0
    (tmp_path / "other").mkdir()
    assert harness("ci", "init", system, folder=tmp_path / "other").returncode == 0
    written = {path.relative_to(tmp_path / "other") for path in (tmp_path / "other").rglob("*") if path.is_file()}
    assert len(written) == (3 if system == "github" else 1)
    for path in written:
        assert (tmp_path / "mine" / path).read_text() == (tmp_path / "other" / path).read_text()
    again = harness("init", "mine", "--ci", system, folder=tmp_path)
    assert again.returncode == 2
    assert all(str(path) in again.stderr for path in written)


def test_elsewhere_it_says_where_to_go(tmp_path: Path) -> None:
    done = harness("init", "my tests/of the app", folder=tmp_path)
    assert done.stdout.splitlines()[0] == "cd 'my tests/of the app'"
    assert (tmp_path / "my tests/of the app/slo.toml").is_file()


def test_it_overwrites_nothing_and_then_writes_nothing(tmp_path: Path) -> None:
    (tmp_path / "slo.toml").write_text("mine")
    done = harness("init", folder=tmp_path)
    assert done.returncode == 2
    assert "slo.toml" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["slo.toml"]
    assert (tmp_path / "slo.toml").read_text() == "mine"


def test_a_file_in_the_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = harness("init", "file/project", folder=tmp_path)
    assert done.returncode == 2
    assert "is not a folder" in done.stderr


def test_its_files_are_right_and_the_profile_brings_the_samples() -> None:
    profile = load_profile(PROJECT / "profiles" / "first.toml")
    slos = load_slo_file(PROJECT / "slo.toml")
    assert out_of_reach(profile, slos.slo) == []
    target = load_target(PROJECT / "targets" / "staging.toml")
    assert "harness doctor --target staging --claim" in (PROJECT / "README.md").read_text(encoding="utf-8")
    limits = target.limits[target.host]
    assert limits.phones is not None
    assert profile.phones <= limits.phones


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_two_commands_end_with_a_verdict(tmp_path: Path) -> None:
    """In an empty folder. Which verdict is the machine's matter: beside others it may be too slow, or in doubt."""
    commands = harness("init", folder=tmp_path).stdout.splitlines()
    for command in commands:
        _, *arguments = shlex.split(command)
        done = harness(*arguments, folder=tmp_path, limit_s=350)
        assert done.returncode in (0, 10, 20), done.stdout + done.stderr
        assert done.stdout.startswith("verdict: ")
        for objective in ("Home feed, server", "Message send, end to end", "Failed operations"):
            assert objective in done.stdout
    [run] = (tmp_path / "runs").iterdir()
    assert (run / "report.html").stat().st_size > 100_000


def test_the_claim_that_a_hosted_target_needs_has_its_place(tmp_path: Path) -> None:
    text = (PROJECT / "targets" / "staging.toml").read_text(encoding="utf-8")
    assert "harness doctor --target staging --claim" in text
    filled = tmp_path / "staging.toml"
    claim = new_claim()
    filled.write_text(
        text.replace("# [ownership]", "[ownership]").replace('# claim = "load-..."', f'claim = "{claim}"')
    )
    assert load_target(filled).ownership.claim == claim

"""Options from the environment: each has its variable, the command line wins, and what would be ignored is refused."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from harness.cli import cli
from harness.cli.environment import commands, variable

OPTIONS = [
    (path, option)
    for path, command in commands(cli)
    for option in command.params
    if isinstance(option, click.Option) and not max(option.opts, key=len).startswith("--allow-")
]


def harness(*arguments: str | Path, **environment: str) -> tuple[int, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HARNESS_")}
    done = subprocess.run(
        [sys.executable, "-m", "harness", *map(str, arguments)],
        env=kept | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def test_every_option_has_a_variable_of_its_own() -> None:
    assert len(OPTIONS) > 100
    assert all(option.envvar for _, option in OPTIONS)
    shared = {"HARNESS_HISTORY"}
    names = [str(option.envvar) for _, option in OPTIONS if option.envvar not in shared]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("path", "spelled", "name"),
    [
        ("run", "--target", "HARNESS_RUN_TARGET"),
        ("run", "--expect-workers", "HARNESS_RUN_EXPECT_WORKERS"),
        ("trace diff", "--known", "HARNESS_TRACE_DIFF_KNOWN"),
        ("chaos proxy", "--lease", "HARNESS_CHAOS_PROXY_LEASE"),
        ("history", "--file", "HARNESS_HISTORY"),
    ],
)
def test_the_variable_is_called_like_the_option(path: str, spelled: str, name: str) -> None:
    found = [option for where, option in OPTIONS if where == path and spelled in option.opts]
    assert [option.envvar for option in found] == [name]


def test_a_value_from_the_environment_counts_and_the_command_line_wins() -> None:
    alone = harness("plan", "--json", "--dau", "1000")
    assert harness("plan", HARNESS_PLAN_JSON="1", HARNESS_PLAN_DAU="1000") == alone
    assert harness("plan", "--dau", "1000", HARNESS_PLAN_JSON="1", HARNESS_PLAN_DAU="2000") == alone
    assert harness("plan", HARNESS_PLAN_JSON="1", HARNESS_PLAN_DAU="2000") != alone


def test_a_target_from_the_environment_is_looked_for(tmp_path: Path) -> None:
    code, said = harness("run", "smoke", HARNESS_RUN_TARGET="stagign", HARNESS_RUN_OUT=str(tmp_path / "runs"))
    assert code == 2
    assert "there is no target called 'stagign'" in said


def test_several_values_are_separated_by_spaces() -> None:
    code, said = harness("run", "smoke", HARNESS_RUN_QUIRK="latency_percent=30 no_such_switch=1")
    assert code == 2
    assert "no_such_switch" in said


def test_a_wrong_value_names_the_variable() -> None:
    code, said = harness("run", "smoke", HARNESS_RUN_SCALE="fast")
    assert code == 2
    assert "HARNESS_RUN_SCALE" in said


def test_a_secret_in_a_wrong_value_is_not_shown() -> None:
    code, said = harness("run", "smoke", HARNESS_RUN_URL="http://me:hunter2-hunter2@localhost:1")
    assert code == 2
    assert "hunter2" not in said


def test_a_variable_that_is_no_option_is_refused_and_nothing_starts(tmp_path: Path) -> None:
    code, said = harness("run", "smoke", HARNESS_RUN_TARGT="staging", HARNESS_RUN_OUT=str(tmp_path / "runs"))
    assert code == 2
    assert "HARNESS_RUN_TARGT" in said
    assert "did you mean HARNESS_RUN_TARGET?" in said
    assert not (tmp_path / "runs").exists()


def test_a_group_takes_what_its_commands_take_and_names_its_own() -> None:
    """HARNESS_CI_TOKEN is no option of `harness ci`, and no reason to refuse its help."""
    code, said = harness("ci", "--help", HARNESS_CI_TOKEN="x", HARNESS_CI_INIT_BRANCH="main")
    assert code == 0, said
    code, said = harness("history", "list", HARNESS_HISTORY_FILE="elsewhere.db")
    assert code == 2
    assert "did you mean HARNESS_HISTORY?" in said


def test_what_allows_something_has_to_be_typed() -> None:
    code, said = harness("run", "smoke", HARNESS_RUN_ALLOW_PRODUCTION="1")
    assert code == 2
    assert "--allow-production has to be typed" in said


def test_variables_of_others_are_no_matter() -> None:
    assert harness("plan", "--dau", "1000", HARNESS_ACCOUNT_ID="x", HARNESS_RUN_TARGT="x")[0] == 0


def test_a_master_from_the_environment_is_a_master() -> None:
    code, said = harness("run", "smoke", "--expect-workers", "2", "--processes", "2", HARNESS_RUN_MASTER="5557")
    assert code == 2
    assert "--processes and --master exclude each other" in said


@pytest.mark.parametrize("path", sorted({path for path, _ in OPTIONS}))
def test_help_says_so(path: str) -> None:
    """With a variable that is one of this command's."""
    command = dict(commands(cli))[path]
    said = " ".join(command.get_help(click.Context(command, info_name=path)).split())
    named = re.search(r"can stand in the environment, too: (HARNESS_\w+) is (--[\w-]+)", said)
    assert named, said
    [option] = [one for one in command.params if isinstance(one, click.Option) and named[2] in one.opts]
    assert named[1] == option.envvar
    assert named[1] in (variable(path, option), "HARNESS_HISTORY")

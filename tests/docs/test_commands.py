"""Every command that a document shows: its options exist, and what needs no deployment runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import click
import pytest

from harness.cli import cli
from harness.cli.environment import commands as all_commands
from harness.egress.sources import SOURCES_ENV
from harness.load.alive import ALIVE_ENV
from tests.docs.commands import PROGRAMS, Shown, commands, inline, pages
from tests.docs.ways import Way, way

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
NOT_YET = re.search(r"## Not yet\n(.*)", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)


CHECKED = (click.Choice, click.types.IntParamType, click.types.FloatParamType)


@cache
def shown() -> tuple[Shown, ...]:
    """All commands in blocks."""
    found = [one for page in pages(ROOT) for one in commands(_name(page), page.read_text(encoding="utf-8"))]
    assert len(found) > 80
    return tuple(found)


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def named() -> list[Shown]:
    """Those within sentences, but for what README says that there is not yet."""
    found = [one for page in pages(ROOT) for one in inline(_name(page), page.read_text(encoding="utf-8"))]
    assert len(found) > 60
    planned = NOT_YET[1] if NOT_YET else ""
    return [one for one in found if f"`harness {one.arguments[0]}`" not in planned]


def problems(one: Shown, *, whole: bool) -> list[str]:
    """What click would say against a command, values that stand for something aside. whole: nothing may be missing."""
    command: click.Command = cli
    words = list(one.arguments)
    context = click.Context(command, info_name="harness")
    while isinstance(command, click.Group):
        parser = command.make_parser(context)
        parser.allow_interspersed_args = False
        try:
            _, words, _ = parser.parse_args(words)
        except click.UsageError as error:
            return _wrong(error, whole=whole)
        if not words:
            return [] if not whole or {"--help", "-h"} & set(one.arguments) else ["a group alone does nothing"]
        below = command.get_command(context, words[0])
        if below is None:
            return [f"no command {words[0]!r}"]
        command, context = below, click.Context(below, context, info_name=words.pop(0))
    if {"--help", "-h"} & set(words):
        return []
    try:
        values, rest, _ = command.make_parser(context).parse_args(words)
    except click.UsageError as error:
        return _wrong(error, whole=whole)
    found = [f"{rest} is too much"] if rest else []
    for parameter in command.params:
        value = values.get(parameter.name or "")
        if whole and parameter.required and not isinstance(value, str) and not isinstance(value, Sequence):
            found.append(f"{parameter.name} is missing")
        found += _values(parameter, value if isinstance(value, list | tuple) else [value], context)
    return found


def _values(parameter: click.Parameter, words: Iterable[object], context: click.Context) -> list[str]:
    """What is wrong with values of closed sets and numbers; others may stand for something."""
    found = []
    for word in words:
        if isinstance(word, str) and word != "N" and isinstance(parameter.type, CHECKED):
            try:
                parameter.type(word, parameter, context)
            except click.UsageError as error:
                found.append(error.format_message())
    return found


def _wrong(error: click.UsageError, *, whole: bool) -> list[str]:
    missing = isinstance(error, click.BadOptionUsage) and "requires an argument" in error.format_message()
    return [] if missing and not whole else [error.format_message()]


def test_no_command_is_overlooked() -> None:
    """Every line of a block that begins like one is one of those that were found."""
    found = {(one.page, one.line) for one in shown()}
    begins = re.compile(rf"^ {{4,}}(?:[A-Z_]+=\S* )*(?:\.venv/bin/)?(?:{'|'.join(PROGRAMS)})(?: |$)")
    missed = [
        f"{_name(page)}:{number}: {line}"
        for page in pages(ROOT)
        for number, line in enumerate(page.read_text(encoding="utf-8").split("\n"), 1)
        if begins.match(line) and (_name(page), number) not in found
    ]
    assert missed == []


def test_options_of_all_commands_exist() -> None:
    wrong = [
        f"{one.page}:{one.line}: {one.text}: {problem}"
        for one in shown()
        if one.program == "harness"
        for problem in problems(one, whole=True)
    ]
    assert wrong == []


def test_options_of_commands_in_sentences_exist() -> None:
    wrong = [
        f"{one.page}:{one.line}: {one.text}: {problem}" for one in named() for problem in problems(one, whole=False)
    ]
    assert wrong == []


def test_variables_of_options_exist() -> None:
    known = {
        str(option.envvar)
        for _, command in all_commands(cli)
        for option in command.params
        if isinstance(option, click.Option)
    } | {"HARNESS_TOKEN", ALIVE_ENV, SOURCES_ENV}
    used = {word.partition("=")[0] for one in shown() for word in one.variables}
    assert {name for name in used if name.startswith("HARNESS_")} - known == set()


@pytest.mark.parametrize(
    "planted",
    [
        "harness run smoke --targt staging",
        "harness rnu smoke",
        "harness report",
        "harness sandbox",
        "harness run smoke nightly",
        "harness run smoke --processes many",
        "harness trace diff a.har --persona nobody",
    ],
)
def test_a_planted_mistake_is_found(planted: str) -> None:
    [one] = commands("planted.md", f"Like this:\n\n    {planted}\n")
    assert problems(one, whole=True)


def test_commands_are_read_as_a_shell_would() -> None:
    text = (
        "Text.\n\n    A_B=1 harness run smoke -v   # a remark\n"
        "    harness plan \\\n        --dau 5 > out.txt\n\n    cd x && make a b\n"
        "\n```sh\nharness check RUN\n```\n\n```toml\nharness = 1\n```\n\n"
        "    harness is not a command here? it is\n"
    )
    assert [(one.line, one.variables, one.words) for one in commands("p", text)] == [
        (3, ("A_B=1",), ("harness", "run", "smoke", "-v")),
        (4, (), ("harness", "plan", "--dau", "5")),
        (7, (), ("cd", "x")),
        (7, (), ("make", "a", "b")),
        (10, (), ("harness", "check", "RUN")),
        (17, (), ("harness", "is", "not", "a", "command", "here?", "it", "is")),
    ]


def test_each_command_is_tested_in_one_way_or_there_is_a_reason() -> None:
    ways = [way(one) for one in shown()]
    undecided = [one.text for one, (how, why) in zip(shown(), ways, strict=True) if how is Way.OPTIONS and not why]
    assert undecided == [], "say in tests/docs/ways.py how these are tested"
    assert sum(how is Way.OPTIONS for how, _ in ways) < 0.65 * len(ways)


def test_targets_of_make_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    asked = {target for one in shown() if one.program == "make" for target in one.arguments}
    assert len(asked) > 3
    assert [target for target in asked if f"\n{target}:" not in makefile] == []


def at_once() -> list[str]:
    return sorted({one.text for one in shown() if way(one)[0] is Way.AT_ONCE})


@pytest.mark.parametrize("text", at_once())
def test_what_needs_no_deployment_runs(text: str, tmp_path: Path) -> None:
    """As written, in a shell, in a folder that is a fresh clone's as far as these commands look."""
    shell = "zsh" if "zsh" in text else "bash"
    if shutil.which(shell) is None:
        shell, text = "bash", text.removeprefix("eval ")  # the script is printed, and not taken as a command's name
        text = re.sub(r'^"\$\((.*)\)"', r"\1", text)
    (tmp_path / "Makefile").symlink_to(ROOT / "Makefile")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HARNESS_")}
    environment |= {"PATH": f"{BIN}{os.pathsep}{environment['PATH']}", "HOME": str(tmp_path)}
    (tmp_path / ".config" / "fish" / "completions").mkdir(parents=True)
    done = subprocess.run(
        [shell, "-c", text], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr

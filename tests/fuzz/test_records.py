"""Mutated records through `report`, `compare` and `check`: each is judged or refused, none breaks anything."""

from __future__ import annotations

import functools
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

import reports.report
from tests.fuzz.command import assert_printable, harness
from tests.fuzz.records import mutate, small
from tests.fuzz.size import LIMIT_S, cases, seed

NAMES = ("v1-everybody", "v1-lost-replies", "v2-everybody")
COMMANDS = ("report", "check", "compare")
PAGES_ONE_IN = 20
"""Drawing the page takes longer than everything else together."""
INJECTED = (b"<script>alert", b"<img src=x", b"\x1b")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    base = tmp_path_factory.mktemp("sound")
    yield {name: small(name, base / name) for name in NAMES}
    shutil.rmtree(base)


def judge(number: int, sound: dict[str, Path], folder: Path) -> tuple[str, int]:
    """Mutate one record and put it through one command. Returns the command and its exit code."""
    dice = random.Random(seed() * 1_000_000 + number)
    name = dice.choice(NAMES)
    shutil.copytree(sound[name], folder)
    how, command = mutate(folder, dice), COMMANDS[number % len(COMMANDS)]
    arguments: tuple[str | Path, ...] = (command, folder)
    if command == "compare":
        pair = (folder, sound[name]) if dice.random() < 0.5 else (sound[name], folder)
        arguments = (command, *pair, "--force")
    drawn = functools.partial(reports.report.report, html=number % PAGES_ONE_IN == 0)
    with patch("reports.report.report", lambda *a, html=True, **k: drawn(*a, **k)):
        code, said = harness(*arguments)
    about = (number, name, how, command)
    assert_printable(said, *about)
    for page in ("report.html", "summary.md", "junit.xml", "verdict.json"):
        data = (folder / page).read_bytes() if (folder / page).is_file() else b""
        if page in ("report.html", "junit.xml"):
            assert [bad for bad in INJECTED if bad in data] == [], (*about, page)
        else:
            assert b"\x1b" not in data, (*about, page)
    return command, code


def barrage(numbers: range, sound: dict[str, Path], base: Path) -> Counter[tuple[str, int]]:
    seen: Counter[tuple[str, int]] = Counter()
    for number in numbers:
        folder = base / f"m{number}"
        seen[judge(number, sound, folder)] += 1
        shutil.rmtree(folder)
    return seen


def test_a_few_mutated_records_are_judged_or_refused(sound: dict[str, Path], tmp_path: Path) -> None:
    assert sum(barrage(range(1, 7), sound, tmp_path).values()) == 6


@pytest.mark.slow
@pytest.mark.timeout(LIMIT_S)
def test_mutated_records_are_judged_or_refused(sound: dict[str, Path], tmp_path: Path) -> None:
    count = cases(30, 1000)
    seen = barrage(range(count), sound, tmp_path)
    # The count is what a reader of the log wants to know.
    print(f"records: {count} mutated, by command and exit code {dict(sorted(seen.items()))}")  # noqa: T201
    assert sum(seen.values()) == count

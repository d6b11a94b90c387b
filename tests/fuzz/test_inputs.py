"""Fuzzed targets, profiles, SLO files and command lines through the real command: refused with a reason, never a fault.

No packet leaves: the target that runs are pointed at names a variable that is not set.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.config.load import PROFILES, SLOS
from tests.fuzz.command import assert_printable, harness
from tests.fuzz.files import spoiled
from tests.fuzz.size import LIMIT_S, cases, seed

KEY = "FUZZ_KEY_THAT_IS_NEVER_SET"
TARGET = f"""
name = "staging"
url = "http://127.0.0.1:1"
environment = "staging"
[keys]
anon_env = "{KEY}"
service_env = "{KEY}"
[people]
tag = "load"
domain = "people.example.com"
password_env = "{KEY}"
[limits."127.0.0.1"]
requests_per_second = 100
phones = 5000
"""
CODES = (0, 2, 40)


def profile() -> dict[str, Any]:
    return tomllib.loads((PROFILES / "nightly.toml").read_text(encoding="utf-8"))


def a_target(dice: random.Random, folder: Path) -> list[str]:
    (folder / "t.toml").write_bytes(spoiled(tomllib.loads(TARGET), dice))
    return dice.choice((
        ["users", "cleanup", "--dry-run", "--target", "t.toml"],
        ["users", "provision", "--count", "2", "--target", "t.toml"],
        ["run", "smoke", "--target", "t.toml"],
    ))  # fmt: skip


def a_profile(dice: random.Random, folder: Path) -> list[str]:
    small = dice.random() < 0.5
    data = profile() if not small else {"name": "mine", "extends": "nightly", "phases": {"measure_s": 60}}
    (folder / "p.toml").write_bytes(spoiled(data, dice))
    return ["run", "p.toml", "--target", "good.toml"]


def an_slo_file(dice: random.Random, folder: Path) -> list[str]:
    (folder / "s.toml").write_bytes(spoiled(tomllib.loads(SLOS.read_text(encoding="utf-8")), dice))
    return ["run", "smoke", "--slo", "s.toml", "--target", "good.toml"]


COMMANDS: dict[str, tuple[list[str], list[str]]] = {  # command -> options, what always stands behind them
    "run": (
        [
            "smoke",
            "nightly",
            "--seed",
            "--out",
            "--slo",
            "--processes",
            "--proxy",
            "--quirk",
            "--baseline",
            "--master",
            "--expect-workers",
            "--worker",
            "--rebalance",
            "--no-html",
            "-v",
            "--allow-production",
            "--url",
            "--scale",
        ],
        ["--target", "good.toml"],
    ),
    "tip": (
        ["herd", "smoke", "--fault", "--shortest", "--longest", "--within", "--recover", "--runs", "--seed", "--out"],
        ["--target", "good.toml"],
    ),
    "plan": (
        [
            *(
                "--dau",
                "--sessions-per-day",
                "--minutes",
                "--mix",
                "--prices",
                "--json",
                "--write",
                "--hold",
                "--scale",
            ),
            *("--lever", "--measured", "good.toml", "batch_size=25"),
        ],
        [],
    ),
    "prove": (
        [
            "--seeds",
            "--healthy",
            "--only",
            "--fast",
            "--baseline",
            "--out",
            "--jobs",
            "--mutants",
            "--sample",
            "--seed",
        ],
        ["--list"],
    ),
    "report": (["good.toml", "."], []),
    "check": (["good.toml", ".", "--target", "--url"], []),
    "compare": (["good.toml", ".", "--also", "--force", "--html"], []),
    "users": (
        ["cleanup", "provision", "--count", "--concurrency", "--dry-run", "--allow-production"],
        ["--target", "good.toml"],
    ),
    "chaos": (["--api", "clear"], ["clear", "--api", "http://127.0.0.1:1"]),
    "sandbox": (["quirks", "--port"], ["quirks"]),
}
VALUES = (
    "", " ", "0", "-1", "1", "2", "nan", "inf", "1e400", "9" * 400, "x", "a=b", "=", "\x1b[31m", "a\nb", "\u202e",
    "<b>",
    "/", ".", "..", "/dev/null", "/dev/zero", "/dev/full", "pipe", "good.toml", "no.toml", "x" * 5000, "/proc/self/mem",
    "http://127.0.0.1:1", "http://127.0.0.1:99999", "http://[::1", "http://a:b@h", "127.0.0.1:1", "[::1]:1", "h:",
    "smoke", "--", "-", "@x", "%s", "{0}", "\u00e9", "\udcff",
)  # fmt: skip


def a_command_line(dice: random.Random, folder: Path) -> list[str]:
    name = dice.choice(sorted(COMMANDS))
    words, always = COMMANDS[name]
    line = [name]
    for _ in range(dice.randrange(5)):
        word = dice.choice(words)
        line.append(word)
        if word.startswith("--") and dice.random() < 0.85:
            value = dice.choice(VALUES)
            line[-1:] = [f"{word}={value}"] if dice.random() < 0.3 else [word, value]
        elif dice.random() < 0.1:
            line.append(dice.choice(VALUES))
    return [word for word in line if word not in ("--", "-v")] + always


KINDS: tuple[Callable[[random.Random, Path], list[str]], ...] = (a_target, a_profile, an_slo_file, a_command_line)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(KEY, raising=False)
    (tmp_path / "good.toml").write_text(TARGET)
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


def tried(kind: Callable[[random.Random, Path], list[str]], number: int, folder: Path) -> int:
    dice = random.Random(seed() * 2**32 + number)
    line = kind(dice, folder)
    code, said = harness(*line)
    assert_printable(said, number, line)
    assert code in CODES, (number, line, said)
    if code != 0:
        assert said.strip(), (number, line)
    return code


def barrage(count: int, folder: Path) -> Counter[tuple[str, int]]:
    seen: Counter[tuple[str, int]] = Counter()

    @settings(
        max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck), derandomize=True
    )
    @given(st.sampled_from(KINDS), st.integers(0, 2**32 - 1))
    def each(kind: Callable[[random.Random, Path], list[str]], number: int) -> None:
        seen[kind.__name__, tried(kind, number, folder)] += 1

    each()
    return seen


def test_a_slice_of_inputs_is_taken_or_refused(folder: Path) -> None:
    assert sum(barrage(40, folder).values()) >= 20


@pytest.mark.slow
@pytest.mark.timeout(LIMIT_S)
def test_inputs_are_taken_or_refused(folder: Path) -> None:
    count = cases(500, 5000)
    seen = barrage(count, folder)
    # The count is what a reader of the log wants to know.
    print(f"inputs: {sum(seen.values())} of {count}, by kind and exit code {dict(sorted(seen.items()))}")  # noqa: T201
    assert sum(seen.values()) > 0.8 * count


@pytest.mark.slow
@pytest.mark.timeout(LIMIT_S)
def test_inputs_of_whole_processes_are_taken_or_refused(folder: Path) -> None:
    count, seen = cases(12, 300), Counter[int]()
    for number in range(count):
        dice = random.Random(seed() * 2**32 + number)
        line = [word for word in dice.choice(KINDS)(dice, folder) if "\0" not in word]
        done = subprocess.run(
            [sys.executable, "-m", "harness", *line], capture_output=True, text=True, errors="replace", timeout=120
        )
        said = done.stdout + done.stderr
        assert done.returncode in CODES, (number, line, said)
        assert "Traceback" not in said
        assert_printable(said, number, line)
        seen[done.returncode] += 1
    print(f"processes: {count}, by exit code {dict(sorted(seen.items()))}")  # noqa: T201

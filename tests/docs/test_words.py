"""The checker of words finds what is planted, lets good sentences be, and has nothing to say about this repository."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def said(path: Path) -> list[str]:
    """The places and remedies in one file."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "words.py"), str(path)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=60,
    )
    assert done.returncode == int(bool(done.stdout)), done.stderr
    return done.stdout.splitlines()


def test_this_repository_has_none() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/words.py"], capture_output=True, text=True, cwd=ROOT, timeout=100, check=False
    )
    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.parametrize(
    ("planted", "word"),
    [
        ("Every deed is written down.", "deed"),
        ("What it asked before the load.", "asked before the load"),
        ("The colour and the behavior of it.", "behavior"),
        ("It is the the same.", "the the"),
        ("There is 1 sessions open.", "1 sessions"),
        ("| I18 | what it asks |", "I18"),
        ("It fails. I18 says why.", None),
        ("It fails: I18.", "I18"),
        ("No message is stored twice (I18).", None),
        ("It took 0.1 seconds, and 21 sessions were open.", None),
        ("`behavior` is the name of a key.", None),
        ("He said that that was all.", None),
    ],
)
def test_prose(planted: str, word: str | None, tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text(f"# Title\n\n{planted}\n")
    found = said(path)
    assert [repr(word) in one for one in found] == ([] if word is None else [True]), found
    assert all(f"{path}:3: " in one for one in found)


@pytest.mark.parametrize(
    ("planted", "word"),
    [
        ('raise ValueError(f"there are {len(x)} rows too many")', "{len(x)} rows"),
        ('raise ValueError(f"{counted(len(x), chr(114))} too many of them")', None),
        ('raise ValueError(f"at most {LIMIT} rows are read")', None),
        ('raise ValueError("the scribe has no more to say")', "scribe"),
        ('"""A docstring of the scribe and its deeds."""', None),
        ('x = "deaf"', None),
        ('x = f"{rate:g} sessions each of them"', None),
    ],
)
def test_messages(planted: str, word: str | None, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(f"x = []\n{planted}\n")
    found = said(path)
    assert [repr(word) in one for one in found] == ([] if word is None else [True]), found


def test_help_has_no_summary_that_is_cut() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "harness", "--help"], capture_output=True, text=True, timeout=60, check=True
    )
    assert [line for line in done.stdout.splitlines()[1:] if line.endswith("...")] == []

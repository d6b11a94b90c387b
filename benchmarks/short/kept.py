"""The figures that count: `kept.toml`, written by `ratios.py --keep WHY` and read by every run of it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import orjson

FILE = Path(__file__).with_name("kept.toml")
HEAD = """\
# Ratios of `benchmarks/ratios.py`: ours over a reference of the same run, as they were kept, and why.
# `ratios.py --keep WHY [--only NAME]` writes them; more than 20 % above one, three times running, fails `.ci/run`.
# spread: how far the farthest of the looks behind it lay from their median.
"""


@dataclass(frozen=True)
class Kept:
    """One figure. commit: what was measured; "+" after it: with changes on top."""

    ratio: float
    spread: float
    date: date
    commit: str
    python: str
    reason: str


def read(path: Path = FILE) -> dict[str, Kept]:
    """By name; none where there is no file. :raises TypeError: an entry with other keys than `Kept` has."""
    if not path.is_file():
        return {}
    return {name: Kept(**entry) for name, entry in tomllib.loads(path.read_text(encoding="utf-8")).items()}


def write(figures: Mapping[str, Kept], path: Path = FILE) -> None:
    """All of them anew."""
    parts = [HEAD]
    for name, one in figures.items():
        parts.append(
            f"\n[{_text(name)}]\nratio = {one.ratio:.4g}\nspread = {one.spread:.3f}\ndate = {one.date.isoformat()}\n"
            f"commit = {_text(one.commit)}\npython = {_text(one.python)}\nreason = {_text(one.reason)}\n"
        )
    path.write_text("".join(parts), encoding="utf-8")


def _text(value: str) -> str:
    """A basic string of TOML is one of JSON."""
    return orjson.dumps(value).decode()

"""What GitHub shows beside a change: workflow commands, one a line. (pure)

"Workflow commands for GitHub Actions": `::error title=T::MESSAGE`; of each level the first ten of a step are shown, so
the tenth says how many more there are. Data and properties are escaped as the runner's own toolkit does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "notice"]
LEVELS: tuple[Level, ...] = ("error", "warning", "notice")
MOST = 10
"""Of one level, in one step."""
LONGEST = 4_000
"""Characters of a message; GitHub shows a few lines."""


@dataclass(frozen=True, slots=True)
class Annotation:
    """One remark. title: a few words. message: what was found, and what to do about it."""

    level: Level
    title: str
    message: str


def commands(found: Iterable[Annotation]) -> list[str]:
    """The lines to print on standard output, the gravest level first."""
    lines = []
    every = list(found)
    for level in LEVELS:
        mine = [one for one in every if one.level == level]
        shown = mine if len(mine) <= MOST else mine[: MOST - 1]
        lines += [_line(one) for one in shown]
        if more := len(mine) - len(shown):
            lines.append(_line(Annotation(level, f"{more} more", "The run's summary and report have all of them.")))
    return lines


def _line(one: Annotation) -> str:
    return f"::{one.level} title={_property(one.title)}::{_data(one.message[:LONGEST])}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")

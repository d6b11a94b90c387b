"""What phones of a worker were told of titles. (pure)

Facts of a title belong to nobody, so all phones remember them together. A catalogue may be brought up to date while a
run goes on: a fact may become another one, and stay that. One that goes back to what it was is told in two ways.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

ROWS = 4
"""Of one reply, so many are looked at, others each time."""
TITLES = 4_000
"""Titles that a worker remembers: some megabytes."""

Facts = dict[str, tuple[int | None, int | None, float]]
"""Fact -> what it is by hash, what it was before (None: it was never anything else), and since when."""
NEVER = None, None, 0.0


class TitleFacts:
    """One worker's. Hashes are of this process only."""

    __slots__ = ("_titles", "_turn")

    def __init__(self) -> None:
        self._titles: dict[tuple[str, bool], Facts] = {}
        self._turn = 0

    def some(self, rows: list[Any]) -> list[Any]:
        """ROWS of them, others than of the reply before."""
        if len(rows) <= ROWS:
            return rows
        self._turn = start = (self._turn + ROWS) % len(rows)
        return (rows + rows)[start : start + ROWS]

    def told(
        self, title: str, said: Iterator[tuple[str, Any]], begun: float, at: float, *, card: bool
    ) -> tuple[int, list[str]]:
        """How many facts were known before, and which of them went back to what they had been.

        :param begun: loop time at which the reply was asked for; at: and at which it came.
        :param card: whether it is a deck's card that says so.
        """
        facts = self._titles.get((title, card))
        if facts is None:
            if len(self._titles) >= TITLES:
                return 0, []
            facts = self._titles[title, card] = {}
        known, back = 0, []
        for name, value in said:
            now = hash(value)
            is_, was, since = facts.get(name, NEVER)
            known += is_ is not None
            if is_ == now:
                continue
            if was == now:
                if begun <= since:
                    continue  # asked for before the other value was known: it was overtaken
                back.append(name)
            facts[name] = (now, is_, at)
        return known, back

"""The random numbers of one session: a generator of its own for every question. (pure)

What a person decides depends on seed, person and ticket, never on the target. One generator for everything would not
do: a question that is only asked after a failure, or whose answer is sought among as many things as the target sent,
would shift every draw after it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Rng(random.Random):
    """`key` names the session. The generators of questions are made when first asked for; itself it is the generator
    for what has no question of its own and is drawn on the session's own way only, never beside it."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self._key = key
        self._questions: dict[str, random.Random] = {}

    def of(self, question: str) -> random.Random:
        """The generator of this question, where the last draw left it."""
        found = self._questions.get(question)
        if found is None:
            found = self._questions[question] = random.Random(f"{self._key} {question}")
        return found

    def pick(self, question: str, things: Sequence[T]) -> T:
        """One of `things`. Always one draw, however many there are. :raises IndexError: there are none."""
        return things[int(self.of(question).random() * len(things))]

"""The dice of one session: a die of its own for every question. (pure)

What a person decides depends on seed, person and ticket, never on the target. One die for everything would not do:
a question that is only asked after a failure, or whose answer is sought among as many things as the target sent,
would shift every throw after it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Rng(random.Random):
    """`key` names the session. The dice of questions are made when first asked for; itself it is the die for what has
    no question of its own and is thrown on the session's own way only, never beside it."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self._key = key
        self._rng: dict[str, random.Random] = {}

    def of(self, question: str) -> random.Random:
        """The die for this question, where the last throw left it."""
        die = self._rng.get(question)
        if die is None:
            die = self._rng[question] = random.Random(f"{self._key} {question}")
        return die

    def pick(self, question: str, things: Sequence[T]) -> T:
        """One of `things`. Always one throw, however many there are. :raises IndexError: there are none."""
        return things[int(self.of(question).random() * len(things))]

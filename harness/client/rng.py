"""The random numbers of one session: a generator of its own for every question. (pure)

What a person decides depends on seed, person and ticket, never on the target. One generator for everything would not
do: a question that is only asked after a failure, or whose answer is sought among as many things as the target sent,
would shift every draw after it.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

T = TypeVar("T")

AHEAD = 32
"""Numbers that a light generator holds ready: more than most questions of a session are ever asked."""

if TYPE_CHECKING:
    _Generator = Random
else:
    _Generator = object


class LightRandom(_Generator):
    """Python's `Random(key)`, number for number, in a fifth of its memory.

    The state behind that is 2.5 KB, and a phone in session has ten. The first numbers are drawn ahead when the first is
    asked for; whatever goes beyond them, or asks for anything but fractions, has the generator itself.
    """

    __slots__ = ("_drawn", "_key", "_taken", "_whole")

    def __init__(self, key: str) -> None:
        self._key = key
        self._drawn: array[float] | None = None
        self._taken = 0
        self._whole: Random | None = None

    def random(self) -> float:
        """The next number in [0, 1)."""
        if self._whole is not None:
            return self._whole.random()
        taken = self._taken
        if self._drawn is None:
            source = Random(self._key)
            self._drawn = array("d", [source.random() for _ in range(AHEAD)])
        elif taken == AHEAD:
            return self._grown().random()
        self._taken = taken + 1
        return self._drawn[taken]

    choices = Random.choices  # draws fractions only

    @property
    def taken(self) -> int | None:
        """How many numbers were drawn; None once it has the generator itself, which counts nothing."""
        return self._taken if self._whole is None else None

    def skip(self, taken: int) -> None:
        """Go on where one with the same key was after so many numbers. For a new one."""
        for _ in range(taken):
            self.random()

    def _grown(self) -> Random:
        """The generator itself, where the last draw left it."""
        whole = self._whole
        if whole is None:
            whole = self._whole = Random(self._key)
            for _ in range(self._taken):
                whole.random()
            self._drawn = None
        return whole

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__"):
                raise AttributeError(name)
            return getattr(self._grown(), name)


class Rng(LightRandom):
    """`key` names the session. The generators of questions are made when first asked for; itself it is the generator
    for what has no question of its own and is drawn on the session's own way only, never beside it."""

    __slots__ = ("_questions",)

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self._questions: dict[str, Random] = {}

    def of(self, question: str) -> Random:
        """The generator of this question, where the last draw left it."""
        found = self._questions.get(question)
        if found is None:
            found = self._questions[question] = LightRandom(f"{self._key} {question}")
        return found

    def pick(self, question: str, things: Sequence[T]) -> T:
        """One of `things`. Always one draw, however many there are. :raises IndexError: there are none."""
        return things[int(self.of(question).random() * len(things))]

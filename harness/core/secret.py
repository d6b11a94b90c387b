"""A secret is a thing that cannot be written down by accident: whoever needs its characters calls `reveal()`. (pure)

What a process holds as a secret, that process's filter knows (`harness.core.secret_filter`), because making one tells
it: so there is no secret that a record, log or terminal would let through because somebody forgot to mention it.
"""

from __future__ import annotations

from typing import Any, NoReturn

from harness.core.secret_filter import MASK, WORDS


class Secret:
    """A key, password or connection string. Empty is false; equal when what it hides is equal.

    Text, `repr` and format are the mask. Pickle and JSON refuse it.
    """

    __slots__ = ("_hidden",)

    _hidden: str

    def __init__(self, value: str | Secret = "") -> None:
        object.__setattr__(self, "_hidden", value._hidden if isinstance(value, Secret) else value)
        WORDS.learn(self._hidden)

    def reveal(self) -> str:
        """The characters themselves, for the wire or a child that needs them; for nothing else."""
        return self._hidden

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a secret does not change")

    def __bool__(self) -> bool:
        return bool(self._hidden)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._hidden == other._hidden

    def __hash__(self) -> int:
        return hash((Secret, self._hidden))

    def __repr__(self) -> str:
        return f"Secret({MASK if self._hidden else ''})"

    def __str__(self) -> str:
        return MASK if self._hidden else ""

    def __format__(self, spec: str) -> str:
        return str(self)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: Any) -> Secret:
        return self

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError("a secret is not pickled: hand it over by the environment of the process that needs it")


NOTHING = Secret()
"""No secret; false."""

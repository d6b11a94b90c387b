"""Who the phones belong to: synthetic people of a target, known by number. (pure)"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Secrets:
    """What must never reach a record, report or log. `repr` hides it."""

    anon_key: str = field(repr=False)
    password: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class Person:
    """One synthetic person, as the sign-in form needs it."""

    number: int
    email: str


@dataclass(frozen=True, slots=True)
class People:
    """The first `count` people of a target; `pattern` holds `{index}`, optionally with a format."""

    pattern: str
    count: int
    secrets: Secrets

    def person(self, number: int) -> Person:
        """:raises IndexError: for a number the target has nobody for."""
        if not 0 <= number < self.count:
            raise IndexError(f"person {number} of {self.count}")
        return Person(number, self.pattern.format(index=number))

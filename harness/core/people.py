"""Who the phones belong to: synthetic people of a target, known by number. (pure)"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.core.target import TargetPeople


def email_pattern(people: TargetPeople) -> str:
    """The addresses of a target's synthetic people, for `People.pattern`; `{index}` counts from 0.

    Lower case, because GoTrue stores addresses so. The part before the @ (tag, underscore, 6 to 10 digits) stays
    within the `[a-z0-9_]{1,21}` that the application's sign-up trigger demands (contract T54).
    """
    return f"{people.tag}_{{index:06d}}@{people.domain.lower()}"


@dataclass(frozen=True, slots=True)
class Secrets:
    """What must never reach a record, report or log. `repr` hides it."""

    anon_key: str = field(repr=False)
    password: str = field(repr=False, default="")
    jwt_secret: str = field(repr=False, default="")


@dataclass(frozen=True, slots=True)
class Person:
    """One synthetic person, as the sign-in form needs it."""

    number: int
    email: str
    user_id: str | None = None  # known only when tokens are minted


@dataclass(frozen=True, slots=True)
class People:
    """The first `count` people of a target; `pattern` holds `{index}`, optionally with a format."""

    pattern: str
    count: int
    secrets: Secrets
    user_ids: tuple[str, ...] = ()

    def person(self, number: int) -> Person:
        """:raises IndexError: for a number the target has nobody for."""
        if not 0 <= number < self.count:
            raise IndexError(f"person {number} of {self.count}")
        return Person(number, self.pattern.format(index=number), self.user_ids[number] if self.user_ids else None)

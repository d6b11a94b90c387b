"""Who the phones belong to: synthetic people of a target, known by number. (pure)"""

from __future__ import annotations

from dataclasses import dataclass

from harness.core.secret import Secret
from harness.core.target import TargetPeople


def email_pattern(people: TargetPeople) -> str:
    """The addresses of a target's synthetic people, for `People.pattern`; `{index}` counts from 0.

    Lower case, because GoTrue stores addresses so. The part before the @ (tag, underscore, 6 to 10 digits) stays
    within the `[a-z0-9_]{1,21}` that the application's sign-up trigger demands (contract T54).
    """
    return f"{people.tag}_{{index:06d}}@{people.domain.lower()}"


@dataclass(frozen=True, slots=True, init=False)
class Secrets:
    """What phones open a target with."""

    anon_key: Secret
    password: Secret
    jwt_secret: Secret

    def __init__(self, anon_key: str | Secret, password: str | Secret = "", jwt_secret: str | Secret = "") -> None:
        for name, value in (("anon_key", anon_key), ("password", password), ("jwt_secret", jwt_secret)):
            object.__setattr__(self, name, Secret(value))


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

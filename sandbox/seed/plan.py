"""What a seed means: its inputs, its random streams, and what came out. (pure)"""

from __future__ import annotations

import random
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from faker import Faker

from sandbox.errors import SandboxError

LOCAL_PART = re.compile(r"[a-z0-9_]{1,21}")
FULL_LIVES = 2_000
"""So many people, the first ones, have weeks of life behind them. Who comes after has a few rows in each table: enough
for every screen to show something, little enough that tens of thousands of people are there within a minute or two."""
SENTENCE_POOL = 400
NAME_POOL = 300


@dataclass(frozen=True, slots=True)
class SeedPerson:
    """One seeded account. `index` counts from 0 and is what the e-mail pattern was filled with."""

    index: int
    id: uuid.UUID
    email: str
    display_name: str
    session_id: uuid.UUID
    """The device's swipe session: one per device for its whole life."""
    full: bool
    """Whether weeks of life lie behind them (`FULL_LIVES`)."""


@dataclass(frozen=True, slots=True)
class SeedSummary:
    """What was written. `rows` counts per table; `seconds` includes VACUUM ANALYZE."""

    people: tuple[SeedPerson, ...]
    assistant_id: uuid.UUID
    rows: Mapping[str, int]
    seconds: float


@dataclass(frozen=True)
class SeedPlan:
    """The inputs of a seed. Everything drawn from it depends on these fields alone.

    now: no row is younger. Same seed and same `now` give the same rows, ids made by triggers aside.
    """

    people: int
    catalogue: int
    seed: int
    now: datetime
    email_pattern: str
    full_lives: int = FULL_LIVES
    words: Words = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.people < 1 or self.catalogue < 1:
            raise SandboxError(
                f"cannot seed {self.people} people and {self.catalogue} titles", remedy="give at least one of each"
            )
        for index in (0, self.people - 1):
            email = self.email(index)
            if not LOCAL_PART.fullmatch(email.partition("@")[0]) or "@" not in email:
                raise SandboxError(
                    f"{email!r} cannot sign up: before the @ only a-z, 0-9 and _ are allowed, 21 at most",
                    where="email_pattern",
                    remedy='use something like "p{index:06d}@people.sandbox.test"',
                )
        if self.people > 1 and self.email(0) == self.email(1):
            raise SandboxError(
                "every person would get the same e-mail", where="email_pattern", remedy="put {index} into the pattern"
            )
        object.__setattr__(self, "words", Words.drawn(self.seed))

    def email(self, index: int) -> str:
        """:raises SandboxError: when the pattern is not a format string of `index`."""
        try:
            return self.email_pattern.format(index=index)
        except (KeyError, IndexError, ValueError) as error:
            raise SandboxError(
                f"the e-mail pattern {self.email_pattern!r} is not understood: {error}",
                where="email_pattern",
                remedy='use {index}, for example "p{index:06d}@people.sandbox.test"',
            ) from error

    def stream(self, part: str) -> random.Random:
        """A random source of its own for each part, so that more people do not change the catalogue."""
        return random.Random(f"movinesta:{self.seed}:{part}")


@dataclass(frozen=True, slots=True)
class Words:
    """Text pools: Faker takes tens of microseconds a sentence, a choice from a pool takes none."""

    sentences: tuple[str, ...]
    names: tuple[str, ...]

    @classmethod
    def drawn(cls, seed: int) -> Words:
        fake = Faker("en_US")
        fake.seed_instance(seed)
        return cls(
            tuple(fake.sentence(nb_words=9) for _ in range(SENTENCE_POOL)),
            tuple(f"{fake.first_name()} {fake.last_name()}" for _ in range(NAME_POOL)),
        )


def uuid4_from(rng: random.Random) -> uuid.UUID:
    """A well-formed version 4 UUID: the service refuses others."""
    return uuid.UUID(int=rng.getrandbits(128), version=4)

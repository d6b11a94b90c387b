"""Which users of a target are its synthetic people, and what a new one looks like. (pure)

Two marks make a user ours, and both are needed: an address that is exactly the target's pattern, and the target's tag
in `app_metadata`, which only a service key can write. Who signed up during a run has two other marks (`newcomers`).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from uuid import UUID

from faker import Faker
from pydantic import BaseModel, ConfigDict, JsonValue, SecretStr

from harness.client.auth.newcomers import signed_up_here, signed_up_somewhere
from harness.core.people import email_pattern
from harness.core.profile import MAX_PEOPLE
from harness.core.target import TargetPeople

TAG_KEY = "harness_tag"
USERNAME_LENGTH = 30
"""`profiles_username_format_chk` is `^[a-z0-9_]{3,30}$` (contract 1.4)."""

_INDEX = re.compile(r"\{index[^}]*\}")


class User(BaseModel):
    """What GoTrue shows of a user, as far as it is read here."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: UUID
    email: str | None = None  # absent or empty: signed up by phone
    app_metadata: dict[str, JsonValue] | None = None
    user_metadata: dict[str, JsonValue] | None = None

    @property
    def tag(self) -> JsonValue:
        """The harness tag, None when there is none."""
        return (self.app_metadata or {}).get(TAG_KEY)

    @property
    def username(self) -> JsonValue:
        """The user name given at sign-up, None when there is none."""
        return (self.user_metadata or {}).get("username")


class UserMetadata(BaseModel):
    model_config = ConfigDict(frozen=True)

    display_name: str
    username: str
    onboarded: bool = True  # otherwise the app sends the person through onboarding (contract T55)


class NewUser(BaseModel):
    """The body of `POST /auth/v1/admin/users`."""

    model_config = ConfigDict(frozen=True)

    email: str
    password: SecretStr
    user_metadata: UserMetadata
    app_metadata: dict[str, str]
    email_confirm: bool = True

    def body(self) -> dict[str, object]:
        """As it goes over the wire, the password in clear."""
        return {**self.model_dump(), "password": self.password.get_secret_value()}


def new_user(index: int, people: TargetPeople, password: str) -> NewUser:
    """Person `index` of a target; the same index always has the same name."""
    first, last = _names(index)
    return NewUser(
        email=email_pattern(people).format(index=index),
        password=SecretStr(password),
        user_metadata=UserMetadata(display_name=f"{first} {last}", username=username(f"{first}_{last}", index)),
        app_metadata={TAG_KEY: people.tag},
    )


def username(name: str, index: int) -> str:
    """`name` folded to `[a-z0-9_]` and made unique by `index` (not negative): 3 to 30 characters."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    folded = re.sub(r"[^a-z0-9_]+", "", plain) or "person"
    suffix = f"_{index}"
    return folded[: USERNAME_LENGTH - len(suffix)] + suffix


def index_of(email: str, pattern: str) -> int | None:
    """Which person an address belongs to; None when it is not exactly one that `pattern` gives."""
    head, tail = _INDEX.split(pattern)
    digits = email[len(head) : len(email) - len(tail)]
    if not (digits.isascii() and digits.isdigit() and len(digits) <= len(str(MAX_PEOPLE))):
        return None
    index = int(digits)
    return index if index < MAX_PEOPLE and pattern.format(index=index) == email else None


@dataclass
class Census:
    """A target's users, sorted into ours and not ours."""

    people: TargetPeople
    mine: dict[int, UUID] = field(default_factory=dict)  # both marks; index -> user id
    untagged: dict[int, UUID] = field(default_factory=dict)  # our address, but not our tag
    elsewhere: set[UUID] = field(default_factory=set)  # our tag, but not an address of the pattern
    newcomers: dict[str, UUID] = field(default_factory=dict)  # signed up during a run; address -> user id
    unmarked: set[UUID] = field(default_factory=set)  # signed up during a run of nobody knows which target
    others: int = 0  # none of these

    def add(self, users: Iterable[User]) -> None:
        """Count these users in."""
        pattern, tag = email_pattern(self.people), self.people.tag
        for user in users:
            index = index_of(user.email or "", pattern)
            if index is None and user.tag != tag:
                if signed_up_here(user.email or "", user.username, self.people.domain, tag):
                    self.newcomers[user.email or ""] = user.id
                elif signed_up_somewhere(user.email or "", user.username, self.people.domain):
                    self.unmarked.add(user.id)
                else:
                    self.others += 1
            elif index is None:
                self.elsewhere.add(user.id)
            elif user.tag == tag:
                self.mine[index] = user.id
            else:
                self.untagged[index] = user.id

    def ours(self) -> dict[str, UUID]:
        """Everybody a cleanup removes, by address: the target's people, then the newcomers."""
        pattern = email_pattern(self.people)
        return {pattern.format(index=index): who for index, who in self.mine.items()} | self.newcomers

    def missing(self, count: int) -> Iterator[int]:
        """Of the people 0 to count - 1, those whose address nobody has."""
        return (index for index in range(count) if index not in self.mine and index not in self.untagged)


@cache
def _faker() -> Faker:
    return Faker("en_US")


def _names(index: int) -> tuple[str, str]:
    faker = _faker()
    faker.seed_instance(index)
    return faker.first_name(), faker.last_name()

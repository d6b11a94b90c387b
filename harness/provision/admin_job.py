"""What making and removing people share: access to the target, the census, many requests at once, a clean end."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TypeVar

from harness.config.load import HEADER_SAFE, ResolvedKeys, resolve_keys
from harness.core.errors import TargetError, UsageError
from harness.core.target import Target
from harness.core.target_guard import Permit
from harness.egress.gate import Gate
from harness.provision.admin_api import AdminApi
from harness.provision.display import Display
from harness.provision.pacing import BackoffPolicy
from harness.provision.roster import Census

AGAIN = "repeat the same command; it continues where this one stopped"

Item = TypeVar("Item")


@dataclass(frozen=True)
class AdminJob:
    """A target, what opens it, and who shows the progress."""

    target: Target
    keys: ResolvedKeys = field(repr=False)
    allowed: Permit
    concurrency: int
    patience: BackoffPolicy
    display: Display

    def admin(self) -> AdminApi:
        """:raises UsageError: when there is no usable service key."""
        return AdminApi(
            self.target.url,
            service_key(self.target, self.keys),
            requests_per_second=self.allowed.requests_per_second,
            concurrency=self.concurrency,
            patience=self.patience,
            on_trouble=self.display.trouble,
            gate=Gate(self.allowed.reach),
        )

    async def census(self, admin: AdminApi) -> Census:
        """Everybody who is there now."""
        census = Census(self.target.people)
        with self.display.work("listing users"):
            async for users in admin.pages():
                census.add(users)
                self.display.advance(len(users))
        return census


def resolve(target: Target, *, password: bool) -> ResolvedKeys:
    """Only the secrets that the command needs, so that no other variable has to be set for it."""
    where = f"target {target.name}"
    if target.keys.service_env is None:
        raise UsageError(
            "making and removing people needs the service key, and the target file names none",
            where=f"{where}, keys.service_env",
            remedy="set keys.service_env to the name of an environment variable that holds the service key",
        )
    if password and target.people.password_env is None:
        raise UsageError(
            "making people needs a password for them, and the target file names none",
            where=f"{where}, people.password_env",
            remedy="set people.password_env to the name of an environment variable that holds it",
        )
    needed = target.model_copy(
        update={
            "keys": target.keys.model_copy(update={"jwt_secret_env": None, "signing_key_env": None}),
            "people": target.people if password else target.people.model_copy(update={"password_env": None}),
        }
    )
    keys = resolve_keys(needed, os.environ)
    service_key(target, keys)
    return keys


def service_key(target: Target, keys: ResolvedKeys) -> str:
    """In clear, for its header. :raises UsageError: there is none, or it is none."""
    where = f"target {target.name}, keys.service_env = {target.keys.service_env}"
    if not keys.service:
        raise UsageError("there is no service key", where=where, remedy="name its variable there, and export it")
    if not HEADER_SAFE.fullmatch(keys.service.reveal()):
        raise UsageError(
            "the service key has characters that no key has, such as a space or a line end",
            where=where,
            remedy="export it again without quotes inside and without a line end",
        )
    return keys.service.reveal()


def run(work: Callable[[], Awaitable[None]], state: Callable[[], str], display: Display) -> None:
    """Run to the end; whatever cuts it short is told with what was done until then."""

    async def main() -> None:
        await work()

    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        display.say(f"interrupted; {state()}; {AGAIN}")
        raise
    except TargetError as error:
        told = TargetError(f"{error.what}; {state()}", where=error.where, remedy=f"{error.remedy}; then {AGAIN}")
    else:
        return
    raise told


async def each(items: Iterable[Item], work: Callable[[Item], Awaitable[None]], concurrency: int) -> None:
    """`work` on every item, at most `concurrency` at once; the first error ends all of it and is raised."""
    queue = iter(items)

    async def worker() -> None:
        for item in queue:
            await work(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(max(1, concurrency)):
                group.create_task(worker())
    except BaseExceptionGroup as errors:
        first = errors.exceptions[0]
    else:
        return
    raise first


def some(names: Iterable[str], most: int = 3) -> str:
    """The first few of them."""
    listed = list(names)
    return ", ".join(listed[:most]) + (", ..." if len(listed) > most else "")

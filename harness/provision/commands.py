"""What `harness users` does: provision, cleanup, and looking up who is there.

Every function asks the guard before a packet leaves, holds the target's request rate, and can be interrupted and
repeated at any point: the target itself is the only memory.
"""

from __future__ import annotations

import asyncio

from harness.config.load import ResolvedKeys
from harness.core.errors import UsageError
from harness.core.profile import MAX_PEOPLE
from harness.core.target import Target
from harness.core.target_guard import permit
from harness.provision.admin_job import AdminJob, resolve, run
from harness.provision.display import Display
from harness.provision.make import Provisioning
from harness.provision.pacing import DEFAULT_PATIENCE, BackoffPolicy
from harness.provision.remove import Removal


def provision(
    target: Target,
    count: int,
    *,
    concurrency: int = 8,
    allow_production: bool = False,
    patience: BackoffPolicy = DEFAULT_PATIENCE,
    display: Display | None = None,
) -> str:
    """Create those of the people 0 to `count` - 1 that the target does not have yet; returns a summary in one line.

    :raises UsageError: no service key or no password.
    :raises TargetError: not allowed, not reachable, refused, or not understood; what was created stays.
    :raises KeyboardInterrupt: on Ctrl-C, after a line on stderr about what was done.
    """
    allowed = permit(target, peak_phones=0, allow_production=allow_production)
    if not 1 <= count <= MAX_PEOPLE:
        raise UsageError(f"{count} people cannot be made", where="--count", remedy=f"use 1 to {MAX_PEOPLE}")
    job = AdminJob(target, resolve(target, password=True), allowed, concurrency, patience, display or Display())
    done = Provisioning(job, count)
    run(done.work, done.state, job.display)
    return done.summary()


def cleanup(
    target: Target,
    *,
    concurrency: int = 8,
    dry_run: bool = False,
    allow_production: bool = False,
    patience: BackoffPolicy = DEFAULT_PATIENCE,
    display: Display | None = None,
) -> str:
    """Delete the users with both an address of this target's pattern and its tag; returns a summary in one line.

    Who has only one of the two marks is left alone and named on stderr. After deleting, the list is read again, so
    that the summary states what is there and not what was asked for.

    :param dry_run: delete nobody, only say how many would be and show three of them.
    :raises UsageError: no service key.
    :raises TargetError: not allowed, not reachable, refused, not understood, or some users cannot be deleted.
    :raises KeyboardInterrupt: on Ctrl-C, after a line on stderr about what was done.
    """
    allowed = permit(target, peak_phones=0, allow_production=allow_production)
    job = AdminJob(target, resolve(target, password=False), allowed, concurrency, patience, display or Display())
    done = Removal(job)
    run(done.look if dry_run else done.work, done.state, job.display)
    return done.fault_schedule() if dry_run else done.summary()


def user_ids(
    target: Target, keys: ResolvedKeys, count: int, *, allow_production: bool = False, display: Display | None = None
) -> dict[int, str]:
    """`find_user_ids` for callers without an event loop."""
    return asyncio.run(find_user_ids(target, keys, count, allow_production=allow_production, display=display))


async def find_user_ids(
    target: Target, keys: ResolvedKeys, count: int, *, allow_production: bool = False, display: Display | None = None
) -> dict[int, str]:
    """User id by index, of those of the people 0 to `count` - 1 who are there with both marks; the rest is absent.

    :raises UsageError: no service key.
    :raises TargetError: not allowed, not reachable, refused, or not understood.
    """
    allowed = permit(target, peak_phones=0, allow_production=allow_production)
    job = AdminJob(target, keys, allowed, 1, DEFAULT_PATIENCE, display or Display())
    async with job.admin() as admin:
        census = await job.census(admin)
    return {index: str(census.mine[index]) for index in sorted(census.mine) if index < count}


def everybody(target: Target, *, allow_production: bool = False, display: Display | None = None) -> tuple[str, ...]:
    """User ids of all whom `cleanup` would remove: the target's people, and who signed up during runs.

    :raises UsageError: no service key.
    :raises TargetError: not allowed, not reachable, refused, or not understood.
    """
    allowed = permit(target, peak_phones=0, allow_production=allow_production)
    keys = resolve(target, password=False)
    job = AdminJob(target, keys, allowed, 1, DEFAULT_PATIENCE, display or Display())

    async def listed() -> tuple[str, ...]:
        async with job.admin() as admin:
            return tuple(str(who) for who in (await job.census(admin)).ours().values())

    return asyncio.run(listed())

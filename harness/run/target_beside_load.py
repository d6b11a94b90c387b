"""How preflight gets to a target: as a run does, without any load to permit."""

from __future__ import annotations

import os

from harness.config.load import load_target, resolve_keys
from harness.core.errors import TargetError, UsageError
from harness.core.people import email_pattern
from harness.core.resolved_target import ResolvedTarget
from harness.core.secret import NOTHING
from harness.core.target import Target
from harness.core.target_guard import permit
from harness.egress.gate import Gate
from harness.load.discovery import discover
from harness.provision import user_ids
from harness.run.resolved_target import discovered, pinned


def beside_load(target_file: str | None, url: str | None, *, people: int, allow_production: bool) -> ResolvedTarget:
    """A target from its file, or a sandbox at `url`. people: how many of its synthetic people are needed; 0: none.

    :raises UsageError: the file names no keys to sign in with. :raises TargetError: nothing may be sent there.
    """
    if url is not None:
        found = discover(url)
        pinned(Gate(), found.url, found.dsn.reveal())
        return discovered(found)
    return resolved(load_target(str(target_file)), people=people, allow_production=allow_production)


def resolved(target: Target, *, people: int, allow_production: bool) -> ResolvedTarget:
    """The target of a file, with its keys. :raises UsageError: :raises TargetError: as `beside_load`."""
    allowed = permit(target, peak_phones=0, allow_production=allow_production)
    keys = resolve_keys(target, os.environ)
    pinned(Gate(allowed.reach), target.url, (keys.dsn or NOTHING).reveal())
    mint = keys.jwt_secret is not None and keys.service is not None
    if people and not mint and keys.password is None:
        raise UsageError(
            "two people have to sign in, and neither a password nor a JWT secret with a service key is named",
            where=f"target {target.name}",
            remedy="name people.password_env, or keys.jwt_secret_env together with keys.service_env",
        )
    ids = user_ids(target, keys, people, allow_production=allow_production) if mint and people else {}
    if mint and len(ids) < people:
        raise TargetError(
            f"{people} synthetic people are needed, the target has {len(ids)} of them",
            where=target.url,
            remedy=f"harness users provision --target FILE --count {people}",
        )
    return ResolvedTarget(
        name=target.name,
        url=target.url,
        environment=target.environment,
        anon_key=keys.anon,
        password=keys.password or NOTHING,
        email_pattern=email_pattern(target.people),
        limits=allowed.wire,
        jwt_secret=keys.jwt_secret or NOTHING if mint else NOTHING,
        signing_secret=keys.jwt_secret or NOTHING,
        service_key=keys.service or NOTHING,
        dsn=keys.dsn or NOTHING,
        reach=allowed.reach,
        user_ids=tuple(ids[number] for number in sorted(ids)),
    )

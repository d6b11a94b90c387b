"""What a process of the load may do, as it is handed to it, and the orders that it takes.

A worker's keys are those of its own target file, so its own file has the last word on where they go and how much is
sent: the order of a master, which may be anybody, is held to it before the first packet.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from harness.core.errors import TargetError, UsageError
from harness.core.run_spec import RunSpec
from harness.core.target_guard import Permit, Reach, is_loopback, shown
from harness.core.wire_limits import WireLimits
from harness.egress.gate import Gate

PERMIT_ENV = "HARNESS_PERMIT"
ANY_LOOPBACK = Permit("", loopback=True, requests_per_second=None, phones=None)
REMEDY = "give this worker the target file of the run's target, or the master that of this worker"


def handed(permit: Permit) -> dict[str, str]:
    """The permit, for a child's environment."""
    reach = {"listed": sorted(permit.reach.listed), "private": sorted(permit.reach.private)}
    wire = None if permit.wire is None else permit.wire.model_dump()
    limits = {"requests_per_second": permit.requests_per_second, "phones": permit.phones, "wire": wire}
    facts = {"host": permit.host, "loopback": permit.loopback, "url": permit.url}
    return {PERMIT_ENV: json.dumps({**facts, **limits, **reach})}


def received(environ: Mapping[str, str]) -> Permit:
    """What the starter of this process handed to it; loopback alone where nobody did. :raises UsageError:"""
    text = environ.get(PERMIT_ENV, "")
    if not text:
        return ANY_LOOPBACK
    try:
        said = json.loads(text)
        return Permit(
            host=str(said["host"]),
            loopback=bool(said["loopback"]),
            requests_per_second=None if said["requests_per_second"] is None else float(said["requests_per_second"]),
            phones=None if said["phones"] is None else int(said["phones"]),
            url=str(said["url"]),
            reach=Reach(frozenset(map(str, said["listed"])), frozenset(map(str, said["private"]))),
            wire=None if said["wire"] is None else WireLimits.model_validate(said["wire"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"what this process may do cannot be read: {type(error).__name__}",
            where=f"the environment, {PERMIT_ENV}",
            remedy="unset it; `harness run` sets it for the processes that it starts",
        ) from None


def accepted(order: RunSpec, permit: Permit, sources: tuple[str, ...] = ()) -> Gate:
    """The gate for an order that the permit covers; the target's name is pinned, from here on, for the process.

    sources: addresses of this machine that phones send from.

    :raises TargetError: the order goes elsewhere, or wants more.
    """
    gate = Gate(permit.reach, sources=sources)
    parts = _split(order.url)
    if parts is None or not (_same(order.url, permit.url) if permit.url else is_loopback(parts[1])):
        wanted = shown(parts[1]) + f":{parts[2]}" if parts else ascii(order.url[:80])
        own = permit.url or "loopback: no target file was given"
        raise TargetError(
            f"the order sends this worker to {wanted}, its own target is {own}; nothing was sent",
            where="harness run --worker",
            remedy=REMEDY,
        )
    rate = None if order.limits is None else order.limits.requests_per_second
    _within("requests/s", rate, permit.requests_per_second)
    _within("phones", order.profile.phones, permit.phones)
    try:
        gate.pin(parts[1], "the target of the order", where=permit.url)
    except OSError as error:
        raise TargetError(
            f"the target's name cannot be looked up: {error}", where=order.url, remedy="check the url and the network"
        ) from None
    return gate


def towards(permit: Permit, url: str) -> Permit:
    """The same permit where the load goes to a proxy in front of the target."""
    return replace(permit, url=url)


def _within(what: str, ordered: float | None, allowed: float | None) -> None:
    if allowed is not None and (ordered is None or not ordered <= allowed):
        raise TargetError(
            f"the order allows {'any number of' if ordered is None else f'{ordered:,g}'} {what}, this worker's target "
            f"file {allowed:,g}; nothing was sent",
            where="harness run --worker",
            remedy=REMEDY,
        )


def _same(url: str, other: str) -> bool:
    return _split(url) == _split(other)


def _split(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return None

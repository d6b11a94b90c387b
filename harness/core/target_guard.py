"""May this run touch this target. (pure)

The answer is given before a packet leaves, name resolution included: whether a host is allowed depends on what the
target file says, never on what a resolver answers.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from harness.core.errors import TargetError
from harness.core.target import Target
from harness.core.wire_limits import WireLimits


@dataclass(frozen=True, slots=True)
class Permit:
    """What this run may do. None: no limit, which only loopback has."""

    host: str
    loopback: bool
    requests_per_second: float | None
    phones: int | None
    wire: WireLimits | None = None


def is_loopback(host: str) -> bool:
    """Whether `host` itself says loopback: `localhost`, ::1 or an address in 127.0.0.0/8 in the usual notation.

    A name that resolves to such an address is not enough: what it resolves to can change between look and leap.
    """
    if host.lower() == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return (
        address in ipaddress.IPv4Network("127.0.0.0/8") if address.version == 4 else address == ipaddress.IPv6Address(1)
    )


def permit(
    target: Target,
    *,
    peak_phones: int,
    peak_requests_per_second: float | None = None,
    allow_production: bool = False,
) -> Permit:
    """Whether the planned run may touch the target.

    Loopback is free, unless the target file limits it too. Production needs `allow_production` even on loopback,
    because a tunnel's end is loopback.

    :param peak_phones: sessions open at once, at most.
    :param peak_requests_per_second: the plan's highest rate; None when the plan cannot tell; then only what is
        really sent is watched (`harness.load.rate_guard`).
    :raises TargetError: not allowed, or more than allowed.
    """
    host, where = target.host, f"target {target.name} ({target.url})"
    if target.environment == "production" and not allow_production:
        raise TargetError(
            "this target is production, and nobody said that it may be loaded",
            where=where,
            remedy="pass --allow-production if that is truly meant, or choose another target",
        )
    limits, loopback = target.limits.get(host), is_loopback(host)
    if limits is None:
        if not loopback:
            raise TargetError(
                f"the host {host} is neither loopback nor listed in the target file, so nothing was sent to it",
                where=where,
                remedy=f'if it is yours to load, add [limits."{host}"] with requests_per_second and phones',
            )
        return Permit(host=host, loopback=True, requests_per_second=None, phones=None)
    _within("phones at once", peak_phones, limits.phones, "phones", host, where)
    if peak_requests_per_second is not None:
        _within(
            "requests/s at the peak",
            peak_requests_per_second,
            limits.requests_per_second,
            "requests_per_second",
            host,
            where,
        )
    return Permit(host, loopback, limits.requests_per_second, limits.phones, limits.wire)


def _within(what: str, planned: float, allowed: float, key: str, host: str, where: str) -> None:
    if not planned <= allowed:  # so that NaN is refused
        raise TargetError(
            f"the plan needs {planned:,g} {what}, the target file allows {allowed:,g}",
            where=where,
            remedy=f'lower the profile, or raise {key} of [limits."{host}"] if its owner agrees',
        )

"""May this run touch this target, and where may its processes connect to. (pure)

The answer is given before a packet leaves, name resolution included: whether a host is allowed depends on what the
target file says, never on what a resolver answers. `harness.egress` holds every connection to it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from harness.core.errors import TargetError
from harness.core.target import HOST, Target, TargetLimits
from harness.core.wire_limits import WireLimits

MAX_HOST = 253
"""Characters of a name (RFC 1035)."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a process may connect to: loopback, always, and the hosts that its target file lists.

    private: those of them whose name may resolve to this machine or to a private network.
    """

    listed: frozenset[str] = frozenset()
    private: frozenset[str] = frozenset()

    def allows(self, host: str) -> bool:
        return is_loopback(host) or host.lower() in self.listed

    def require(self, host: str, what: str, *, where: str = "") -> None:
        """:param what: is there, for the message: "the proxy's API".
        :raises TargetError: nothing may be sent to `host`."""
        if not self.allows(host):
            raise TargetError(
                f"{what} is at {shown(host)}, which is neither loopback nor listed in the target file, so nothing was "
                "sent to it",
                where=where,
                remedy=f'if it is yours to use, list it in the target file: [limits."{shown(host)}"]',
            )


HERE = Reach()
"""Loopback alone."""


@dataclass(frozen=True, slots=True)
class Permit:
    """What this run may do. None: no limit, which only loopback has. url: the only one that takes the load; empty:
    any on loopback."""

    host: str
    loopback: bool
    requests_per_second: float | None
    phones: int | None
    url: str = ""
    reach: Reach = HERE
    wire: WireLimits | None = None


@lru_cache(maxsize=256)  # asked for every connection
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


def shown(host: str) -> str:
    """A host for a message: who told us of it may have put anything into it."""
    return host if HOST.fullmatch(host) and len(host) <= MAX_HOST else ascii(host[:MAX_HOST])


def permit(
    target: Target,
    *,
    peak_phones: int,
    peak_requests_per_second: float | None = None,
    peak_connections_per_second: float | None = None,
    peak_sockets: int | None = None,
    largest_scale: Callable[[TargetLimits], float | None] = lambda _: None,
    allow_production: bool = False,
) -> Permit:
    """Whether the planned run may touch the target.

    Loopback is free, unless the target file limits it too. Production needs `allow_production` even on loopback,
    because a tunnel's end is loopback.

    :param peak_phones: sessions open at once, at most.
    :param peak_requests_per_second: the plan's highest rate, and so of the others; None when the plan cannot tell.
        Whatever the plan says, what is really sent is kept within the limits (`harness.client.http.wire_budget`).
    :param largest_scale: asked only when the plan exceeds the limits: the factor of its rate that does not.
    :raises TargetError: not allowed, or more than allowed.
    """
    host, where = target.host, f"target {target.name} ({target.url})"
    if target.environment == "production" and not allow_production:
        raise TargetError(
            "this target is production, and not authorised for load",
            where=where,
            remedy="pass --allow-production if that is truly meant, or choose another target",
        )
    limits, loopback = target.limits.get(host), is_loopback(host)
    reach = Reach(frozenset(target.limits), frozenset(name for name, one in target.limits.items() if one.private))
    if limits is None:
        if not loopback:
            raise TargetError(
                f"the host {host} is neither loopback nor listed in the target file, so nothing was sent to it",
                where=where,
                remedy=f'if it is yours to load, add [limits."{host}"] with requests_per_second and phones',
            )
        return Permit(host, loopback=True, requests_per_second=None, phones=None, url=target.url, reach=reach)
    assert limits.phones is not None  # the target file says both
    assert limits.requests_per_second is not None
    wire = limits.wire
    over = [
        figure
        for figure in (
            _Figure("phones at once", peak_phones, limits.phones, "phones"),
            _Figure(
                "requests/s at the peak", peak_requests_per_second, wire.requests_per_second, "requests_per_second"
            ),
            _Figure(
                "new connections/s at the peak",
                peak_connections_per_second,
                wire.connections_per_second,
                "connections_per_second" if limits.connections_per_second else "requests_per_second",
            ),
            _Figure("open sockets", peak_sockets, wire.sockets, "sockets" if limits.sockets else "phones"),
        )
        if figure.exceeds
    ]
    if over:
        raise _too_much(over, largest_scale(limits), host, where)
    return Permit(host, loopback, limits.requests_per_second, limits.phones, target.url, reach, wire)


@dataclass(frozen=True, slots=True)
class _Figure:
    what: str
    planned: float | None
    allowed: float
    key: str  # of the target file

    @property
    def exceeds(self) -> bool:
        return self.planned is not None and not self.planned <= self.allowed  # so that NaN is refused


def _too_much(over: Sequence[_Figure], scale: float | None, host: str, where: str) -> TargetError:
    figures = "; ".join(
        f"the plan needs {figure.planned:,g} {figure.what}, the target file allows {figure.allowed:,g}"
        for figure in over
    )
    keys = " and ".join(dict.fromkeys(figure.key for figure in over))
    less = "lower the profile" + ("" if scale is None else f" (--scale {scale:g} is the largest that fits)")
    return TargetError(
        f"{figures}; nothing was sent",
        where=where,
        remedy=f'{less}, or raise {keys} of [limits."{host}"] if its owner agrees',
    )

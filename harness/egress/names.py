"""Names become addresses once in a process, and stay what they were, as in a browser that is never closed.

A lookup for each connection would go through the four threads of the event loop's resolver, and a herd of phones would
wait for them instead of for the target. It would also let a name mean one host when the guard looks and another when
the socket opens.
"""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import socket
from collections.abc import Callable, Iterable
from functools import lru_cache
from time import monotonic
from typing import Any

from chaos.literal_address import literal
from harness.core.errors import TargetError
from harness.core.target_guard import Reach, is_loopback, shown

FAILURE_KEPT_S = 1.0
"""So long a failed lookup answers for the next ones."""
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
NAT64_INSIDE = ipaddress.IPv6Network("64:ff9b:1::/48")
"""A network's own translation (RFC 8215), to wherever it likes."""
COMPATIBLE = ipaddress.IPv6Network("::/96")
"""IPv4 addresses as IPv6 had them once (RFC 4291, 2.5.5.1)."""

Answers = Iterable[tuple[Any, ...]]
LookUp = Callable[..., Answers]


class ForbiddenAddress(OSError):
    """A name led where the target file does not let it lead."""


class Pinned:
    """The addresses of one name, and in which order a connection tries them.

    The resolver's first family leads until only the other one answers. Within a family the next connection begins with
    the next address: phones are many machines, and each of them would have had its own lookup.
    """

    def __init__(self, addresses: Iterable[str]) -> None:
        self.addresses = tuple(dict.fromkeys(addresses))
        first = ":" in self.addresses[0]
        self._groups = [[one for one in self.addresses if (":" in one) is kind] for kind in (first, not first)]
        self._turns = itertools.count()

    def order(self) -> tuple[str, ...]:
        """All of them, the one to try first at the front."""
        if len(self.addresses) == 1:
            return self.addresses
        turn, found = next(self._turns), list[str]()
        for group in self._groups:
            start = turn % len(group) if group else 0
            found += group[start:] + group[:start]
        return tuple(found)

    def worked(self, address: str) -> None:
        """Its family leads from now on."""
        if self._groups[1] and address not in self._groups[0]:
            self._groups = [self._groups[1], self._groups[0]]


class Names:
    """What the names that a process connects to mean. Any thread; two first lookups at once pin one answer.

    look_up: `socket.getaddrinfo`, where somebody waits for it; event loops bring their own.
    """

    def __init__(self, look_up: LookUp | None = None) -> None:
        self._look_up = look_up
        self._pinned: dict[str, Pinned] = {}
        self._failed: dict[str, tuple[float, OSError]] = {}
        self._under_way: dict[tuple[int, str], asyncio.Task[Answers]] = {}

    def known(self, host: str) -> Pinned | None:
        """What `host` means, where that needs no lookup any more."""
        found = self._pinned.get(host)
        if found is None:
            addresses = _literal(host)
            if addresses:
                found = self._pinned.setdefault(host, Pinned(addresses))
        return found

    def resolve(self, host: str) -> Pinned:
        """Waits for the resolver. :raises OSError: it knows no such name."""
        if found := self.known(host):
            return found
        self._check_failed(host)
        try:
            answers = (self._look_up or socket.getaddrinfo)(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise self._failure(host, error) from None
        return self._pin(host, answers)

    async def resolve_async(self, host: str) -> Pinned:
        """As `resolve`, on the running loop; who asks while a lookup is under way gets its answer."""
        if found := self.known(host):
            return found
        self._check_failed(host)
        loop = asyncio.get_running_loop()
        key = (id(loop), host)
        task = self._under_way.get(key)
        if task is None:
            task = self._under_way[key] = loop.create_task(self._ask(loop, host))
            task.add_done_callback(lambda done: self._done(key, done))
        try:
            answers = await asyncio.shield(task)
        except (OSError, UnicodeError) as error:
            raise self._failure(host, error) from None
        return self._pin(host, answers)

    async def _ask(self, loop: asyncio.AbstractEventLoop, host: str) -> Answers:
        if self._look_up is not None:
            return await loop.run_in_executor(None, lambda: list(self._look_up(host, None)))  # type: ignore[misc]
        return await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)

    def _done(self, key: tuple[int, str], task: asyncio.Task[Answers]) -> None:
        self._under_way.pop(key, None)
        if not task.cancelled():
            task.exception()  # taken note of, also when everybody who asked has left

    def _pin(self, host: str, answers: Answers) -> Pinned:
        addresses = [str(answer[4][0]) for answer in answers]
        if not addresses:
            raise self._failure(host, socket.gaierror(socket.EAI_NONAME, "no address"))
        self._failed.pop(host, None)
        return self._pinned.setdefault(host, Pinned(addresses))

    def _check_failed(self, host: str) -> None:
        at, error = self._failed.get(host, (0.0, None))
        if error is not None:
            if monotonic() - at < FAILURE_KEPT_S:
                raise type(error)(*error.args)
            self._failed.pop(host, None)

    def _failure(self, host: str, error: OSError | UnicodeError) -> OSError:
        kept = error if isinstance(error, OSError) else socket.gaierror(socket.EAI_NONAME, "not a host name")
        self._failed.setdefault(host, (monotonic(), kept))
        return kept


NAMES = Names()
"""Of this process."""


_literal = lru_cache(maxsize=256)(literal)  # asked for every connection


def forbidden(host: str, addresses: Iterable[str], reach: Reach) -> str:
    """Why a listed name must not be used, given what it resolves to; empty when it may.

    An address in the target file says itself what it is; a name may come to mean this machine or its network through
    whoever answers for it.
    """
    if is_loopback(host) or _literal(host) or host.lower() in reach.private:
        return ""
    inside = next((one for one in addresses if not is_public(one)), None)
    if inside is None:
        return ""
    return f"the name {shown(host)} resolves to {inside}, which is this machine or a private network"


def refused(host: str, why: str, where: str = "") -> TargetError:
    return TargetError(
        f"{why}, so nothing was sent to it",
        where=where,
        remedy=f'if it belongs there, say private = true in [limits."{shown(host)}"] of the target file',
    )


def is_public(address: str) -> bool:
    """Whether everybody's internet leads there. IPv4 addresses inside IPv6 ones count as what they are."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        if found.is_site_local or found in NAT64_INSIDE:
            return False
        inner = found.ipv4_mapped or found.sixtofour
        if inner is None and (found in NAT64 or found in COMPATIBLE):
            inner = ipaddress.IPv4Address(int(found) & 0xFFFF_FFFF)
        if inner is not None:
            return is_public(str(inner))
    return found.is_global and not found.is_multicast

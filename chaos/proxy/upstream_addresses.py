"""Where an upstream's name leads, for all connections of a proxy alike.

A lookup for each connection would go through the loop's few resolver threads, and would let whoever answers for the
name send the next connection to another host than the one that was looked at.
"""

from __future__ import annotations

import asyncio
import itertools
import socket
import ssl
from collections.abc import Callable, Sequence

from chaos.literal_address import literal
from chaos.proxy.address import Upstream


class UpstreamAddresses:
    """pinned: what the name means, by whoever started the process; nothing is ever looked up then.

    Without, the name is looked up for the first connection, and again once none of its addresses can be reached. The
    next connection begins with the next address of the family that worked last.
    """

    def __init__(self, upstream: Upstream, pinned: Sequence[str] = ()) -> None:
        self._upstream = upstream
        self._pinned = bool(pinned)
        self._known = tuple(pinned) or literal(upstream.host)
        self._turns = itertools.count()

    async def open(
        self, loop: asyncio.AbstractEventLoop, protocol: Callable[[], asyncio.Protocol], tls: ssl.SSLContext | None
    ) -> asyncio.Transport:
        """Connect to the first address that takes it. The name is for TLS.

        :raises OSError: of the first address that failed; or nobody knows the name. :raises ValueError: it is none.
        """
        host, port = self._upstream.host, self._upstream.port
        addresses = self._known or await self._looked_up(loop)
        problem: OSError | None = None
        for address in self._order(addresses):
            try:
                transport, _ = await loop.create_connection(
                    protocol, address, port, ssl=tls, server_hostname=host if tls is not None else None
                )
            except ssl.SSLError:
                raise  # somebody is there, and is not who is meant
            except OSError as error:
                problem = problem or error
            else:
                self._known = tuple(sorted(addresses, key=lambda one: (":" in one) is not (":" in address)))
                return transport
        if not self._pinned:
            self._known = literal(host)
        assert problem is not None
        raise problem

    def _order(self, addresses: tuple[str, ...]) -> tuple[str, ...]:
        first = [one for one in addresses if (":" in one) is (":" in addresses[0])]
        start = next(self._turns) % len(first)
        return (*first[start:], *first[:start], *(one for one in addresses if one not in first))

    async def _looked_up(self, loop: asyncio.AbstractEventLoop) -> tuple[str, ...]:
        found = await loop.getaddrinfo(self._upstream.host, None, type=socket.SOCK_STREAM)
        return tuple(dict.fromkeys(str(one[4][0]) for one in found))

"""Opens connections: to loopback, and where the target file says. Everything else is refused before a packet leaves."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from harness.core.target_guard import HERE, Reach
from harness.egress.names import NAMES, ForbiddenAddress, Names, Pinned, forbidden, refused
from harness.egress.sources import bound, of_phone, towards

FAMILY_S = 2.0
"""To an address of one family, while there is one of the other to fall back on."""


@dataclass(frozen=True, slots=True)
class Gate:
    """One process's way out. Without a reach: loopback alone.

    reach: which hosts. names: what their names mean, pinned for the process. sources: addresses of this machine that
    phones send from; without any the system chooses.
    """

    reach: Reach = HERE
    names: Names = NAMES
    sources: tuple[str, ...] = ()

    def of_phone(self, number: int) -> Gate:
        """The same, from that phone's own address."""
        return replace(self, sources=of_phone(self.sources, number)) if self.sources else self

    # ---- asked before anything is sent ---------------------------------------------------------------------------

    def check(self, url: str, what: str) -> None:
        """Nothing is looked up. :raises TargetError: `what` is where nothing may be sent."""
        self.reach.require(host_of(url), what, where=url)

    def pin(self, host: str, what: str, *, where: str = "") -> Pinned:
        """Look the name up, for good; waits for the resolver.

        :raises TargetError: the host is not listed, or its name leads where the file does not let it lead.
        :raises OSError: nobody knows the name.
        """
        self.reach.require(host, what, where=where)
        pinned = self.names.resolve(host)
        if why := forbidden(host, pinned.addresses, self.reach):
            raise refused(host, why, where)
        return pinned

    # ---- connections ---------------------------------------------------------------------------------------------

    def addresses(self, host: str) -> Pinned:
        """As `pin`, in the words of sockets. :raises OSError: unknown, or forbidden."""
        self._allowed(host)
        return self._public(host, self.names.known(host) or self.names.resolve(host))

    async def addresses_async(self, host: str) -> Pinned:
        """As `addresses`, without keeping the loop."""
        self._allowed(host)
        return self._public(host, self.names.known(host) or await self.names.resolve_async(host))

    async def connect(
        self,
        protocol: Callable[[], asyncio.Protocol],
        host: str,
        port: int,
        *,
        tls: ssl.SSLContext | None = None,
        shutdown_s: float | None = None,
    ) -> None:
        """Open a connection on the running loop and hand it to what `protocol` makes. By address: the name is for TLS.

        shutdown_s: how long a TLS peer may take to answer our close_notify.
        :raises OSError: as the loop's own, of the first address that failed, or ForbiddenAddress.
        """
        loop = asyncio.get_running_loop()
        pinned = await self.addresses_async(host)
        problem: OSError | None = None
        order = pinned.order()
        for number, address in enumerate(order):
            other = any((":" in rest) is not (":" in address) for rest in order[number + 1 :])
            opening = self._open(loop, protocol, host, address, port, tls, shutdown_s)
            try:
                if other:
                    async with asyncio.timeout(FAMILY_S):
                        await opening
                else:
                    await opening
            except ssl.SSLError:
                raise  # somebody is there, and is not who we want
            except OSError as error:  # TimeoutError, too
                problem = problem or error
            else:
                pinned.worked(address)
                return
        assert problem is not None
        raise problem

    async def _open(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: Callable[[], asyncio.Protocol],
        host: str,
        address: str,
        port: int,
        tls: ssl.SSLContext | None,
        shutdown_s: float | None,
    ) -> None:
        opened = await self._from_own(loop, address, port)
        where: dict[str, Any] = {"host": address, "port": port} if opened is None else {"sock": opened}
        await loop.create_connection(
            protocol,
            **where,
            ssl=tls,
            server_hostname=host if tls else None,
            ssl_shutdown_timeout=shutdown_s if tls else None,
        )

    async def _from_own(self, loop: asyncio.AbstractEventLoop, address: str, port: int) -> socket.socket | None:
        """A socket connected from a source address; None where the system chooses one. :raises OSError:"""
        if not (source := towards(self.sources, address)):
            return None
        opened = bound(source)
        try:
            await loop.sock_connect(opened, (address, port))
        except BaseException:
            opened.close()
            raise
        return opened

    async def stream(self, host: str, port: int, *, limit: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection as a pair of streams. limit: bytes of one line. :raises OSError:"""
        return await asyncio.open_connection(sock=await self.socket(host, port), limit=limit)

    async def socket(self, host: str, port: int) -> socket.socket:
        """A connected socket, for libraries that take one. :raises OSError:"""
        loop = asyncio.get_running_loop()
        problem: OSError | None = None
        for address in (await self.addresses_async(host)).order():
            opened = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
            try:
                opened.setblocking(False)
                await loop.sock_connect(opened, (address, port))
            except OSError as error:
                opened.close()
                problem = problem or error
            except BaseException:
                opened.close()
                raise
            else:
                return opened
        assert problem is not None
        raise problem

    def _allowed(self, host: str) -> None:
        if not self.reach.allows(host):
            raise ForbiddenAddress(f"{host} is neither loopback nor listed in the target file")

    def _public(self, host: str, pinned: Pinned) -> Pinned:
        if why := forbidden(host, pinned.addresses, self.reach):
            raise ForbiddenAddress(why)
        return pinned


LOOPBACK = Gate()
"""Who knows of no target file."""


def host_of(url: str) -> str:
    """The host of a URL; all of it where none can be read from it."""
    try:
        return urlsplit(url).hostname or url
    except ValueError:
        return url

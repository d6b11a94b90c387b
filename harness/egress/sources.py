"""Source addresses: of which of this machine's own addresses phones send from, where it has several.

One address has some 28,000 ports towards one target, and one allowance with a limiter that counts by address. A phone
keeps its address, as a phone does; who has which follows from its number alone.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Mapping, Sequence

from harness.core.errors import UsageError

SOURCES_ENV = "HARNESS_SOURCE_ADDRESSES"
"""Addresses of this machine, separated by commas; the system chooses one where it is not set."""
MAX_SOURCES = 256
BIND_ADDRESS_NO_PORT = getattr(socket, "IP_BIND_ADDRESS_NO_PORT", 24)
"""Linux: the port is chosen when the target is known, so that each address has all of them towards each target."""


def sources_in(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The addresses that the environment names, each of which can be bound to. :raises UsageError: one cannot."""
    named = [one.strip() for one in environ.get(SOURCES_ENV, "").split(",") if one.strip()]
    if len(named) > MAX_SOURCES:
        raise _unusable(f"{len(named)} addresses, {MAX_SOURCES} are the most")
    found = []
    for one in named:
        try:
            address = ipaddress.ip_address(one)
            bound(str(address)).close()
        except ValueError:
            raise _unusable(f"{one[:60]!a} is no IP address") from None
        except OSError as error:
            raise _unusable(f"{one} cannot be sent from: {error.strerror or error}") from None
        found.append(str(address))
    if len(set(found)) < len(found):
        raise _unusable("an address stands there twice")
    return tuple(found)


def bound(source: str) -> socket.socket:
    """A TCP socket, not blocking, that will connect from that address. :raises OSError: it is not this machine's."""
    opened = socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET, socket.SOCK_STREAM)
    try:
        opened.setblocking(False)
        with contextlib.suppress(OSError):  # not Linux, or older than 4.2: then the port is chosen now
            opened.setsockopt(socket.IPPROTO_IP, BIND_ADDRESS_NO_PORT, 1)
        opened.bind((source, 0))
    except OSError:
        opened.close()
        raise
    return opened


def of_phone(sources: Sequence[str], number: int) -> tuple[str, ...]:
    """A phone's own: one of each family that there is, by turns."""
    families = [[one for one in sources if (":" in one) is kind] for kind in (False, True)]
    return tuple(group[number % len(group)] for group in families if group)


def towards(sources: Sequence[str], address: str) -> str:
    """Which of a phone's own leads to an address of that family; empty: the system chooses."""
    return next((one for one in sources if (":" in one) is (":" in address)), "")


def _unusable(why: str) -> UsageError:
    return UsageError(
        why,
        where=f"the environment, {SOURCES_ENV}",
        remedy="name addresses of this machine, separated by commas (ip -brief address), or unset it",
    )

"""What sockets cost the machine before the first one is opened: descriptors and ephemeral ports. (pure)

Sources: socket(7) and ip(7): one descriptor per socket; one local port per connection to the same address and port of
the target. A phone holds one Realtime socket and up to `connections` for HTTP, of which between operations one is open
for a few seconds; the older client holds a second socket for half a minute after a half-open one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

PER_PROCESS = 64
"""Descriptors of a worker beside its phones: files of the record, pipes, the loop, Locust's own connections."""


@dataclass(frozen=True, slots=True)
class Needs:
    """Of one worker process, and of the whole machine towards one address and port of the target."""

    descriptors: int
    ports: int


@dataclass(frozen=True, slots=True)
class Room:
    """What this machine offers: open files per process (the hard limit) and ephemeral ports."""

    descriptors: int
    ports: int


def per_phone(*, http_connections: int = 2, realtime: bool = True) -> int:
    """Descriptors of one phone while it is in use."""
    return http_connections + int(realtime)


def needs(phones: int, processes: int = 1, *, http_connections: int = 2, realtime: bool = True) -> Needs:
    """For `phones` in use at once, shared evenly by `processes`.

    :raises ValueError: for less than one process or a negative number of phones.
    """
    if processes < 1 or phones < 0:
        raise ValueError("needs are of at least one process and of no negative number of phones")
    each = per_phone(http_connections=http_connections, realtime=realtime)
    return Needs(PER_PROCESS + math.ceil(phones / processes) * each, phones * each)


def fewest_processes(phones: int, room: Room, *, http_connections: int = 2, realtime: bool = True) -> int | None:
    """How many processes `phones` need at least; None when the ports of the machine do not suffice for any number."""
    each = per_phone(http_connections=http_connections, realtime=realtime)
    in_one = (room.descriptors - PER_PROCESS) // each
    if phones * each > room.ports or (phones and in_one < 1):
        return None
    return max(1, math.ceil(phones / in_one)) if phones else 1


def shortage(phones: int, processes: int, room: Room, *, http_connections: int = 2, realtime: bool = True) -> str:
    """What does not fit, in a sentence with its remedy; empty when all fits."""
    wanted = needs(phones, processes, http_connections=http_connections, realtime=realtime)
    fewest = fewest_processes(phones, room, http_connections=http_connections, realtime=realtime)
    if wanted.ports > room.ports:
        return (
            f"{phones} phones hold {wanted.ports} connections to one address, but this machine has {room.ports} "
            "ephemeral ports; use fewer phones or more machines, or widen net.ipv4.ip_local_port_range."
        )
    if wanted.descriptors > room.descriptors:
        more = f"use at least {fewest} processes, or raise" if fewest is not None else "raise"
        return (
            f"{phones} phones in {processes} process(es) need {wanted.descriptors} open files each, but the limit is "
            f"{room.descriptors}; {more} it (ulimit -Hn)."
        )
    return ""

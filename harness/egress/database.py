"""Connections to a target's Postgres: where a connection string leads, whether it may, never a password in clear."""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

import asyncpg

from harness.core.errors import TargetError, UsageError
from harness.core.target_guard import is_loopback, shown
from harness.egress.gate import Gate
from harness.egress.tls import authorities

PORT = 5432
WHERE = "keys.dsn_env"
WHAT = "the database of the connection string"
IN_CLEAR = ("disable", "allow")
UNVERIFIED = ("prefer", "require")
VERIFIED = ("verify-ca", "verify-full")


@dataclass(frozen=True, slots=True)
class Places:
    """Where a connection string leads. hosts: names or addresses with their ports. sockets: folders of local sockets.

    Without either it leads to this machine's own server, by socket or localhost.
    """

    hosts: tuple[tuple[str, int], ...]
    sockets: tuple[tuple[str, int], ...]
    sslmode: str
    parameters: Mapping[str, str]

    @property
    def remote(self) -> bool:
        return any(not is_loopback(host) for host, _ in self.hosts)


def places(dsn: str, environ: Mapping[str, str] = os.environ) -> Places:
    """What the string says, with libpq's variables where it says nothing. Nothing is looked up.

    :raises UsageError: it cannot be read; the text repeats nothing of it.
    """
    scheme, separator, rest = dsn.partition("://")
    if not separator or scheme not in ("postgres", "postgresql"):
        raise _unusable("it does not begin with postgresql://")
    address, _, query = rest.partition("#")[0].partition("?")
    authority = address.partition("/")[0]
    if authority.count("@") > 1:
        raise _unusable("it has more than one @; write %40 for one in the password")
    try:
        told = {key: values[-1] for key, values in parse_qs(query, strict_parsing=True).items()} if query else {}
        hosts = authority.rpartition("@")[2] or told.get("host") or ""
        if not hosts and ("service" in told or environ.get("PGSERVICE")):
            raise _unusable("it leaves its host to a service file; write the host into it")
        hosts = hosts or environ.get("PGHOST", "")
        ports = (told.get("port") or environ.get("PGPORT") or str(PORT)).split(",")
        found = [
            _place(host, ports[min(number, len(ports) - 1)])
            for number, host in enumerate(hosts.split(",") if hosts else ())
        ]
    except ValueError:
        raise _unusable("its host, port or parameters cannot be read") from None
    sslmode = (told.get("sslmode") or environ.get("PGSSLMODE") or "prefer").replace("_", "-")
    if sslmode not in (*IN_CLEAR, *UNVERIFIED, *VERIFIED):
        raise _unusable("its sslmode is none that Postgres knows")
    return Places(
        tuple(place for place in found if not place[0].startswith("/")),
        tuple(place for place in found if place[0].startswith("/")),
        sslmode,
        told,
    )


def check(gate: Gate, dsn: str, what: str = WHAT) -> None:
    """Look its names up, for good, and refuse what must not be connected to. An empty string leads nowhere.

    :raises UsageError: it cannot be read.
    :raises TargetError: not listed, a name that nobody knows or that leads inside, or a password in clear.
    """
    if not dsn:
        return
    found = places(dsn)
    for host, _ in found.hosts:
        gate.reach.require(host, what, where=WHERE)
        if not is_loopback(host) and found.sslmode in IN_CLEAR:
            raise TargetError(
                f"sslmode={found.sslmode} would send the database's password to {shown(host)} in clear",
                where=WHERE,
                remedy="say sslmode=require in the connection string, or verify-full with sslrootcert",
            )
    for host, _ in found.hosts:
        try:
            gate.pin(host, what, where=WHERE)
        except OSError as error:
            raise TargetError(
                f"nobody knows the name of {what}: {shown(host)} ({error.strerror or error})",
                where=WHERE,
                remedy="correct the connection string, or leave it out to read through PostgREST",
            ) from None


async def connect(gate: Gate, dsn: str, **options: Any) -> asyncpg.Connection:
    """Connect, as `check` allows, to the addresses that the names were pinned to. `options`: asyncpg's.

    :raises TargetError: as `check`. :raises OSError: :raises asyncpg.PostgresError: it is not there, or refuses.
    """
    check(gate, dsn)
    found = places(dsn)
    targets = list(found.sockets)
    for host, port in found.hosts:
        targets += [(address, port) for address in (await gate.addresses_async(host)).order()]
    if targets:
        options |= {"host": [host for host, _ in targets], "port": [port for _, port in targets]}
    if found.remote:
        options["ssl"] = _tls(found)
    return await asyncpg.connect(dsn, **options)


class _NamedContext(ssl.SSLContext):
    """Asks for the certificate of a name, where the connection was opened by address."""

    name: str

    def wrap_bio(self, *arguments: Any, **options: Any) -> ssl.SSLObject:
        return super().wrap_bio(*arguments, **(options | {"server_hostname": self.name}))


def _tls(found: Places) -> ssl.SSLContext | str:
    """Encrypted in any case; verified where the string asks for it, by its own authorities or the usual ones."""
    if found.sslmode in UNVERIFIED:
        return "require"
    context = _NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.name = next(host for host, _ in found.hosts if not is_loopback(host))
    context.check_hostname = found.sslmode == "verify-full"
    context.set_alpn_protocols(["postgresql"])
    told = found.parameters
    try:
        if root := told.get("sslrootcert") or os.environ.get("PGSSLROOTCERT"):
            context.load_verify_locations(cafile=root)
        else:
            authorities(context)
        if certificate := told.get("sslcert") or os.environ.get("PGSSLCERT"):
            context.load_cert_chain(certificate, told.get("sslkey") or os.environ.get("PGSSLKEY"))
    except OSError as error:
        raise _unusable(f"a certificate that it names cannot be used ({error.strerror or error})") from None
    return context


def _place(text: str, port: str) -> tuple[str, int]:
    """`host`, `host:port` or `[address]:port`; percent-encoded, as paths of sockets are. :raises ValueError:"""
    if text.startswith("["):
        host, closed, rest = text[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise ValueError(text)
        port = rest[1:] or port
    elif text.startswith("/"):
        host = text
    else:
        host, _, own = text.partition(":")
        port = own or port
    number = int(port)
    if not host:
        raise ValueError(text)
    if not 1 <= number <= 65_535:
        raise ValueError(port)
    return unquote(host), number


def _unusable(why: str) -> UsageError:
    return UsageError(
        f"this is no connection string that can be used: {why}",
        where=WHERE,
        remedy="write it as postgresql://USER:PASSWORD@HOST:5432/DATABASE?sslmode=require",
    )

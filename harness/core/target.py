"""The target file: one deployment, the names of its keys, what a run may do to it. Read by `harness.config`. (pure)"""

from __future__ import annotations

import ipaddress
import re
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AwareDatetime, Field, ValidationInfo, field_validator

from harness.core.app_client import checked_origin
from harness.core.frozen_model import CLAIM, DOMAIN, TAG, Count, EnvName, FileName, FrozenModel, Number
from harness.core.wire_limits import WireLimits

SOCKETS_OF_A_PHONE = 7
"""Six HTTP connections, a browser's limit for an origin, and one WebSocket."""


class TargetKeys(FrozenModel):
    """Names of environment variables; the keys themselves never stand in a file."""

    anon_env: EnvName
    service_env: EnvName | None = None
    jwt_secret_env: EnvName | None = None
    signing_key_env: EnvName | None = None  # private key of access tokens, JWK or PEM
    dsn_env: EnvName | None = None  # Postgres connection string, for the data check


class TargetPeople(FrozenModel):
    """Synthetic people of this target, made by `harness users provision`."""

    tag: Annotated[str, Field(pattern=TAG)] = "load"
    domain: Annotated[str, Field(pattern=DOMAIN)] = "people.example.com"
    password_env: EnvName | None = None


class TargetSignIn(FrozenModel):
    """What GoTrue's limiter allows one address: sign-ins and refreshes in five minutes, and how many at once. 0: nobody
    is signed in by asking, where tokens can be minted."""

    per_5_minutes: Annotated[Count, Field(ge=0, le=1_000_000)] = 150  # the platform's own default (contract 1.1)
    burst: Annotated[Count, Field(ge=0, le=100_000)] = 30


SHIPPED_LIMITER = TargetSignIn()


class TargetOwnership(FrozenModel):
    """How it is known that who loads a deployment may: by a claim that stands there (`harness doctor --claim`). A
    deployment that only a private network knows may do without: waived."""

    claim: Annotated[str, Field(pattern=CLAIM)] | None = None
    waived: Literal["private-network"] | None = None


class TargetWindow(FrozenModel):
    """When production may be loaded, as its owner agreed to it. Instants with their offset from UTC."""

    begins: AwareDatetime
    ends: AwareDatetime

    @field_validator("ends")
    @classmethod
    def _after_its_beginning(cls, ends: datetime, info: ValidationInfo) -> datetime:
        begins = info.data.get("begins")
        if begins is not None and not begins < ends:
            raise ValueError("not after begins; a window ends later than it begins")
        return ends


class TargetLimits(FrozenModel):
    """A host that may be connected to, and what this run may do to it. Required for every host that is not loopback:
    the url's, which needs both limits, and those of the database, a proxy or a master elsewhere, which need none.

    private: its name may resolve to loopback, or to an address that only a private network knows.
    """

    requests_per_second: Annotated[Number, Field(gt=0)] | None = None
    phones: Annotated[Count, Field(ge=1)] | None = None
    connections_per_second: Annotated[Number, Field(gt=0)] | None = None  # new ones; absent: as many as requests
    sockets: Annotated[Count, Field(ge=1)] | None = None  # open at once; absent: what so many phones can have at most
    private: bool = False

    @property
    def wire(self) -> WireLimits:
        """What is kept on the wire, of a host that takes load."""
        assert self.requests_per_second is not None  # the target file says both of its url's host
        assert self.phones is not None
        return WireLimits(
            requests_per_second=self.requests_per_second,
            connections_per_second=self.connections_per_second or self.requests_per_second,
            sockets=self.sockets or self.phones * SOCKETS_OF_A_PHONE,
        )


HOST = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+")
# Narrower than RFC 3986 on purpose: what two URL parsers could read differently would let the guard see another
# host than the one the wire connects to.
URL = re.compile(r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?/?")


class Target(FrozenModel):
    name: FileName
    url: str  # scheme://host[:port], no path
    environment: Literal["sandbox", "local", "preview", "staging", "production"]
    keys: TargetKeys
    people: TargetPeople = TargetPeople()
    sign_in: TargetSignIn = SHIPPED_LIMITER
    ownership: TargetOwnership = TargetOwnership()
    window: tuple[TargetWindow, ...] = ()
    app_origin: str | None = None  # where this deployment's app is served from; absent: the profile's
    limits: dict[str, TargetLimits] = Field(default_factory=dict)  # host name -> limits

    @property
    def host(self) -> str:
        """The URL's host in lower case, without the brackets of an IPv6 address."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        """The URL's port, or its scheme's usual one."""
        return urlsplit(self.url).port or (443 if self.url.startswith("https:") else 80)

    @field_validator("url")
    @classmethod
    def _only_scheme_host_port(cls, url: str) -> str:
        return checked_url(url)

    @field_validator("app_origin")
    @classmethod
    def _an_origin(cls, app_origin: str | None) -> str | None:
        return None if app_origin is None else checked_origin(app_origin)

    @field_validator("limits")
    @classmethod
    def _hosts_not_urls(cls, limits: dict[str, TargetLimits], info: ValidationInfo) -> dict[str, TargetLimits]:
        for host in limits:
            if not HOST.fullmatch(host):
                raise ValueError(f"{host!r} is not a host name; write only the host, without scheme, port or path")
        lower = {host.lower(): limit for host, limit in limits.items()}
        own = urlsplit(str(info.data.get("url", ""))).hostname or ""
        missing = [
            key for key in ("requests_per_second", "phones") if own in lower and getattr(lower[own], key) is None
        ]
        if missing:
            raise ValueError(f'[limits."{own}"] has no {" and no ".join(missing)}; the url\'s own host needs both')
        return lower


def checked_url(url: str) -> str:
    """The URL of a deployment, without a slash at its end.

    :raises ValueError: it is none; the text repeats no secret.
    """
    match = URL.fullmatch(url)
    if match is None:
        raise ValueError(_url_problem(url))
    if match["port"] is not None and not 1 <= int(match["port"]) <= 65_535:
        raise ValueError(f"port {match['port']} does not exist; use one from 1 to 65535")
    host = match["host"]
    if host.startswith("["):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError as error:
            raise ValueError("the host in brackets is no IPv6 address; correct it") from error
    return url.removesuffix("/")


def _url_problem(url: str) -> str:
    """Why `url` is refused, without repeating what may be a password in it."""
    shape = "write scheme://host[:port], for example https://project.example.com"
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in ("http", "https"):
        return f"the scheme must be http or https; {shape}"
    authority, _, tail = rest.partition("/")
    if "@" in authority:
        return "user name and password do not belong in the URL; name environment variables in [keys]"
    if tail or "?" in rest or "#" in rest:
        return "path, query and fragment are not allowed, the harness adds its own; leave them out"
    return f"host or port cannot be read (hosts outside ASCII: write their xn-- form); {shape}"

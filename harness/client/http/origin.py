"""Where requests go: scheme, host and port, nothing else. (pure)"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from harness.core.errors import UsageError

DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Origin:
    """`scheme` is http or https, `host` a name or address without brackets, `port` always explicit."""

    scheme: str
    host: str
    port: int

    @classmethod
    def parse(cls, url: str) -> Origin:
        """Read `scheme://host[:port]`; a path of `/` is tolerated. Raises UsageError on anything else."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
            host.encode("idna")
        except ValueError as error:  # a bad port, an unclosed bracket, a label DNS cannot carry
            raise _refused(url, str(error)) from None
        if parts.scheme not in DEFAULT_PORTS:
            raise _refused(url, "the scheme must be http or https")
        if not host or not host.isprintable() or " " in host:
            raise _refused(url, "there is no host name in it")
        if parts.username is not None or parts.password is not None:
            raise _refused(url, "it must not carry a user name or password")
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            raise _refused(url, "it must end after the host and port")
        if port == 0:
            raise _refused(url, "port 0 is not a port")
        return cls(parts.scheme, host, port or DEFAULT_PORTS[parts.scheme])

    @property
    def authority(self) -> str:
        """The value of the Host header: brackets around IPv6, the scheme's default port left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}"


def _refused(url: str, why: str) -> UsageError:
    shown = url.rsplit("@", 1)[-1]  # whatever stands before an @ may be a password
    return UsageError(
        f"This is not the URL of a deployment: {why}.",
        where=shown,
        remedy="Write it as https://host or http://host:port.",
    )

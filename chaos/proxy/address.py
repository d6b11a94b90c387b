"""Addresses as Toxiproxy's clients write them. (pure)"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit


class AddressError(ValueError):
    """An address that cannot be; the text says what would be right."""


@dataclass(frozen=True, slots=True)
class Address:
    """host and port; port 0 asks for a free one."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """`host:port`, `[::1]:port`, `:port`. Without a host it is 127.0.0.1, never every interface."""
        host, colon, port = text.rpartition(":")
        if not text:
            return cls("127.0.0.1", 0)
        if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
            raise AddressError(f"address {text}: missing port in address; write host:port, port 0 to 65535")
        if host.startswith("[") and host.endswith("]"):
            host = host[1:-1]
        elif ":" in host:
            raise AddressError(f"address {text}: too many colons in address; write [host]:port")
        return cls(host or "127.0.0.1", int(port))

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """localhost, 127.0.0.0/8 or ::1."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where a proxy connects to. `text` is as it was given: host:port, or https://host[:port] for a reverse proxy."""

    text: str
    host: str
    port: int
    tls: bool = False

    @classmethod
    def parse(cls, text: str) -> Upstream:
        """:raises AddressError: when there is no host or port in it."""
        if "://" not in text:
            address = Address.parse(text)
            return cls(text, address.host, address.port)
        try:
            parts = urlsplit(text)
        except ValueError as error:
            raise AddressError(f"upstream {text}: {error}; write host:port, or https://host[:port]") from None
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
            raise AddressError(f"upstream {text}: write host:port, or https://host[:port] without a path")
        tls = parts.scheme == "https"
        try:
            port = parts.port
        except ValueError:
            raise AddressError(f"upstream {text}: the port is not a number up to 65535") from None
        return cls(text, parts.hostname, port or (443 if tls else 80), tls)

    @property
    def place(self) -> str:
        """host:port, and no credentials that the text may have."""
        return str(Address(self.host, self.port))

    @property
    def host_header(self) -> str:
        """What a request's Host has to be there."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port in (80, 443) else f"{host}:{self.port}"

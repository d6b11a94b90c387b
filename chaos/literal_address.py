"""Hosts whose addresses need no resolver. (pure)"""

from __future__ import annotations

import ipaddress

LOCALHOST = ("127.0.0.1", "::1")
"""Never looked up: a hosts file or a resolver could name another machine."""


def literal(host: str) -> tuple[str, ...]:
    """Addresses of localhost, and of an address in the usual notation; empty for every other name."""
    if host.lower() == "localhost":
        return LOCALHOST
    try:
        return (str(ipaddress.ip_address(host)),)
    except ValueError:
        return ()

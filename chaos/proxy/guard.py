"""Who may steer the proxy: nobody whom a web page or a name that points here sent. (pure)"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence

from chaos.proxy.address import Address, Upstream

HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?")
OWN_SITE = ("same-origin", "none")


def refused(headers: Mapping[str, str], hosts: Sequence[str], *, allow_remote: bool) -> str:
    """Why a call of the API is not carried out; '' when it is.

    A browser says so, or says where the page is from that made it call. Whoever reached us by a name of his own (DNS
    rebinding) has that name in Host: it has to be loopback's, or, with `allow_remote`, an address or a bare name.

    :param hosts: every Host header of the request.
    """
    if headers.get("user-agent", "").startswith("Mozilla/"):
        return "User agent not allowed"
    if len(hosts) != 1 or not is_ours(hosts[0], allow_remote=allow_remote):
        return f"Host not allowed: {', '.join(hosts)[:80] or 'none'}; use 127.0.0.1 or localhost"
    if headers.get("origin", f"http://{hosts[0]}") != f"http://{hosts[0]}":
        return "Origin not allowed"
    if headers.get("sec-fetch-site", "none") not in OWN_SITE:
        return "Site not allowed"
    return ""


def is_ours(host: str, *, allow_remote: bool) -> bool:
    """Whether a Host header can only mean this machine's own server, or one that was opened to others on purpose."""
    found = HOST.fullmatch(host)
    if found is None:
        return False
    name = found["host"].strip("[]").lower()
    return Address(name, 0).is_loopback or (allow_remote and (is_address(name) or "." not in name))


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def may_forward(upstream: Upstream, allowed: frozenset[str]) -> bool:
    """Whether a proxy may connect there: this machine, or a host that whoever started the process listed."""
    return Address(upstream.host, upstream.port).is_loopback or host_key(upstream.host) in allowed


def host_key(host: str) -> str:
    """A host as it is compared: without brackets, in lower case."""
    return host.strip("[]").lower()

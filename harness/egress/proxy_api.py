"""A chaos proxy's API, and the entries that it makes: both have to be where something may be sent."""

from __future__ import annotations

from chaos.client import ProxyInfo, Toxiproxy
from harness.core.errors import TargetError
from harness.core.target import checked_url
from harness.egress.gate import Gate, host_of
from harness.egress.web import GatedTransport

WHERE = "--proxy"


def proxy_api(gate: Gate, url: str, *, holder: str = "", where: str = WHERE) -> Toxiproxy:
    """A client of the API at `url`.

    :raises TargetError: it is neither on loopback nor listed. :raises chaos.client.InvalidApiUrl: it is no URL.
    """
    client = Toxiproxy(url, holder=holder, transport=GatedTransport(gate))
    try:
        _pin(gate, host_of(url), "the proxy's API", f"{where} {url.rsplit('@', 1)[-1]}")
    except BaseException:
        client.close()
        raise
    return client


def entry_url(gate: Gate, made: ProxyInfo, *, where: str = WHERE) -> str:
    """The URL of a new entry, where phones go with their keys. :raises TargetError: it leads elsewhere, or nowhere."""
    listen = made.listen if isinstance(made.listen, str) else ""
    try:
        url = checked_url(f"http://{listen}")
    except ValueError:
        raise TargetError(
            f"the proxy says that it listens at {listen[:80]!a}, which is no address",
            where=where,
            remedy="name the API of a chaos proxy or a Toxiproxy",
        ) from None
    _pin(gate, host_of(url), "the entry that the proxy made", where)
    return url


def _pin(gate: Gate, host: str, what: str, where: str) -> None:
    try:
        gate.pin(host, what, where=where)
    except OSError as error:
        raise TargetError(f"{what} is at a host that nobody knows: {error}", where=where) from None

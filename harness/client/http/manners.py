"""How the program around the app treats connections, whatever is asked over them. (pure)"""

from __future__ import annotations

from dataclasses import dataclass

from harness.client.http.codings import browser_offers
from harness.client.http.origin import Origin
from harness.core.app_client import AppClient

IDEMPOTENT = frozenset(("GET", "HEAD", "OPTIONS", "PUT", "DELETE"))
"""What may be written twice without harm, by the letter of HTTP (RFC 9110, 9.2.2)."""


@dataclass(frozen=True, slots=True)
class WireManners:
    """connections: open to one server at once, at most, over HTTP/1.1.

    resends_writes: whether a request of any method is written once more that died on a kept connection without a byte
    of an answer, as Chromium does; otherwise only what may be written twice (`IDEMPOTENT`).
    browser: whether its codings are offered; otherwise gzip alone.
    """

    connections: int = 6
    resends_writes: bool = True
    browser: bool = True

    def offers(self, origin: Origin) -> str:
        """The value of `accept-encoding` to this server."""
        return browser_offers(origin) if self.browser else "gzip"

    def resends(self, method: str) -> bool:
        """Whether such a request is written once more."""
        return self.resends_writes or method in IDEMPOTENT


BROWSER = WireManners()
NATIVE = WireManners(connections=5, resends_writes=False, browser=False)
"""As OkHttp has it on Android: five connections to a host."""


def manners_of(client: AppClient) -> WireManners:
    """Of the program that a profile names."""
    return BROWSER if client is AppClient.BROWSER else NATIVE

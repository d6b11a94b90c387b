"""Where a run shows itself while it goes on: its page's address, who may use it, where its metrics are sent. (pure)"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from harness.core.errors import UsageError
from harness.core.secret import Secret
from harness.core.target import checked_url
from harness.core.target_guard import is_loopback

OTLP_HEADERS_ENV = "OTEL_EXPORTER_OTLP_HEADERS"
OTLP_EVERY_S = 5.0
METRICS_PATH = "/v1/metrics"
_ENDPOINT = re.compile(r"(?P<origin>[^/]*//[^/?#]*)(?:/[A-Za-z0-9._~%-]*)*")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""Of a header (RFC 9110, 5.6.2)."""


@dataclass(frozen=True, slots=True)
class WebPage:
    """host: "" is all interfaces. login: whoever uses it has to know the password. fault_buttons: it offers faults."""

    host: str
    port: int
    login: bool
    fault_buttons: bool = False

    @property
    def url(self) -> str:
        """Of the page with the verdict so far."""
        host = self.host or "127.0.0.1"
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/verdict"


@dataclass(frozen=True, slots=True)
class OtlpTarget:
    """url: of the metrics. headers: in the words of OTEL_EXPORTER_OTLP_HEADERS, each value a secret."""

    url: str
    headers: Mapping[str, Secret] = field(default_factory=dict, repr=False)
    every_s: float = OTLP_EVERY_S


def web_page(given: str, environ: Mapping[str, str], *, fault_buttons: bool) -> WebPage:
    """From `[HOST:]PORT`. On anything but loopback the page has a login, whose password stands in the environment.

    :raises UsageError: it is no address, or its login has no password.
    """
    from harness.load.web_ui import listens_on  # Flask is loaded where there is a page

    host, _, port = given.strip().rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536) or any(sign in host for sign in "/@ []"):
        raise UsageError(
            f"{given!r:.80} is no address for a page",
            where="--web",
            remedy="a port, such as 8089, for this machine alone; HOST:PORT, such as 0.0.0.0:8089, for others, too",
        )
    everybody = host in ("*", "0.0.0.0", "::")
    login = everybody or bool(host and not is_loopback(host))
    try:
        listening = listens_on("*" if everybody and host == "*" else host, login=login, environ=environ)
    except UsageError as error:
        raise UsageError(
            f"{host} is not this machine alone, and the page's login has no password",
            where="--web",
            remedy="set HARNESS_WEB_PASSWORD to 8 characters or more (and HARNESS_WEB_USER, unless the name may be "
            "harness); or give the port alone, and use the page here",
        ) from error
    return WebPage(host=listening, port=int(port), login=login, fault_buttons=fault_buttons)


def otlp_target(given: str, environ: Mapping[str, str]) -> OtlpTarget:
    """From an OTLP/HTTP endpoint, to which `/v1/metrics` is added unless it ends so.

    :raises UsageError: it is no http URL, holds a password, or its headers cannot be read or would go in clear.
    """
    found = _ENDPOINT.fullmatch(given)
    try:
        parts = urlsplit(checked_url(found["origin"] if found else ""))
    except ValueError:
        raise UsageError(
            "the OTLP endpoint is no http URL, or holds a password or a query",
            where="--otlp",
            remedy=f"write http://127.0.0.1:4318; a token goes into {OTLP_HEADERS_ENV}",
        ) from None
    headers = _headers(environ.get(OTLP_HEADERS_ENV, ""))
    if headers and parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise UsageError(
            f"{OTLP_HEADERS_ENV} would be sent in clear to {parts.hostname}",
            where="--otlp",
            remedy="use https, or a collector on this machine",
        )
    url = given.rstrip("/")
    return OtlpTarget(url if url.endswith(METRICS_PATH) else url + METRICS_PATH, headers)


def _headers(given: str) -> dict[str, Secret]:
    """`name=value,name=value`, as OpenTelemetry's environment has them."""
    found: dict[str, Secret] = {}
    for pair in filter(None, (one.strip() for one in given.split(","))):
        name, separator, value = pair.partition("=")
        value = unquote(value.strip())
        if not separator or not _NAME.fullmatch(name.strip()) or not (value.isascii() and value.isprintable()):
            raise UsageError(
                f"{OTLP_HEADERS_ENV} cannot be read", where="--otlp", remedy="write name=value, separated by commas"
            )
        found[name.strip()] = Secret(value)
    return found

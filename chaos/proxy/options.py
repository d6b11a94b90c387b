"""The proxy's command line: its options, once for `python -m chaos.proxy` and `harness chaos proxy`. (pure)"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import click

LOG_LEVELS = ("debug", "info", "warning", "error")

C = TypeVar("C", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class ProxyOptions:
    """What the command line says. listen and upstream: of a first proxy named `name`; without an upstream, none.

    allow_upstream: hosts that proxies may be made to, beside loopback and the host of `upstream`.
    with_parent: end when the process that started this one does. pins: HOST=ADDRESS, what a host's name means; both for
    programs alone. log_level: the least that is told on standard error.
    """

    api: str = "127.0.0.1:8474"
    upstream: str = ""
    listen: str = "127.0.0.1:0"
    name: str = "target"
    seed: int = 0
    lease_s: float | None = None
    allow_remote: bool = False
    allow_upstream: tuple[str, ...] = ()
    metrics: bool = False
    with_parent: bool = False
    pins: tuple[str, ...] = ()
    log_level: str = "warning"


_DEFAULTS = ProxyOptions()
_OPTIONS = (
    click.option(
        "--upstream",
        default=_DEFAULTS.upstream,
        help="Make a proxy to HOST:PORT, or to https://HOST as a reverse proxy.",
    ),
    click.option(
        "--listen",
        default=_DEFAULTS.listen,
        show_default=True,
        help="Where that proxy listens; 0 is a free port.",
    ),
    click.option("--name", default=_DEFAULTS.name, show_default=True, help="Its name in the API."),
    click.option(
        "--api",
        default=_DEFAULTS.api,
        show_default=True,
        help="Where the Toxiproxy-compatible API listens.",
    ),
    click.option(
        "--seed",
        type=int,
        default=_DEFAULTS.seed,
        show_default=True,
        help="Of every draw: the same seed hits the same ones.",
    ),
    click.option("--lease", "lease_s", type=float, help="Seconds after which any fault ends unless it is renewed."),
    click.option("--allow-remote", is_flag=True, help="Listen elsewhere than on loopback. The API has no password."),
    click.option(
        "--allow-upstream",
        multiple=True,
        metavar="HOST",
        help="Let the API make proxies to this host, beside loopback and the host of --upstream. Repeatable.",
    ),
    click.option("--metrics", is_flag=True, help="Serve GET /metrics for Prometheus."),
    click.option(
        "--log-level",
        type=click.Choice(LOG_LEVELS),
        default=_DEFAULTS.log_level,
        show_default=True,
        help="What is told on standard error: info has connections and faults, debug their ends and API calls.",
    ),
)


def proxy_options(command: C) -> C:
    """Decorate a click command with the proxy's options: the fields of `ProxyOptions`, without with_parent and pins."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command

"""`python -m chaos.proxy`: the proxy as a process of its own, until SIGINT or SIGTERM.

One line of JSON on standard output says when it is ready and where. Exit codes: 0 stopped by a signal, 2 a wrong
option, 40 an address is in use or cannot be bound.
"""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any

import click

from chaos.proxy import process
from chaos.proxy.address import Address, AddressError, Upstream
from chaos.proxy.bodies import LONGEST_LEASE_S, ProxyBody
from chaos.proxy.errors import ProxyApiError
from chaos.proxy.guard import host_key, is_address
from chaos.proxy.log import INFO, log_to_stderr, tell
from chaos.proxy.options import ProxyOptions, proxy_options
from chaos.proxy.proxy import bind
from chaos.proxy.proxy_collection import ProxySettings
from chaos.proxy.server import serving, url_of

EXIT_OPTION = 2
EXIT_NOT_READY = 40


class NotReady(Exception):
    """The proxy cannot start; the text says why and what to do. `code` is the process's exit code."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@proxy_options
@click.option("--pin", "pins", multiple=True, metavar="HOST=ADDRESS", help="What a host's name means. Repeatable.")
@click.option("--with-parent", is_flag=True, help="End when the process that started this one does.")
def command(**options: Any) -> int:
    """Run the fault-injecting proxy until SIGINT or SIGTERM."""
    return run(ProxyOptions(**options), lambda ready: click.echo(json.dumps(ready)))


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; the exit code."""
    try:
        return int(command.main(argv, prog_name="python -m chaos.proxy", standalone_mode=False) or 0)
    except click.ClickException as problem:
        problem.show()
        return EXIT_OPTION


def run(options: ProxyOptions, ready: Callable[[dict[str, Any]], None]) -> int:
    """Serve until SIGINT or SIGTERM; the exit code. `ready` is told once where everything listens."""
    log_to_stderr(options.log_level)
    if options.with_parent:
        process.end_with_parent()
    process.raise_descriptor_limit()
    try:
        with asyncio.Runner(loop_factory=process.new_loop) as runner:
            runner.run(_serve(options, ready))
    except NotReady as problem:
        sys.stderr.write(f"{problem}\n")
        return problem.code
    return 0


async def _serve(options: ProxyOptions, ready: Callable[[dict[str, Any]], None]) -> None:
    stop = asyncio.get_running_loop().create_future()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, _stopped, stop, number)
    if options.lease_s is not None and not 0 < options.lease_s <= LONGEST_LEASE_S:
        raise NotReady(
            f"--lease {options.lease_s:g}: a lease is longer than 0 seconds and not longer than a day", EXIT_OPTION
        )
    settings = _settings(options)
    api = _api_socket(options)
    try:
        first = []
        if options.upstream:
            first.append(ProxyBody.of({"name": options.name, "listen": options.listen, "upstream": options.upstream}))
        async with serving(api, settings, first, show_metrics=options.metrics) as collection:
            process.freeze_garbage()
            proxies = {name: proxy.listen for name, proxy in collection.proxies.items()}
            tell(INFO, "ready", api=url_of(api), seed=options.seed)
            ready({"ready": True, "api": url_of(api), "proxies": proxies})
            tell(INFO, "stopping", signal=(await stop).name)
    except ProxyApiError as error:
        code = EXIT_NOT_READY if "bind" in error.message else EXIT_OPTION
        raise NotReady(f"no proxy to {options.upstream}: {error.message}", code) from None


def _settings(options: ProxyOptions) -> ProxySettings:
    allowed = {host_key(host) for host in options.allow_upstream}
    if options.upstream:
        try:
            allowed.add(host_key(Upstream.parse(options.upstream).host))
        except AddressError as error:
            raise NotReady(f"--upstream: {error}", EXIT_OPTION) from None
    return ProxySettings(options.seed, options.lease_s, options.allow_remote, frozenset(allowed), _pins(options.pins))


def _pins(given: Sequence[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for one in given:
        host, _, address = one.partition("=")
        if not host or not is_address(address):
            raise NotReady(f"--pin {one}: write HOST=ADDRESS", EXIT_OPTION)
        found[host_key(host)] = (*found.get(host_key(host), ()), address)
    return found


def _stopped(stop: asyncio.Future[signal.Signals], number: signal.Signals) -> None:
    if not stop.done():
        stop.set_result(number)


def _api_socket(options: ProxyOptions) -> socket.socket:
    try:
        address = Address.parse(options.api)
    except AddressError as error:
        raise NotReady(f"--api: {error}", EXIT_OPTION) from None
    if not address.is_loopback and not options.allow_remote:
        raise NotReady(
            f"--api {address} is not a loopback address, and the API has no password; "
            "use 127.0.0.1, or say --allow-remote in a closed network",
            EXIT_OPTION,
        )
    try:
        bound = bind(address)
        bound.listen(128)
    except OSError as error:
        reason = error.strerror or error
        raise NotReady(
            f"the API cannot listen on {address}: {reason}; choose another with --api, port 0 takes a free one",
            EXIT_NOT_READY,
        ) from None
    return bound

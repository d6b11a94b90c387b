"""`python -m chaos.proxy`: the proxy as a process of its own, until SIGINT or SIGTERM.

One line of JSON on standard output says when it is ready and where. Exit codes: 0 stopped by a signal, 2 a wrong
option, 40 an address is in use or cannot be bound.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import gc
import json
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chaos.proxy.address import Address, AddressError
from chaos.proxy.bodies import ProxyBody
from chaos.proxy.errors import ProxyApiError
from chaos.proxy.proxy import bind
from chaos.proxy.proxy_collection import ProxySettings
from chaos.proxy.server import serving, url_of

EXIT_OPTION = 2
EXIT_NOT_READY = 40
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class ProxyOptions:
    """What the command line says. listen and upstream: of a first proxy named `name`; without an upstream, none."""

    api: str = "127.0.0.1:8474"
    upstream: str = ""
    listen: str = "127.0.0.1:0"
    name: str = "target"
    seed: int = 0
    lease_s: float | None = None
    allow_remote: bool = False
    metrics: bool = False
    with_parent: bool = False


class NotReady(Exception):
    """The proxy cannot start; the text says why and what to do. `code` is the process's exit code."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


def parser() -> argparse.ArgumentParser:
    """The options, with the defaults of `ProxyOptions`."""
    defaults = ProxyOptions()
    made = argparse.ArgumentParser(
        prog="python -m chaos.proxy",
        description="Run the fault-injecting proxy until SIGINT or SIGTERM.",
        allow_abbrev=False,
    )
    made.add_argument("--api", default=defaults.api, help="address of the HTTP API (default %(default)s)")
    made.add_argument("--upstream", default="", help="make a proxy to host:port or https://host")
    made.add_argument("--listen", default=defaults.listen, help="where that proxy listens (default %(default)s)")
    made.add_argument("--name", default=defaults.name, help="its name (default %(default)s)")
    made.add_argument("--seed", type=int, default=defaults.seed, help="of every draw (default %(default)s)")
    made.add_argument("--lease", dest="lease_s", type=float, help="seconds after which a fault ends unless renewed")
    made.add_argument("--allow-remote", action="store_true", help="listen elsewhere than on loopback")
    made.add_argument("--metrics", action="store_true", help="serve GET /metrics")
    made.add_argument("--with-parent", action="store_true", help="end when the process that started this one does")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    """Run until a signal; the exit code."""
    return run(ProxyOptions(**vars(parser().parse_args(argv))), announce)


def announce(ready: dict[str, Any]) -> None:
    """One line of JSON on standard output."""
    sys.stdout.write(json.dumps(ready) + "\n")
    sys.stdout.flush()


def run(options: ProxyOptions, ready: Callable[[dict[str, Any]], None]) -> int:
    """Serve until SIGINT or SIGTERM. `ready` is told once where everything listens."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    if options.with_parent:
        _end_with(os.getppid())
    _raise_descriptor_limit()
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(_serve(options, ready))
    except NotReady as problem:
        sys.stderr.write(f"{problem}\n")
        return problem.code
    return 0


async def _serve(options: ProxyOptions, ready: Callable[[dict[str, Any]], None]) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    if options.lease_s is not None and options.lease_s <= 0:
        raise NotReady(f"--lease {options.lease_s:g}: a lease is longer than 0 seconds", EXIT_OPTION)
    api = _api_socket(options)
    first = []
    if options.upstream:
        first.append(ProxyBody.of({"name": options.name, "listen": options.listen, "upstream": options.upstream}))
    settings = ProxySettings(options.seed, options.lease_s, options.allow_remote)
    try:
        async with serving(api, settings, first, show_metrics=options.metrics) as collection:
            _spare_the_collector()
            ready(
                {
                    "ready": True,
                    "api": url_of(api),
                    "proxies": {name: proxy.listen for name, proxy in collection.proxies.items()},
                }
            )
            await stop.wait()
    except ProxyApiError as error:
        code = EXIT_NOT_READY if "bind" in error.message else EXIT_OPTION
        raise NotReady(f"no proxy to {options.upstream}: {error.message}", code) from None


def _api_socket(options: ProxyOptions) -> Any:
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


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    with contextlib.suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop  # type: ignore[no-any-return]
    return asyncio.new_event_loop


def _raise_descriptor_limit() -> None:
    """Two descriptors a connection: take what the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _spare_the_collector() -> None:
    """Connections are freed by counting; looking for cycles in what start-up left behind only costs latency."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def _end_with(parent: int) -> None:
    """Have the kernel send SIGTERM when the parent dies."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(0)

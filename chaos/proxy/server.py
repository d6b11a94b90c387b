"""A whole proxy process on one loop: the proxy collection, and its API on uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Sequence

import uvicorn

from chaos.proxy.address import Address
from chaos.proxy.api import ProxyApi
from chaos.proxy.bodies import ProxyBody
from chaos.proxy.proxy_collection import ProxyCollection, ProxySettings

GOODBYE_S = 1


class _Uvicorn(uvicorn.Server):
    """The process has one set of signal handlers, and they are not uvicorn's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(
    api: socket.socket, settings: ProxySettings, proxies: Sequence[ProxyBody] = (), *, show_metrics: bool = False
) -> AsyncIterator[ProxyCollection]:
    """Proxies and their API while the block runs.

    :param api: bound, not yet listening.
    :raises ProxyApiError: one of `proxies` cannot be made.
    """
    collection = ProxyCollection(settings)
    server = _Uvicorn(
        uvicorn.Config(
            ProxyApi(collection, show_metrics=show_metrics).app(),
            lifespan="off",
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=GOODBYE_S,
        )
    )
    serving = asyncio.get_running_loop().create_task(server.serve(sockets=[api]))
    try:
        for body in proxies:
            await collection.create(body)
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn offers no event
            await asyncio.sleep(0.005)
        yield collection
    finally:
        await collection.close()
        server.should_exit = True
        await serving


def url_of(bound: socket.socket) -> str:
    """Where the API is."""
    host, port = bound.getsockname()[:2]
    return f"http://{Address(host, port)}"

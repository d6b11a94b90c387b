"""A whole proxy process on one loop: the switchboard, and its API on uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator, Sequence

import uvicorn

from chaos.proxy.address import Address
from chaos.proxy.api import Api
from chaos.proxy.bodies import ProxyBody
from chaos.proxy.switchboard import Settings, Switchboard

GOODBYE_S = 1


class _Uvicorn(uvicorn.Server):
    """The process has one set of signal handlers, and they are not uvicorn's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def serving(
    api: socket.socket, settings: Settings, proxies: Sequence[ProxyBody] = (), *, show_metrics: bool = False
) -> AsyncIterator[Switchboard]:
    """Proxies and their API while the block runs.

    :param api: bound, not yet listening.
    :raises ApiError: one of `proxies` cannot be made.
    """
    board = Switchboard(settings)
    server = _Uvicorn(
        uvicorn.Config(
            Api(board, show_metrics=show_metrics).app(),
            lifespan="off",
            access_log=False,
            log_level="warning",
            timeout_graceful_shutdown=GOODBYE_S,
        )
    )
    serving = asyncio.get_running_loop().create_task(server.serve(sockets=[api]))
    try:
        for body in proxies:
            await board.create(body)
        while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn offers no event
            await asyncio.sleep(0.005)
        yield board
    finally:
        await board.close()
        server.should_exit = True
        await serving


def url_of(bound: socket.socket) -> str:
    """Where the API is."""
    host, port = bound.getsockname()[:2]
    return f"http://{Address(host, port)}"

"""An ASGI application on a free port of 127.0.0.1, in a thread with its own loop."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager

import asyncpg
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request

from sandbox.principal import Principal
from sandbox.rest import RestContext, routes
from sandbox.tokens import Keys, TokenError

START_LIMIT_S = 20.0
STOP_LIMIT_S = 20.0


@contextmanager
def serving(application: Callable[[], AbstractAsyncContextManager[Starlette]]) -> Iterator[str]:
    """Serve what `application` makes inside the serving loop, so that pools belong to it; yields the base URL."""
    ready = threading.Event()
    address: list[str] = []
    failure: list[BaseException] = []
    servers: list[uvicorn.Server] = []

    async def main() -> None:
        async with application() as app:
            server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off"))
            servers.append(server)
            await _announce(server, address, ready)

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            failure.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=run, name="serving", daemon=True)
    thread.start()
    assert ready.wait(START_LIMIT_S), "the server did not start in time"
    if not address:
        raise failure[0] if failure else AssertionError("the server did not start")
    try:
        yield address[0]
    finally:
        for server in servers:
            server.should_exit = True
        thread.join(STOP_LIMIT_S)
        assert not thread.is_alive(), "the server did not stop in time"
        if failure:
            raise failure[0]


async def _announce(server: uvicorn.Server, address: list[str], ready: threading.Event) -> None:
    """Run the server until it is told to stop; say its address as soon as its socket is open."""
    startup = server.startup

    async def started(sockets: list[socket.socket] | None = None) -> None:
        await startup(sockets)
        if server.started:
            address.append(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
            ready.set()

    server.startup = started  # type: ignore[method-assign]
    await server.serve()


def authenticator(keys: Keys) -> Callable[[Request], Principal]:
    """The caller by bearer token, else by api key, as the platform's gateway and PostgREST together do."""

    def authenticate(request: Request) -> Principal:
        bearer = request.headers.get("authorization", "")
        token = bearer.removeprefix("Bearer ").strip() or request.headers.get("apikey", "")
        if not token:
            raise TokenError("no token")
        return keys.principal(token)

    return authenticate


@asynccontextmanager
async def rest_application(
    dsn: str, keys: Keys, *, pool_size: int = 4, acquire_timeout_s: float = 10.0, **options: object
) -> AsyncIterator[Starlette]:
    """Just the REST routes, on a pool of their own."""
    async with asyncpg.create_pool(dsn, min_size=1, max_size=pool_size) as pool:
        context = RestContext(pool, authenticator(keys), acquire_timeout_s, **options)  # type: ignore[arg-type]
        yield Starlette(routes=routes(context))

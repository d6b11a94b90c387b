"""One sandbox: Postgres, schema, seed and HTTP server, ready when `start()` returns and gone after `stop()`."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import random
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import asyncpg
import uvicorn

from sandbox import database_defects, functions, schema
from sandbox.app import build, rest_context
from sandbox.errors import SandboxError
from sandbox.options import OptionError, SandboxOptions
from sandbox.postgres import Postgres
from sandbox.process import raise_descriptor_limit
from sandbox.provider.client import ProviderClient
from sandbox.provider.faults import ProviderFault
from sandbox.provider.server import Provider
from sandbox.realtime import Faults, Hub
from sandbox.realtime.access import TokenKeys
from sandbox.seed import already_seeded, seed
from sandbox.services import Services
from sandbox.tokens import NEW_KEY, Keys

NAME = "movinesta-sandbox"
START_LIMIT_S = 120.0
SEEDED_PER_S = 50.0  # people, at the very least; a quiet machine seeds several hundred
STOP_LIMIT_S = 10.0
DRAIN_S = 1.0
_AUTH_CONNECTIONS = 4
_HELPERS = Path(functions.__file__).parent / "helpers.sql"
_BACKLOG = 4096
_KEEP_ALIVE_S = 75
_UNIQUE_CLIENT_ID_SQL = """
create unique index if not exists messages_client_id_uq on public.messages (conversation_id, user_id, client_id)
where client_id is not null
"""
_PASSWORD_SQL = """
update auth.users set encrypted_password = h.hash
from (select extensions.crypt($1, extensions.gen_salt('bf', 4)) as hash) h where email = any($2::text[])
"""


class AddressInUse(SandboxError):
    """Somebody else listens there."""


class Sandbox:
    """A running sandbox; also a context manager. Blocking, and safe to use from any thread.

    :raises SandboxError: from `start()`, when it cannot run; AddressInUse when its port is taken.
    """

    def __init__(self, options: SandboxOptions | None = None) -> None:
        self.options = options or SandboxOptions()
        switches = self.options.switches
        self._keys = Keys(self.options.resolved_secret(), switches.api_keys, switches.token_signing)
        self._password = self.options.resolved_password()
        self._postgres = Postgres(self.options.database)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._leave: Callable[[], object] | None = None
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._socket: socket.socket | None = None
        self.url = ""

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def discovery(self) -> dict[str, Any]:
        """What a test or a harness needs to use this sandbox, secrets included: never log it."""
        options = self.options
        return {
            "name": NAME,
            "url": self.url,
            "anon_key": self._keys.anon,
            "service_key": self._keys.service,
            "jwt_secret": self._keys.secret if self._keys.secret_signs else "",
            "signing_key": next((key.private for key in self._keys.signing_keys.values()), ""),
            "dsn": self._postgres.dsn(),
            "people": {
                "count": options.people,
                "email_pattern": options.email_pattern,
                "password": self._password,
            },
            "seed": options.seed,
            "quirks": options.switches.as_dict(),
            "realtime": options.realtime.as_dict(),
        }

    def start(self) -> None:
        """Return when requests are answered. Leaves nothing behind when it fails or is interrupted."""
        if self._thread is not None:
            raise SandboxError("this sandbox is already running", where=self.url)
        try:
            self._bind()
            raise_descriptor_limit()
            self._postgres.start()
            self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
            self._thread.start()
            limit_s = START_LIMIT_S + self.options.people / SEEDED_PER_S
            if not self._ready.wait(limit_s):
                raise SandboxError(f"the sandbox was not ready after {limit_s:.0f} s")
            if self._failure is not None:
                raise self._failure
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Answer what is under way for up to a second, then close everything. Does nothing when not running."""
        deadline = time.monotonic() + STOP_LIMIT_S
        while self._thread is not None and self._thread.is_alive() and time.monotonic() < deadline:
            if self._loop is not None and self._leave is not None:
                with contextlib.suppress(RuntimeError):  # the loop may just have ended by itself
                    self._loop.call_soon_threadsafe(self._leave)
            self._thread.join(0.5)
        self._thread = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._postgres.stop()

    def _bind(self) -> None:
        options = self.options
        family = socket.AF_INET6 if ":" in options.host else socket.AF_INET
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((options.host, options.port))
            listener.listen(_BACKLOG)  # at once: with SO_REUSEADDR two could bind, but only one can listen
        except OSError as error:
            listener.close()
            where = f"{options.host}:{options.port}"
            if error.errno == errno.EADDRINUSE:
                raise AddressInUse("the port is in use", where=where, remedy="choose another, or 0 for any") from None
            raise OptionError(f"cannot listen: {error.strerror or error}", where=where, remedy="check it") from None
        self._socket = listener
        host = f"[{options.host}]" if family == socket.AF_INET6 else options.host
        self.url = f"http://{host}:{listener.getsockname()[1]}"

    def _run(self) -> None:
        """The thread: its own loop from the first statement to the last."""
        try:
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                self._loop = runner.get_loop()
                with contextlib.suppress(asyncio.CancelledError):
                    runner.run(self._serve())
        except BaseException as error:
            self._failure = error
        finally:
            if not self._ready.is_set() and self._failure is None:
                self._failure = SandboxError("the sandbox was stopped while it started")
            self._ready.set()

    async def _serve(self) -> None:
        task = asyncio.current_task()
        self._leave = task.cancel if task is not None else None
        dsn = self._postgres.dsn()
        await self._populate(dsn)
        async with (
            self._provider() as provider,
            self._services(dsn, provider) as services,
            self._realtime(dsn) as realtime,
        ):
            context = rest_context(services)
            await context.schema.load()
            server = uvicorn.Server(self._config(services, context, realtime, provider))
            self._leave = lambda: setattr(server, "should_exit", True)
            serving = asyncio.ensure_future(server.serve(sockets=[self._socket] if self._socket else None))
            while not server.started and not serving.done():  # noqa: ASYNC110 - uvicorn offers no event
                await asyncio.sleep(0.002)
            self._ready.set()
            await serving
            await services.background.drain(DRAIN_S)

    def _config(self, services: Services, context: Any, realtime: Hub, provider: Provider) -> uvicorn.Config:
        return uvicorn.Config(
            build(services, context, realtime, provider, lambda: self.discovery),
            loop="none",
            http="httptools",
            ws=cast(Any, realtime.protocol),  # called for a protocol, as the class it asks for would be
            lifespan="off",
            log_config=None,
            access_log=self.options.access_log,
            proxy_headers=False,  # they would let a caller pretend to be on this machine
            server_header=False,
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=1,
        )

    async def _populate(self, dsn: str) -> None:
        options = self.options
        await schema.apply(dsn)
        if not await already_seeded(dsn):
            await seed(
                dsn,
                people=options.people,
                catalogue=options.catalogue,
                seed=options.seed,
                email_pattern=options.email_pattern,
                password=self._password,
            )
        elif options.database is not None:
            await self._change_passwords(dsn)
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(_HELPERS.read_text(encoding="utf-8"))
            if options.switches.unique_client_id:
                await connection.execute(_UNIQUE_CLIENT_ID_SQL)
            else:
                await connection.execute("drop index if exists public.messages_client_id_uq")
            await database_defects.apply(connection, options.switches)
        finally:
            await connection.close()

    async def _change_passwords(self, dsn: str) -> None:
        """Kept data was seeded with another run's password: seeded people get this run's."""
        emails = [self.options.email_pattern.format(index=index) for index in range(self.options.people)]
        connection = await asyncpg.connect(dsn)
        try:
            await connection.execute(_PASSWORD_SQL, self._password, emails)
        finally:
            await connection.close()

    @asynccontextmanager
    async def _provider(self) -> AsyncIterator[Provider]:
        """The provider of language models, with what the switches break of it."""
        switches = self.options.switches
        provider = Provider(
            seed=self.options.seed,
            delay_s=switches.assistant_delay_ms / 1000,
            price_percent=switches.assistant_price_percent or 100,
        )
        if switches.assistant_failure_share:
            share = switches.assistant_failure_share
            provider.faults.set("replies", ProviderFault("server_error", share, by_question=True))
        if switches.provider_fault:
            share = switches.provider_fault_share or 1.0
            provider.faults.set("switch", ProviderFault(cast(Any, switches.provider_fault), share))
        await provider.start()
        try:
            yield provider
        finally:
            await provider.stop()

    @asynccontextmanager
    async def _services(self, dsn: str, provider: Provider) -> AsyncIterator[Services]:
        options = self.options
        pools = [
            await _pool(dsn, options.connections),
            await _pool(dsn, _AUTH_CONNECTIONS),
        ]
        client = ProviderClient.to(provider.url)
        try:
            services = Services(
                keys=self._keys,
                pool=pools[0],
                auth_pool=pools[1],
                switches=options.switches,
                rng=random.Random(options.seed),
                acquire_timeout_s=options.patience_s,
                statement_ms=options.statement_ms,
                access_token_lifetime_s=options.access_token_lifetime_s,
                clock_offset_s=options.clock_offset_s,
                url=self.url,
                dsn=dsn,
                provider=client,
            )
            yield services
            for connection in services.leaked:
                connection.terminate()
        finally:
            await client.http.aclose()
            for pool in pools:
                pool.terminate()

    @asynccontextmanager
    async def _realtime(self, dsn: str) -> AsyncIterator[Hub]:
        options = self.options
        hub = Hub(
            dsn=dsn,
            token_keys=_token_keys(self._keys),
            settings=options.realtime,
            faults=Faults(options.switches.as_dict()),
            rng=random.Random(options.seed),
        )
        await hub.start()
        try:
            yield hub
        finally:
            await hub.stop()


def _token_keys(keys: Keys) -> TokenKeys:
    return TokenKeys(
        keys.secret if keys.secret_signs else None,
        {kid: (key.verifying, key.algorithm) for kid, key in keys.signing_keys.items()},
        {key: keys.exchanged(key) for key in keys.accepted if key.startswith(NEW_KEY)},
    )


async def _pool(dsn: str, size: int) -> asyncpg.Pool:
    return await asyncpg.create_pool(
        dsn,
        min_size=size,
        max_size=size,
        max_inactive_connection_lifetime=0,
        # All settings are local to transactions, so there is nothing to reset; asyncpg still rolls back open ones.
        reset=_nothing,
        # the limits of PostgREST's login role; those of anon are set per transaction
        server_settings={"application_name": NAME, "statement_timeout": "8s", "lock_timeout": "8s"},
    )


async def _nothing(connection: asyncpg.Connection) -> None:
    """No reset: it would be one more round trip per request."""


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # Windows: slower, and all the same correct
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory

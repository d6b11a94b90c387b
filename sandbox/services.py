"""What every handler of the sandbox shares: database pools, keys, caches, switches, background work."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson
from cachetools import TLRUCache

from sandbox.isolate import CURRENT, Isolate
from sandbox.limits import AddressLimiter, MailLimiter, MemoryLimiter
from sandbox.principal import Principal
from sandbox.provider.client import ProviderClient
from sandbox.settings import SettingsCache
from sandbox.switches import Switches
from sandbox.throttles import transaction_begin
from sandbox.tokens import Keys

log = logging.getLogger("sandbox")

POSTGREST_ACQUIRE_TIMEOUT_S = 10.0
"""PostgREST's `db-pool-acquisition-timeout`."""
STATEMENT_TIMEOUT_MS: Mapping[str, int] = {"anon": 3_000, "authenticated": 8_000}
"""Supabase's `alter role ... set statement_timeout`, which PostgREST applies to each transaction."""
TOKENS_REMEMBERED = 50_000
"""The least recently used is forgotten for another one."""


class PoolExhausted(Exception):
    """No database connection within the pool's acquisition timeout: PostgREST's PGRST003 (504)."""

    code = "PGRST003"

    def __init__(self) -> None:
        super().__init__("Timed out acquiring connection from connection pool.")


@dataclass(frozen=True, slots=True)
class Bearer:
    """A verified token: whom it acts as, its session if it names one, and when it ends (epoch seconds)."""

    principal: Principal
    session_id: str | None
    expires_at: float


class TokenCache:
    """Verifies a token once while it holds: a signature check per request would cost more than all else in it."""

    def __init__(self, keys: Keys, *, expired: bool = False, forged: bool = False, unsigned: bool = False) -> None:
        self._keys = keys
        self._expired, self._forged, self._unsigned = expired, forged, unsigned  # defects: taken all the same
        self._known = TLRUCache(TOKENS_REMEMBERED, ttu=self._forget_at, timer=time.time)

    def verify(self, token: str) -> Bearer:
        """:raises TokenError: when it is malformed, forged or expired."""
        known = self._known.get(token)
        if known is not None:
            return known
        principal = self._keys.principal(token, expired=self._expired, forged=self._forged, unsigned=self._unsigned)
        claims = orjson.loads(principal.claims)
        bearer = Bearer(principal, claims.get("session_id"), float(claims.get("exp", "inf")))
        self._known[token] = bearer
        return bearer

    def _forget_at(self, token: str, bearer: Bearer, now: float) -> float:
        """When its signature and end are looked at again; they are refused then, or it is taken as a defect."""
        return math.inf if self._expired else bearer.expires_at


class Background:
    """Work that goes on after its request was answered, as `EdgeRuntime.waitUntil` allows."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run it; whatever it raises is logged and swallowed, as the application does."""
        task = asyncio.get_running_loop().create_task(_swallowing(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drain(self, timeout_s: float) -> None:
        """Wait for what is under way, then cancel what is left."""
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=timeout_s)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=1)


async def _swallowing(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except Exception as error:
        log.debug("background work failed: %s", error)


@dataclass
class Services:
    """One running sandbox's shared parts.

    pool: what PostgREST would use, small on purpose; auth_pool: GoTrue's own, so that sign-in survives when the other
    is exhausted.
    """

    keys: Keys
    pool: asyncpg.Pool
    auth_pool: asyncpg.Pool
    switches: Switches = field(default_factory=Switches)
    rng: random.Random = field(default_factory=random.Random)
    acquire_timeout_s: float = POSTGREST_ACQUIRE_TIMEOUT_S
    statement_ms: Mapping[str, int] = field(default_factory=lambda: STATEMENT_TIMEOUT_MS)
    access_token_lifetime_s: int = 3600
    clock_offset_s: float = 0.0
    url: str = ""
    dsn: str = ""  # for connections beside the pools
    leaked: list[asyncpg.Connection] = field(default_factory=list)  # a seeded defect's
    provider: ProviderClient | None = None

    def __post_init__(self) -> None:
        switches = self.switches
        self.tokens = TokenCache(
            self.keys,
            expired=switches.expired_token_accepted,
            forged=switches.forged_token_accepted,
            unsigned=switches.unsigned_token_accepted,
        )
        self._only_isolate = Isolate()
        self.address_limiter = AddressLimiter(switches)
        self.mail_limiter = MailLimiter(switches.emails_per_hour)
        self.background = Background()
        self.service = self.keys.principal(self.keys.service)
        self.last_deck: dict[str, Any] | None = None
        self.throttle = transaction_begin(switches)
        self._turns: Counter[str] = Counter()

    @property
    def settings(self) -> SettingsCache:
        """What the worker of the call under way has read of the settings."""
        return (CURRENT.get() or self._only_isolate).settings

    @property
    def memory_limiter(self) -> MemoryLimiter:
        """What the worker of the call under way counts by itself."""
        return (CURRENT.get() or self._only_isolate).memory_limiter

    def now(self) -> datetime:
        """The clock that dates swipe events."""
        return datetime.now(UTC) + timedelta(seconds=self.clock_offset_s)

    def turn(self, switch: str) -> bool:
        """Whether it is the n-th one's turn, n being the value of that switch; never while it is off."""
        one_in = int(getattr(self.switches, switch))
        if not one_in:
            return False
        self._turns[switch] += 1
        return self._turns[switch] % one_in == 0

    def note_swallowed(self, what: str, error: Exception) -> None:
        """A failure the application hides: only the log at debug level hears of it."""
        log.debug("%s failed: %s", what, error)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[asyncpg.Connection]:
        """A pooled connection outside any transaction. :raises PoolExhausted: after the acquisition timeout."""
        try:
            connection = await self.pool.acquire(timeout=self.acquire_timeout_s)
        except TimeoutError:
            raise PoolExhausted from None
        try:
            yield connection
        finally:
            await self.pool.release(connection)

    @asynccontextmanager
    async def acting(self, principal: Principal) -> AsyncIterator[asyncpg.Connection]:
        """A transaction under the principal's role and claims, as one PostgREST request; commits on success.

        Begin, role, claims and timeout travel in one message: over a hundred thousand requests the saved round trips
        are what keeps the sandbox from being the bottleneck.
        """
        limit = self.statement_ms.get(principal.role)
        timeout = "" if limit is None else f"; set local statement_timeout = {limit}"
        claims = principal.claims.replace("'", "''")
        async with self.connection() as connection:
            try:
                await connection.execute(
                    f"begin{self.throttle}; set local role {principal.role}; "
                    f"set local \"request.jwt.claims\" = '{claims}'{timeout}"
                )
                yield connection
            except BaseException:
                with contextlib.suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                    await asyncio.shield(connection.execute("rollback"))
                raise
            await connection.execute("commit")

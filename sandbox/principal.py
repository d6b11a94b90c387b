"""Who a request acts as, and a database transaction in which Postgres itself believes it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg


@dataclass(frozen=True, slots=True)
class Principal:
    """One caller: the database role its key or token grants, and the token's claims.

    role: `anon`, `authenticated` or `service_role`.
    user_id: the token's `sub`; None for anon and service keys.
    claims: the token's payload as JSON text, as PostgREST puts it into `request.jwt.claims`.
    """

    role: str
    user_id: str | None
    claims: str


@asynccontextmanager
async def acting(pool: asyncpg.Pool, principal: Principal) -> AsyncIterator[asyncpg.Connection]:
    """A transaction under the principal's role and claims, so that RLS and `auth.uid()` hold. Commits on success."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(
            "select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)",
            principal.role,
            principal.claims,
        )
        yield connection

"""The catalogue in use, read at first need and again when a request names something unknown."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

import asyncpg

from sandbox.rest.compiler import Compiler
from sandbox.rest.errors import NotInCatalogue, catalogue_unreadable
from sandbox.rest.faults import SERVER_GONE
from sandbox.rest.introspect import read_catalogue

RELOAD_INTERVAL_S = 1.0
_T = TypeVar("_T")


class SchemaCache:
    """Keeps one compiler per catalogue.

    acquire_timeout_s: how long reading may wait for a connection.
    """

    def __init__(self, pool: asyncpg.Pool, acquire_timeout_s: float) -> None:
        self._pool = pool
        self._timeout_s = acquire_timeout_s
        self._compiler: Compiler | None = None
        self._read_at = float("-inf")
        self._lock = asyncio.Lock()

    async def load(self) -> Compiler:
        """Read the catalogue unless it is there; :raises RestError: PGRST002."""
        if self._compiler is None:
            async with self._lock:
                if self._compiler is None:
                    await self._read()
        assert self._compiler is not None
        return self._compiler

    async def compiled(self, build: Callable[[Compiler], _T]) -> _T:
        """`build` against the catalogue; once more against a fresh one when it names something unknown.

        Reads at most once per second, so that a client asking for nonsense costs no more than that.
        """
        compiler = self._compiler or await self.load()
        try:
            return build(compiler)
        except NotInCatalogue:
            async with self._lock:
                if self._compiler is compiler and time.monotonic() - self._read_at >= RELOAD_INTERVAL_S:
                    await self._read()
            if self._compiler is None or self._compiler is compiler:
                raise
            return build(self._compiler)

    async def _read(self) -> None:
        try:
            catalogue = await read_catalogue(self._pool, timeout_s=self._timeout_s)
        except (asyncpg.PostgresError, TimeoutError, *SERVER_GONE) as error:
            raise catalogue_unreadable() from error
        self._read_at = time.monotonic()
        if self._compiler is None or self._compiler.catalogue != catalogue:
            self._compiler = Compiler(catalogue)

"""The person for whom a tool acts."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import asyncpg

from sandbox.principal import Principal
from sandbox.services import Services


class ToolError(Exception):
    """The tool cannot do that; its text is what is told."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Somebody, and the rights that the database grants them."""

    services: Services
    principal: Principal
    user_id: str

    def request(self) -> AbstractAsyncContextManager[asyncpg.Connection]:
        """A transaction of their own, as one PostgREST request."""
        return self.services.acting(self.principal)

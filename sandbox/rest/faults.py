"""asyncpg's exceptions as PostgREST's refusals."""

from __future__ import annotations

import asyncpg

from sandbox.rest.errors import RestError, connection_lost, status_of

SERVER_GONE = (asyncpg.InterfaceError, OSError, EOFError)
"""What asyncpg raises when the connection, not the statement, failed."""


def refusal(error: Exception, *, signed_in: bool) -> RestError:
    """A statement's error, passed on word for word; a lost connection is PGRST001.

    asyncpg says the latter with an SQLSTATE of class 08 of its own, which has no severity: only the server gives one.
    """
    if not isinstance(error, asyncpg.PostgresError) or getattr(error, "severity", None) is None:
        return connection_lost(error)
    code = error.sqlstate or "XX000"
    message = error.args[0] if error.args else str(error)
    status = status_of(code, message, signed_in=signed_in)
    return RestError(
        status,
        code,
        message,
        details=getattr(error, "detail", None),
        hint=getattr(error, "hint", None),
        headers={"WWW-Authenticate": "Bearer"} if status == 401 else None,
    )

"""Who the assistant is, and who talks to it."""

from __future__ import annotations

from dataclasses import dataclass

import asyncpg
from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import envelope, gate, intake
from sandbox.functions.envelope import FunctionRefusal
from sandbox.functions.gate import FunctionCaller
from sandbox.services import Services

_SQL = """
select c.assistant_user_id as configured, c.assistant_username as username_wanted, p.id::text as id, p.username,
  p.display_name, p.avatar_url
from public.assistant_system_config c
left join public.profiles p
  on p.id = coalesce(c.assistant_user_id, (select q.id from public.profiles q where q.username = c.assistant_username))
where c.id = 1
"""
_MESSAGES = {
    "ASSISTANT_NOT_FOUND": "Assistant user not found",
    "ASSISTANT_NOT_CONFIGURED": "Assistant not configured",
    "ASSISTANT_LOOKUP_FAILED": "Assistant lookup failed",
}


@dataclass(frozen=True, slots=True)
class Assistant:
    """The assistant's account."""

    id: str
    username: str
    display_name: str
    avatar_url: str | None


class AssistantMissing(Exception):
    """There is no assistant to talk to; code: one of the three that the functions answer with."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code

    def reply(self, request: Request, status: int) -> Response:
        """404 when its account is gone, `status` when it was never set up or could not be looked up."""
        return envelope.error(
            request, _MESSAGES[self.code], 404 if self.code == "ASSISTANT_NOT_FOUND" else status, self.code
        )


async def caller(services: Services, request: Request) -> FunctionCaller:
    """The signed-in person. :raises FunctionRefusal: 401 UNAUTHORIZED, whatever is wrong with the token."""
    try:
        return await gate.require_person(services, request)
    except FunctionRefusal:
        raise FunctionRefusal(envelope.error(request, "Unauthorized", 401, "UNAUTHORIZED")) from None


async def find(connection: asyncpg.Connection) -> Assistant:
    """:raises AssistantMissing: when it is not set up, its account is gone, or the database refuses."""
    try:
        row = await connection.fetchrow(_SQL)
    except intake.DATABASE_ERRORS:
        raise AssistantMissing("ASSISTANT_LOOKUP_FAILED") from None
    if row is None or (row["configured"] is None and not row["username_wanted"].strip()):
        raise AssistantMissing("ASSISTANT_NOT_CONFIGURED")
    if row["id"] is None:
        raise AssistantMissing("ASSISTANT_NOT_FOUND")
    return Assistant(
        row["id"], row["username"] or row["username_wanted"], row["display_name"] or "MoviNesta", row["avatar_url"]
    )

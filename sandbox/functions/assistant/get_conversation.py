"""`POST /functions/v1/assistant-get-conversation`: the caller's one conversation with the assistant (contract 6.6)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import envelope, intake
from sandbox.functions.assistant import identity as assistant_identity
from sandbox.functions.assistant.identity import AssistantMissing
from sandbox.services import Services

NAME = "assistant-get-conversation"
_BLOCKS_SQL = """
select blocker_id::text as blocker from public.blocked_users
where (blocker_id = $1 and blocked_id = $2) or (blocker_id = $2 and blocked_id = $1)
"""
_CREATE_SQL = "select public.create_direct_conversation_v1($1, $2)::text"


async def handle(services: Services, request: Request) -> Response:
    """Idempotent; the body is not looked at."""
    preflight = envelope.preflight(request)
    if preflight is not None:
        return preflight
    if request.method != "POST":
        return intake.method_not_allowed(request)
    me = (await assistant_identity.caller(services, request)).user_id
    try:
        async with services.acting(services.service) as connection:
            assistant = await assistant_identity.find(connection)
            if assistant.id == me:
                message = "Assistant user id is misconfigured (cannot equal current user)"
                return envelope.error(request, message, 500, "ASSISTANT_MISCONFIGURED")
            blockers = {row["blocker"] for row in await connection.fetch(_BLOCKS_SQL, me, assistant.id)}
            if me in blockers:
                return envelope.error(request, "You have blocked the assistant.", 403, "BLOCKED_BY_SELF")
            if blockers:
                return envelope.error(request, "Assistant has blocked you.", 403, "BLOCKED_BY_OTHER")
            conversation_id = await connection.fetchval(_CREATE_SQL, me, assistant.id)
    except AssistantMissing as error:
        return error.reply(request, 500)
    except intake.DATABASE_ERRORS:
        return envelope.error(request, "Database operation failed", 500, "DB_ERROR")
    about = {
        "id": assistant.id,
        "username": assistant.username,
        "display_name": assistant.display_name,
        "avatar_url": assistant.avatar_url,
    }
    return envelope.reply(request, {"ok": True, "conversationId": conversation_id, "assistant": about})

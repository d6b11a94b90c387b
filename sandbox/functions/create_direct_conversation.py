"""`POST /functions/v1/create-direct-conversation`: the one conversation of two people (contract 5.2)."""

from __future__ import annotations

import re

import asyncpg
from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import envelope, gate
from sandbox.services import PoolExhausted, Services

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_BLOCKS_SQL = """
select blocker_id from public.blocked_users
where (blocker_id = $1 and blocked_id = $2) or (blocker_id = $2 and blocked_id = $1)
"""
_CREATE_SQL = "select public.create_direct_conversation_v1($1, $2)"
# what the database function raises, and what becomes of it
_RAISED = (
    ("SELF_CONVERSATION", 400, "BAD_REQUEST_SELF_TARGET", "targetUserId cannot be yourself"),
    ("MISSING_USER_ID", 400, "BAD_REQUEST_MISSING_USER", "Missing user id"),
    ("CREATOR_NOT_FOUND", 401, "UNAUTHORIZED", "Unauthorized"),
    ("TARGET_NOT_FOUND", 404, "TARGET_NOT_FOUND", "Target user not found"),
)


async def handle(services: Services, request: Request) -> Response:
    """Idempotent per pair; a block either way refuses it."""
    preflight = envelope.preflight(request)
    if preflight is not None:
        return preflight
    if request.method != "POST":
        return envelope.error(request, "Method not allowed", 405, "METHOD_NOT_ALLOWED")
    gate.require_api_key(services, request, bearer_is_enough=True)
    caller = await gate.require_person(services, request)
    target = await _target(request)
    if target == caller.user_id:
        return envelope.error(request, "targetUserId cannot be yourself", 400, "BAD_REQUEST_SELF_TARGET")
    try:
        async with services.acting(services.service) as connection:
            blockers = {str(row["blocker_id"]) for row in await connection.fetch(_BLOCKS_SQL, caller.user_id, target)}
            if caller.user_id in blockers:
                return envelope.error(request, "You have blocked this user", 403, "BLOCKED_BY_SELF")
            if blockers:
                return envelope.error(request, "You cannot message this user", 403, "BLOCKED_BY_OTHER")
            conversation_id = await connection.fetchval(_CREATE_SQL, caller.user_id, target)
    except asyncpg.PostgresError as error:
        return _database_error(request, error)
    except (asyncpg.InterfaceError, OSError, PoolExhausted):
        return envelope.error(request, "Database error", 500, "DB_ERROR")
    return envelope.reply(request, {"ok": True, "conversationId": str(conversation_id)})


async def _target(request: Request) -> str:
    """The lower-case id of the other person. :raises envelope.FunctionRefusal: 415 or 400."""
    if not envelope.is_json(request.headers.get("content-type", "")):
        refusal = envelope.error(
            request, "Unsupported Media Type", 415, "UNSUPPORTED_MEDIA_TYPE", expected="application/json"
        )
        raise envelope.FunctionRefusal(refusal)
    message = "Invalid JSON body"
    try:
        body = envelope.parse_json(await request.body())
        message = "Invalid request body"
        target = body.get("targetUserId") if isinstance(body, dict) else None
        if isinstance(target, str) and _UUID.fullmatch(target):
            return target.lower()
    except ValueError:
        pass
    raise envelope.FunctionRefusal(envelope.error(request, message, 400, "BAD_REQUEST_INVALID_BODY"))


def _database_error(request: Request, error: asyncpg.PostgresError) -> Response:
    text = str(error)
    for mark, status, code, message in _RAISED:
        if mark in text:
            return envelope.error(request, message, status, code)
    return envelope.error(request, "Failed to create conversation", 500, "DB_ERROR")

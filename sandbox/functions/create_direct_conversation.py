"""`POST /functions/v1/create-direct-conversation`: the one conversation of two people (contract 5.2)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import envelope, gate, intake
from sandbox.services import Services

_BLOCKS_SQL = """
select blocker_id from public.blocked_users
where (blocker_id = $1 and blocked_id = $2) or (blocker_id = $2 and blocked_id = $1)
"""
_CREATE_SQL = "select public.create_direct_conversation_v1($1, $2)"
_SELF = "Cannot start a conversation with yourself"
# what the database function raises, and what becomes of it
_RAISED = (
    ("TARGET_NOT_FOUND", 404, "TARGET_NOT_FOUND", "Target user does not exist."),
    ("CREATOR_NOT_FOUND", 401, "UNAUTHORIZED", "User session is invalid."),
    ("SELF_CONVERSATION", 400, "BAD_REQUEST_SELF_TARGET", f"{_SELF}."),
    ("MISSING_USER_ID", 400, "BAD_REQUEST_MISSING_USER", "Missing user id."),
)


async def handle(services: Services, request: Request) -> Response:
    """Idempotent per pair; a block either way refuses it."""
    preflight = envelope.preflight(request)
    if preflight is not None:
        return preflight
    if request.method != "POST":
        return intake.method_not_allowed(request)
    gate.require_api_key(services, request, bearer_is_enough=True)
    caller = await gate.require_person(services, request)
    target = await _target(request)
    if target == caller.user_id:
        return envelope.error(request, _SELF, 400, "BAD_REQUEST_SELF_TARGET")
    try:
        async with services.acting(services.service) as connection:
            blockers = {str(row["blocker_id"]) for row in await connection.fetch(_BLOCKS_SQL, caller.user_id, target)}
    except intake.DATABASE_ERRORS:
        return envelope.error(request, "Internal server error", 500, "INTERNAL_ERROR")
    if caller.user_id in blockers:
        return envelope.error(request, "You have blocked this user.", 403, "BLOCKED_BY_SELF")
    if blockers:
        return envelope.error(request, "This user has blocked you.", 403, "BLOCKED_BY_OTHER")
    try:
        async with services.acting(services.service) as connection:
            conversation_id = await connection.fetchval(_CREATE_SQL, caller.user_id, target)
    except intake.DATABASE_ERRORS as error:
        return _database_error(request, error)
    return envelope.reply(request, {"ok": True, "conversationId": str(conversation_id)})


async def _target(request: Request) -> str:
    """The other person's id, as it was written. :raises envelope.FunctionRefusal: 415 or 400."""
    body = await intake.json_body(request)
    target = body.get("targetUserId") if isinstance(body, dict) else None
    if not intake.is_uuid(target):
        intake.bad_body(request)
    return str(target)


def _database_error(request: Request, error: Exception) -> Response:
    text = str(error)
    for mark, status, code, message in _RAISED:
        if mark in text:
            return envelope.error(request, message, status, code)
    return envelope.error(request, "Database operation failed", 500, "DB_ERROR")

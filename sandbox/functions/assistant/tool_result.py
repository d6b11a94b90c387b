"""`POST /functions/v1/assistant-tool-result`: what a tool found for a reply, cut to size (contract 6.6)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import envelope, intake, js
from sandbox.functions.assistant import identity as assistant_identity
from sandbox.functions.envelope import FunctionRefusal
from sandbox.services import Services

NAME = "assistant-tool-result"
PER_MINUTE = 120
MAX_DEPTH = 4
_RANGES = {"maxString": (80, 4000, 1200), "maxArray": (1, 200, 40), "maxObjectKeys": (5, 200, 60)}
"""(least, most, default) for each of the cuts"""
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[1-5][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_FIND_SQL = """
select id::text, to_json(created_at) #>> '{{}}' as created_at, conversation_id::text, message_id::text, action_id,
  action_type, payload::text as payload, user_id::text,
  exists (select 1 from public.conversation_participants p
          where p.conversation_id = l.conversation_id and p.user_id = $2) as member
from public.assistant_message_action_log l where {column} order by l.created_at desc limit 1
"""
_BY_ID_SQL = _FIND_SQL.format(column="l.id = $1::text::uuid")
_BY_ACTION_SQL = _FIND_SQL.format(column="l.action_id = $1")


@dataclass(frozen=True, slots=True)
class Cuts:
    """How much of a result is shown."""

    string: int
    array: int
    members: int


async def handle(services: Services, request: Request) -> Response:
    """Person, then quota, then body; found by row id or by the tool's handle."""
    preflight = envelope.preflight(request)
    if preflight is not None:
        return preflight
    if request.method != "POST":
        return intake.method_not_allowed(request)
    caller = await assistant_identity.caller(services, request)
    await intake.require_quota(services, request, "assistant_tool_result", PER_MINUTE)
    wanted, cuts = _parse(request, await intake.json_body(request))
    try:
        async with services.acting(services.service) as connection:
            statements = (_BY_ID_SQL, _BY_ACTION_SQL) if _UUID.fullmatch(wanted) else (_BY_ACTION_SQL, _BY_ID_SQL)
            row = await connection.fetchrow(statements[0], wanted, caller.user_id)
            # a handle that nobody has is looked for as a row's id, which fails in the database: as shipped
            row = row or await connection.fetchrow(statements[1], wanted, caller.user_id)
    except intake.DATABASE_ERRORS:
        return envelope.error(request, "Database operation failed", 500, "DB_ERROR")
    if row is None:
        return envelope.error(request, "Not found", 404, "NOT_FOUND")
    if row["user_id"] != caller.user_id or not row["member"]:
        return envelope.error(request, "Access denied", 403, "NO_ACCESS")
    payload = cut(orjson.loads(row["payload"]), cuts)
    members = payload if isinstance(payload, dict) else {}
    return envelope.reply(
        request,
        envelope.as_javascript(
            {
                "ok": True,
                "actionId": row["action_id"],
                "tool": members.get("tool") if isinstance(members.get("tool"), str) else "unknown",
                "args": {} if members.get("args") is None else members["args"],
                "result": members.get("result"),
                "createdAt": row["created_at"],
                "id": row["id"],
                "actionType": row["action_type"],
                "conversationId": row["conversation_id"],
                "messageId": row["message_id"],
                "payload": payload,
            }
        ),
    )


def _parse(request: Request, body: Any) -> tuple[str, Cuts]:
    """:raises envelope.FunctionRefusal: 400 for a missing, odd or blank id, or a cut outside its range."""
    members = body if isinstance(body, dict) else {}
    ids = [members[name] for name in ("actionId", "id", "logId") if name in members]
    if not ids or not all(isinstance(value, str) and 8 <= js.length(value) <= 128 for value in ids):
        intake.bad_body(request)
    cuts = []
    for name, (low, high, default) in _RANGES.items():
        value = members.get(name, default)
        whole = isinstance(value, int | float) and not isinstance(value, bool) and float(value).is_integer()
        if not whole or not low <= value <= high:
            intake.bad_body(request)
        cuts.append(int(value))
    wanted = js.trim(ids[0])
    if not wanted:
        raise FunctionRefusal(envelope.error(request, "Missing action id", 400, "MISSING_ACTION_ID"))
    return wanted, Cuts(*cuts)


def cut(value: Any, cuts: Cuts, depth: int = 0) -> Any:
    """The value with long strings, arrays and objects cut, and null in place of what lies too deep. (pure)"""
    if depth > MAX_DEPTH:
        return None
    if isinstance(value, str):
        return value if js.length(value) <= cuts.string else js.first(value, cuts.string) + "…"
    if isinstance(value, list):
        return [cut(entry, cuts, depth + 1) for entry in value[: cuts.array]]
    if isinstance(value, dict):
        return {name: cut(entry, cuts, depth + 1) for name, entry in js.ordered(value)[: cuts.members]}
    return value

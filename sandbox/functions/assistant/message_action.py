"""`POST /functions/v1/assistant-message-action`: presses a button under one of the assistant's messages (contract 6.6).

What a button does is stored with the message, in `meta.ai.actions`. Each is carried out once per person.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import envelope, intake
from sandbox.functions.assistant import identity as assistant_identity
from sandbox.functions.assistant import tools as assistant_tools
from sandbox.functions.assistant.identity import AssistantMissing
from sandbox.functions.assistant.tools import ToolError
from sandbox.functions.envelope import FunctionRefusal
from sandbox.functions.gate import FunctionCaller
from sandbox.services import Services

NAME = "assistant-message-action"
PER_MINUTE = 60
_MEMBER_SQL = """
select true from public.conversation_participants where conversation_id = $1::text::uuid and user_id = $2
"""
_MESSAGE_SQL = """
select meta::text from public.messages
where id = $1::text::uuid and conversation_id = $2::text::uuid and user_id = $3
"""
_LOG_SQL = """
select status, confirm_token, confirm_expires_at > now() as holds, payload::text as payload
from public.assistant_message_action_log
where user_id = $1 and conversation_id = $2::text::uuid and message_id = $3::text::uuid and action_id = $4
"""
_ASK_SQL = """
insert into public.assistant_message_action_log as l
  (user_id, conversation_id, message_id, action_id, action_type, status, confirm_token, confirm_expires_at, payload)
values ($1, $2::text::uuid, $3::text::uuid, $4, $5, 'needs_confirm', $6, now() + make_interval(secs => $7),
  $8::text::jsonb)
on conflict (user_id, action_id) do update set
  status = excluded.status, confirm_token = excluded.confirm_token, confirm_expires_at = excluded.confirm_expires_at
where l.status in ('needs_confirm', 'failed')
"""
# Whoever gets a row back carries it out.
_CLAIM_SQL = """
insert into public.assistant_message_action_log as l
  (user_id, conversation_id, message_id, action_id, action_type, status, payload)
values ($1, $2::text::uuid, $3::text::uuid, $4, $5, 'processing', $6::text::jsonb)
on conflict (user_id, action_id) do update
set status = 'processing', confirm_token = null where l.status in ('needs_confirm', 'failed')
returning id
"""
_DONE_SQL = """
update public.assistant_message_action_log set status = $5, payload = payload || $6::text::jsonb
where user_id = $1 and conversation_id = $2::text::uuid and message_id = $3::text::uuid and action_id = $4
"""


@dataclass(frozen=True, slots=True)
class Press:
    """Which button."""

    conversation_id: str
    message_id: str
    action_id: str

    def of(self, user_id: str) -> tuple[str, str, str, str]:
        """The log's key."""
        return (user_id, self.conversation_id, self.message_id, self.action_id)


async def handle(services: Services, request: Request) -> Response:
    """Person, then quota, then body."""
    preflight = envelope.preflight(request)
    if preflight is not None:
        return preflight
    if request.method != "POST":
        return intake.method_not_allowed(request)
    caller = await assistant_identity.caller(services, request)
    await intake.require_quota(services, request, "assistant_message_action", PER_MINUTE)
    press, token = await _press(request)
    try:
        async with services.acting(caller.principal) as connection:
            if not await connection.fetchval(_MEMBER_SQL, press.conversation_id, caller.user_id):
                return envelope.error(request, "Forbidden", 403, "FORBIDDEN")
        async with services.acting(services.service) as connection:
            assistant = await assistant_identity.find(connection)
        async with services.acting(caller.principal) as connection:
            meta = await connection.fetchval(_MESSAGE_SQL, press.message_id, press.conversation_id, assistant.id)
        if meta is None:
            return envelope.error(request, "Message not found", 404, "NOT_FOUND")
        action = _button(orjson.loads(meta), press.action_id)
        if action is None:
            return envelope.error(request, "Action not found", 404, "ACTION_NOT_FOUND")
        return await _carry_out(services, request, caller, press, action, token)
    except AssistantMissing as error:
        return error.reply(request, 500)
    except intake.DATABASE_ERRORS:
        return envelope.error(request, "Database operation failed", 500, "DB_ERROR")


async def _press(request: Request) -> tuple[Press, str]:
    """The button, and the confirmation. :raises FunctionRefusal: 400 BAD_REQUEST when a name is missing."""
    try:
        body = envelope.parse_json(await request.body())
    except ValueError:
        body = None
    members = body if isinstance(body, dict) else {}
    names = ("conversationId", "messageId", "actionId")
    given = {name: value.strip() for name in names if isinstance(value := members.get(name), str)}
    present = {name: bool(given.get(name)) for name in names}
    if not all(present.values()):
        raise FunctionRefusal(envelope.error(request, "Missing required fields", 400, "BAD_REQUEST", **present))
    token = members.get("confirmToken")
    return Press(*(given[name] for name in names)), token.strip() if isinstance(token, str) else ""


def _button(meta: Any, action_id: str) -> dict[str, Any] | None:
    ai = meta.get("ai") if isinstance(meta, dict) else None
    actions = ai.get("actions") if isinstance(ai, dict) else None
    for action in actions if isinstance(actions, list) else ():
        if isinstance(action, dict) and str(action.get("id")) == action_id:
            return action
    return None


async def _carry_out(
    services: Services, request: Request, caller: FunctionCaller, press: Press, action: dict[str, Any], token: str
) -> Response:
    kind = str(action.get("type") or "").strip()
    payload = action["payload"] if isinstance(action.get("payload"), dict) else {}
    if kind == "dismiss":
        return envelope.reply(request, {"ok": True, "toast": "Dismissed."})
    if kind == "navigate" and isinstance(payload.get("to"), str):
        return envelope.reply(request, {"ok": True, "toast": "Opening…", "navigateTo": payload["to"]})
    if kind in ("", "navigate"):
        return envelope.error(request, "Invalid action", 400, "INVALID_ACTION")
    about = orjson.dumps({"tool": kind, "args": payload}).decode()
    # People may not change the log's rows.
    async with services.acting(services.service) as connection:
        early = await _early(connection, caller, press, kind, token, about)
        if early is not None:
            return envelope.reply(request, early)
        if not await connection.fetchval(_CLAIM_SQL, *press.of(caller.user_id), kind, about):
            return envelope.reply(request, {"ok": True, "toast": "Working…", "alreadyProcessing": True})
    try:
        async with services.acting(caller.principal) as connection:
            done = await assistant_tools.run(connection, caller.user_id, kind, payload)
        after = orjson.dumps({"toast": done.toast, "result": done.result}).decode()
        async with services.acting(services.service) as connection:
            await connection.execute(_DONE_SQL, *press.of(caller.user_id), "done", after)
    except (ToolError, *intake.DATABASE_ERRORS) as error:
        async with services.acting(services.service) as connection:
            failed = orjson.dumps({"error": str(error)}).decode()
            await connection.execute(_DONE_SQL, *press.of(caller.user_id), "failed", failed)
        if isinstance(error, ToolError):
            return envelope.error(request, str(error), 400, "INVALID_ACTION")
        raise
    body: dict[str, Any] = {"ok": True, "toast": done.toast, "result": done.result}
    if done.navigate_to is not None:
        body["navigateTo"] = done.navigate_to
    return envelope.reply(request, body)


async def _early(
    connection: asyncpg.Connection, caller: FunctionCaller, press: Press, kind: str, token: str, about: str
) -> dict[str, Any] | None:
    """The answer when the button was pressed before, or has to be confirmed first."""
    row = await connection.fetchrow(_LOG_SQL, *press.of(caller.user_id))
    if row is not None and row["status"] == "done":
        before = orjson.loads(row["payload"])
        toast = before.get("toast", "Already applied.")
        return {"ok": True, "toast": toast, "alreadyExecuted": True, "result": before.get("result")}
    if row is not None and row["status"] == "processing":
        return {"ok": True, "toast": "Working…", "alreadyProcessing": True}
    question = assistant_tools.CONFIRMED.get(kind)
    if question is None:
        return None
    known = row["confirm_token"] if row is not None and row["status"] == "needs_confirm" and row["holds"] else None
    if known is not None and token == known:
        return None
    if known is None or token:  # a wrong token costs the right one
        known = secrets.token_urlsafe(18)
        await connection.execute(
            _ASK_SQL, *press.of(caller.user_id), kind, known, float(assistant_tools.CONFIRM_WITHIN_S), about
        )
    return {
        "ok": True,
        "needsConfirm": True,
        "confirmToken": known,
        "confirmKind": "warning",
        "confirmPrompt": question,
    }

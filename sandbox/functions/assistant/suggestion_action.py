"""`POST /functions/v1/assistant-suggestion-action`: shown, dismissed, or carried out (contract 6.6)."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import envelope, intake
from sandbox.functions.assistant import identity as assistant_identity
from sandbox.functions.assistant import tools as assistant_tools
from sandbox.functions.assistant.tools import Done, ToolError
from sandbox.functions.envelope import FunctionRefusal
from sandbox.functions.gate import FunctionCaller
from sandbox.services import Services

NAME = "assistant-suggestion-action"
PER_MINUTE = 60
STALE_AFTER = timedelta(minutes=5)
KINDS = ("shown", "dismiss", "execute")
_LOAD_SQL = """
select actions::text as actions, surface, kind, accepted_at, dismissed_at, outcome::text as outcome
from public.assistant_suggestions where id = $1::text::uuid and user_id = $2
"""
_SHOWN_SQL = "update public.assistant_suggestions set shown_at = now() where id = $1::text::uuid and user_id = $2"
_DISMISS_SQL = """
update public.assistant_suggestions set dismissed_at = now() where id = $1::text::uuid and user_id = $2
"""
_COUNT_DISMISSAL_SQL = """
insert into public.assistant_memory as m (user_id, key, value)
values ($1, 'assistant_stats', jsonb_build_object('dismissTotal', 1, 'lastDismissedAt', now()))
on conflict (user_id, key) do update set value = m.value || jsonb_build_object(
  'dismissTotal', coalesce((m.value ->> 'dismissTotal')::integer, 0) + 1, 'lastDismissedAt', now())
"""
_OUTCOME_SQL = """
update public.assistant_suggestions set outcome = $3::text::jsonb where id = $1::text::uuid and user_id = $2
"""
# Whoever sets accepted_at carries it out; an abandoned lock is taken over.
_LOCK_SQL = """
update public.assistant_suggestions set accepted_at = now(), outcome = $3::text::jsonb
where id = $1::text::uuid and user_id = $2
  and (accepted_at is null or (outcome ->> 'status' = 'processing' and accepted_at < now() - $4::interval))
returning id
"""
_UNLOCK_SQL = """
update public.assistant_suggestions set accepted_at = null, outcome = $3::text::jsonb
where id = $1::text::uuid and user_id = $2
"""


async def handle(services: Services, request: Request) -> Response:
    """Body, then person, then quota."""
    preflight = envelope.preflight(request)
    if preflight is not None:
        return preflight
    if request.method != "POST":
        return intake.method_not_allowed(request)
    body = await intake.json_body(request)
    members = body if isinstance(body, dict) else {}
    suggestion_id = str(members.get("suggestionId") or "")
    kind = members.get("kind")
    if not suggestion_id:
        intake.bad_body(request, "Missing suggestionId")
    if kind not in KINDS:
        intake.bad_body(request, "Invalid kind")
    caller = await assistant_identity.caller(services, request)
    await intake.require_quota(services, request, "assistant_suggestion_action", PER_MINUTE)
    try:
        async with services.acting(caller.principal) as connection:
            row = await connection.fetchrow(_LOAD_SQL, suggestion_id, caller.user_id)
            if row is None:
                return envelope.error(request, "Not found", 404, "NOT_FOUND")
            if kind != "execute":
                await _note(connection, kind, suggestion_id, caller.user_id)
                return envelope.reply(request, {"ok": True})
        action_id, token = members.get("actionId"), members.get("confirmToken")
        action = _action(request, row["actions"], action_id)
        return await _execute(services, request, caller, suggestion_id, row, action, token)
    except intake.DATABASE_ERRORS as error:
        return envelope.error(request, str(error) or "Database operation failed", 500, "DB_ERROR")


async def _note(connection: asyncpg.Connection, kind: str, suggestion_id: str, user_id: str) -> None:
    await connection.execute(_SHOWN_SQL if kind == "shown" else _DISMISS_SQL, suggestion_id, user_id)
    if kind == "dismiss":
        await connection.execute(_COUNT_DISMISSAL_SQL, user_id)


def _action(request: Request, stored: str, action_id: Any) -> dict[str, Any]:
    """:raises FunctionRefusal: 400 without an id, or for one that the suggestion does not have."""
    if not isinstance(action_id, str) or not action_id:
        raise FunctionRefusal(envelope.error(request, "Missing actionId", 400, "BAD_REQUEST"))
    for action in orjson.loads(stored):
        if isinstance(action, dict) and action.get("id") == action_id:
            return action
    raise FunctionRefusal(envelope.error(request, "Unknown action", 400, "BAD_REQUEST"))


async def _execute(
    services: Services,
    request: Request,
    caller: FunctionCaller,
    suggestion_id: str,
    row: asyncpg.Record,
    action: dict[str, Any],
    token: Any,
) -> Response:
    if row["dismissed_at"] is not None:
        return envelope.reply(request, {"ok": True, "alreadyDismissed": True})
    outcome = orjson.loads(row["outcome"] or "{}")
    if row["accepted_at"] is not None and not _stale(row["accepted_at"], outcome):
        body = {"ok": True, "alreadyAccepted": True, "navigateTo": outcome.get("navigateTo")}
        return envelope.reply(request, body)
    me = caller.user_id
    question = assistant_tools.CONFIRMED.get(action["type"])
    if question is not None and not _confirmed(outcome, token):
        asked = await _ask_back(services, caller, suggestion_id, action, outcome, question)
        return envelope.reply(request, asked)
    began = {"status": "processing", "actionId": action["id"], "actionType": action["type"]}
    async with services.acting(caller.principal) as connection:
        locked = await connection.fetchval(_LOCK_SQL, suggestion_id, me, _text(began), STALE_AFTER)
    if locked is None:
        return envelope.reply(request, {"ok": True, "alreadyAccepted": True})
    try:
        async with services.acting(caller.principal) as connection:
            done = await _carry_out(connection, me, action)
            after = {**began, "status": "done", "result": done.result, "navigateTo": done.navigate_to}
            await connection.execute(_OUTCOME_SQL, suggestion_id, me, _text(after))
    except (ToolError, *intake.DATABASE_ERRORS) as error:
        async with services.acting(caller.principal) as connection:
            failed = {**began, "status": "failed", "error": str(error)}
            await connection.execute(_UNLOCK_SQL, suggestion_id, me, _text(failed))
        return envelope.error(request, str(error) or "Action failed", 500, "ACTION_FAILED")
    return envelope.reply(request, {"ok": True, "result": done.result, "navigateTo": done.navigate_to})


async def _carry_out(connection: asyncpg.Connection, user_id: str, action: dict[str, Any]) -> Done:
    payload = action.get("payload") or {}
    if action["type"] == "navigate":
        return Done({"ok": True}, "Opening…", payload.get("to"))
    if action["type"] == "dismiss":
        return Done({"ok": True}, "Dismissed.")
    return await assistant_tools.run(connection, user_id, action["type"], payload)


async def _ask_back(
    services: Services,
    caller: FunctionCaller,
    suggestion_id: str,
    action: dict[str, Any],
    outcome: dict[str, Any],
    question: str,
) -> dict[str, Any]:
    """The token to come back with: the one already given while it holds and none was tried, else a new one."""
    token = outcome.get("confirmToken") if _pending(outcome) else None
    if token is None:
        token = secrets.token_urlsafe(18)
        until = datetime.now(UTC) + timedelta(seconds=assistant_tools.CONFIRM_WITHIN_S)
        waiting = {
            "status": "needs_confirm",
            "actionId": action["id"],
            "confirmToken": token,
            "confirmExpiresAt": until.isoformat(),
        }
        async with services.acting(caller.principal) as connection:
            await connection.execute(_OUTCOME_SQL, suggestion_id, caller.user_id, _text(waiting))
    return {
        "ok": True,
        "needsConfirm": True,
        "confirmToken": token,
        "confirmKind": "warning",
        "confirmPrompt": question,
    }


def _pending(outcome: dict[str, Any]) -> bool:
    if outcome.get("status") != "needs_confirm":
        return False
    return datetime.fromisoformat(outcome["confirmExpiresAt"]) > datetime.now(UTC)


def _confirmed(outcome: dict[str, Any], token: Any) -> bool:
    return isinstance(token, str) and _pending(outcome) and outcome["confirmToken"] == token


def _stale(accepted_at: datetime, outcome: dict[str, Any]) -> bool:
    return outcome.get("status") == "processing" and datetime.now(UTC) - accepted_at > STALE_AFTER


def _text(value: dict[str, Any]) -> str:
    return orjson.dumps(value).decode()

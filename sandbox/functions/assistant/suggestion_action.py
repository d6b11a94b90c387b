"""`POST /functions/v1/assistant-suggestion-action`: shown, dismissed, or carried out (contract 6.6). Any method."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import envelope, intake, js
from sandbox.functions.assistant import failures, follow_ups, memory, policy
from sandbox.functions.assistant import identity as assistant_identity
from sandbox.functions.assistant import suggestion_run as assistant_suggestion_run
from sandbox.functions.assistant import tools as assistant_tools
from sandbox.functions.assistant.actor import Actor
from sandbox.functions.assistant.policy import ToolQuestion, ToolRefused
from sandbox.services import Services

NAME = "assistant-suggestion-action"
PER_MINUTE = 60
STALE_AFTER = timedelta(minutes=5)
KINDS = ("shown", "dismiss", "execute")
_NOW = "date_trunc('milliseconds', clock_timestamp())"
_LOAD_SQL = """
select actions::text as actions, surface, kind, body, context::text as context, context_key, accepted_at, dismissed_at,
  outcome::text as outcome
from public.assistant_suggestions where id = $1::text::uuid and user_id = $2
"""
_SHOWN_SQL = f"update public.assistant_suggestions set shown_at = {_NOW} where id = $1::text::uuid and user_id = $2"
_DISMISS_SQL = f"""
update public.assistant_suggestions set dismissed_at = {_NOW} where id = $1::text::uuid and user_id = $2
"""
_OUTCOME_SQL = """
update public.assistant_suggestions set outcome = $3::text::jsonb where id = $1::text::uuid and user_id = $2
"""
_UNLOCK_SQL = "update public.assistant_suggestions set accepted_at = null where id = $1::text::uuid and user_id = $2"
# Whoever sets accepted_at carries it out.
_LOCK_SQL = """
update public.assistant_suggestions set accepted_at = $3::text::timestamptz, outcome = $4::text::jsonb
where id = $1::text::uuid and user_id = $2 and accepted_at is null returning id
"""
_FAILED_SQL = """
update public.assistant_suggestions set accepted_at = null, outcome = $3::text::jsonb
where id = $1::text::uuid and user_id = $2
"""


async def handle(services: Services, request: Request) -> Response:
    """Body, then person, then quota."""
    preflight = envelope.preflight(request)
    if preflight is not None:
        return preflight
    members = await intake.json_body(request)
    members = members if isinstance(members, dict) else {}
    try:
        suggestion_id, kind = js.string(members.get("suggestionId")), js.string(members.get("kind"))
    except TypeError:
        intake.bad_body(request)
    if not suggestion_id or kind not in KINDS:
        intake.bad_body(request)
    caller = await assistant_identity.caller(services, request)
    await intake.require_quota(services, request, "assistant_suggestion_action", PER_MINUTE)
    actor = Actor(services, caller.principal, caller.user_id)
    try:
        async with actor.request() as connection:
            row = await connection.fetchrow(_LOAD_SQL, suggestion_id, caller.user_id)
    except intake.DATABASE_ERRORS as error:
        return envelope.error(request, intake.message_of(error), 500, "DB_ERROR")
    if row is None:
        return envelope.error(request, "Not found", 404, "NOT_FOUND")
    if kind == "shown":
        await _quietly(actor, _SHOWN_SQL, suggestion_id)
        return envelope.reply(request, {"ok": True})
    if kind == "dismiss":
        await _quietly(actor, _DISMISS_SQL, suggestion_id)
        await memory.learn(actor, row["surface"], row["kind"], row["body"], accepted=False)
        return envelope.reply(request, {"ok": True})
    action_id, token = members.get("actionId"), members.get("confirmToken")
    if not isinstance(action_id, str) or not action_id:
        return envelope.error(request, "Missing actionId", 400, "BAD_REQUEST")
    action = _action(row["actions"], action_id)
    if action is None:
        return envelope.error(request, "Unknown action", 400, "BAD_REQUEST")
    return await _execute(request, actor, suggestion_id, row, action_id, action, token)


async def _quietly(actor: Actor, statement: str, *arguments: Any) -> None:
    """A write whose failure nobody hears of."""
    try:
        async with actor.request() as connection:
            await connection.execute(statement, arguments[0], actor.user_id, *arguments[1:])
    except intake.DATABASE_ERRORS as error:
        actor.services.note_swallowed("suggestion", error)


def _action(stored: str, action_id: str) -> dict[str, Any] | None:
    actions = orjson.loads(stored)
    for action in actions if isinstance(actions, list) else ():
        if isinstance(action, dict) and js.string(action.get("id")) == action_id:
            return action
    return None


async def _execute(
    request: Request,
    actor: Actor,
    suggestion_id: str,
    row: asyncpg.Record,
    action_id: str,
    action: dict[str, Any],
    token: Any,
) -> Response:
    if row["dismissed_at"] is not None:
        return envelope.reply(request, {"ok": True, "alreadyDismissed": True})
    outcome = orjson.loads(row["outcome"] or "null")
    outcome = outcome if isinstance(outcome, dict) else {}
    if row["accepted_at"] is not None:
        if not _stale(outcome):
            body = {"ok": True, "alreadyAccepted": True, "navigateTo": outcome.get("navigateTo")}
            return envelope.reply(request, envelope.as_javascript(body))
        await _quietly(actor, _UNLOCK_SQL, suggestion_id)
    about = {"actionId": action_id, **({"actionType": action["type"]} if "type" in action else {})}
    about["actionKey"] = policy.action_key(
        userId=actor.user_id, suggestionId=suggestion_id, payload=action.get("payload"), **about
    )
    question = assistant_suggestion_run.question(action)
    asked_at = js.iso_now()
    if question is not None and not _confirmed(outcome, token):
        return envelope.reply(request, await _ask_back(actor, suggestion_id, about, outcome, token, question))
    about["startedAt"] = js.iso_now()
    began = {"status": "processing", **about, "confirmedAt": None if question is None else asked_at}
    try:
        async with actor.request() as connection:
            locked = await connection.fetchval(
                _LOCK_SQL, suggestion_id, actor.user_id, about["startedAt"], js.stringify(began)
            )
    except intake.DATABASE_ERRORS as error:
        return envelope.error(request, intake.message_of(error), 500, "DB_ERROR")
    if locked is None:
        return envelope.reply(request, {"ok": True, "alreadyAccepted": True})
    if action.get("type") == "dismiss":
        await _quietly(actor, _DISMISS_SQL, suggestion_id)
        return envelope.reply(request, {"ok": True})
    try:
        done = await assistant_suggestion_run.run(actor, action, about["actionKey"])
    except ToolRefused as error:
        return await _failed(request, actor, suggestion_id, about, str(error))
    finished = {"finishedAt": js.iso_now(), "navigateTo": done.navigate_to, "result": done.result, "undo": done.undo}
    await _quietly(actor, _OUTCOME_SQL, suggestion_id, js.stringify({"status": "done", **about, **finished}))
    follow = await follow_ups.make(actor, row, action.get("type"), done)
    await memory.learn(actor, row["surface"], row["kind"], row["body"], accepted=True)
    body = {"ok": True, "result": done.result, "navigateTo": done.navigate_to}
    return envelope.reply(
        request, envelope.as_javascript({**body, **({"followUpSuggestions": follow} if follow else {})})
    )


async def _failed(request: Request, actor: Actor, suggestion_id: str, about: dict[str, Any], message: str) -> Response:
    """Let go of the suggestion, so that it can be tried again, and tell the operators."""
    details = {"suggestionId": suggestion_id, "actionId": about["actionId"], "actionType": about.get("actionType")}
    await failures.note(
        actor.services,
        NAME,
        "ACTION_FAILED",
        message,
        request_id=envelope.request_id(request.headers),
        user_id=actor.user_id,
        details=details,
    )
    failed = {"status": "failed", **about, "failedAt": js.iso_now(), "error": message}
    await _quietly(actor, _FAILED_SQL, suggestion_id, js.stringify(failed))
    return envelope.error(request, message, 400, "ACTION_FAILED")


async def _ask_back(
    actor: Actor,
    suggestion_id: str,
    about: dict[str, Any],
    outcome: dict[str, Any],
    tried: Any,
    question: ToolQuestion,
) -> dict[str, Any]:
    """The token to come back with: the one already given while it holds and none was tried, else a new one."""
    token = outcome.get("confirmToken") if _pending(outcome) and not _given(tried) else None
    asked = {"confirmKind": question.kind, "confirmPrompt": question.prompt}
    if token is None:
        token, now = policy.confirm_token(), datetime.now(UTC)
        until = now + timedelta(seconds=assistant_tools.CONFIRM_WITHIN_S)
        waiting = {
            "status": "needs_confirm",
            **about,
            "confirmToken": token,
            "confirmExpiresAt": js.iso(until),
            **asked,
            "requestedAt": js.iso(now),
        }
        await _quietly(actor, _OUTCOME_SQL, suggestion_id, js.stringify(waiting))
    return {"ok": True, "needsConfirm": True, "confirmToken": token, **asked}


def _given(token: Any) -> bool:
    return isinstance(token, str) and token != ""


def _pending(outcome: dict[str, Any]) -> bool:
    if outcome.get("status") != "needs_confirm" or not _given(outcome.get("confirmToken")):
        return False
    until = _instant(outcome.get("confirmExpiresAt"))
    return until is not None and until > datetime.now(UTC)


def _confirmed(outcome: dict[str, Any], token: Any) -> bool:
    return _given(token) and _pending(outcome) and outcome["confirmToken"] == token


def _stale(outcome: dict[str, Any]) -> bool:
    began = _instant(outcome.get("startedAt"))
    return outcome.get("status") == "processing" and began is not None and datetime.now(UTC) - began > STALE_AFTER


def _instant(text: Any) -> datetime | None:
    try:
        instant = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return None if instant is None else instant.replace(tzinfo=instant.tzinfo or UTC)

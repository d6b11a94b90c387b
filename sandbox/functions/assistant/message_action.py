"""`POST /functions/v1/assistant-message-action`: presses a button under one of the assistant's messages (contract 6.6).

What a button does is stored with the message, in `meta.ai.actions`. Each is carried out once per person, and what came
of it is told in a message of the assistant's. People may add to the log but not change it, as shipped: a button that
was pressed stays in progress.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import envelope, intake, js
from sandbox.functions.assistant import action_log, failures, policy, tool_args, tools_lists
from sandbox.functions.assistant import identity as assistant_identity
from sandbox.functions.assistant import tools as assistant_tools
from sandbox.functions.assistant.action_log import Press, Pressed
from sandbox.functions.assistant.actor import Actor
from sandbox.functions.assistant.identity import AssistantMissing
from sandbox.functions.assistant.policy import ToolQuestion, ToolRefused
from sandbox.functions.envelope import FunctionRefusal
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
_TOLD_SQL = """
insert into public.messages (conversation_id, user_id, sender_id, body, message_type, text, meta)
values ($1::text::uuid, $2, $2, $3::text::jsonb, 'text', $4, $5::text::jsonb)
"""
_TOASTS = {
    "diary_set_status": "Done — updated your diary.",
    "create_list": "Done — list created.",
    "list_add_item": "Done — added to the list.",
    "message_send": "Sent.",
    "playbook_start": "Plan started ✅",
    "playbook_end": "Plan ended.",
    "goal_start": "Goal started ✅",
    "goal_end": "Goal updated.",
}


@dataclass(frozen=True, slots=True)
class Button:
    """A tool with its arguments. internal: whether the server made it, to undo something."""

    tool: str
    args: Any
    internal: bool


async def handle(services: Services, request: Request) -> Response:
    """Person, then quota, then body; unexpected trouble is 500 INTERNAL_ERROR, a tool that is not allowed included."""
    preflight = envelope.preflight(request)
    if preflight is not None:
        return preflight
    if request.method != "POST":
        return intake.method_not_allowed(request)
    caller = await assistant_identity.caller(services, request)
    await intake.require_quota(services, request, "assistant_message_action", PER_MINUTE)
    press, token = await _press(request)
    actor = Actor(services, caller.principal, caller.user_id)
    try:
        async with actor.request() as connection:
            if not await connection.fetchval(_MEMBER_SQL, press.conversation_id, caller.user_id):
                return envelope.error(request, "Forbidden", 403, "FORBIDDEN")
        async with services.acting(services.service) as connection:
            assistant = await assistant_identity.find(connection)
        async with actor.request() as connection:
            meta = await connection.fetchval(_MESSAGE_SQL, press.message_id, press.conversation_id, assistant.id)
    except AssistantMissing as error:
        return error.reply(request, 500)
    except intake.DATABASE_ERRORS:
        return envelope.error(request, "Database operation failed", 500, "DB_ERROR")
    if meta is None:
        return envelope.error(request, "Message not found", 404, "NOT_FOUND")
    action = _found(orjson.loads(meta), press.action_id)
    if action is None:
        return envelope.error(request, "Action not found", 404, "ACTION_NOT_FOUND")
    try:
        return await _carry_out(request, actor, press, action, token, assistant.id)
    except ToolRefused as error:
        identifier = envelope.request_id(request.headers)
        details = {"stack": f"Error: {error}"}
        await failures.note(services, NAME, "INTERNAL_ERROR", str(error), request_id=identifier, details=details)
        return envelope.error(request, "Internal server error", 500, "INTERNAL_ERROR")


async def _press(request: Request) -> tuple[Press, str]:
    """The button, and the confirmation. :raises FunctionRefusal: 415, 400; BAD_REQUEST when a name is missing."""
    body = await intake.json_body(request)
    members = body if isinstance(body, dict) else {}
    names = ("conversationId", "messageId", "actionId")
    given = {name: js.trim(value) for name in names if isinstance(value := members.get(name), str)}
    present = {name: bool(given.get(name)) for name in names}
    if not all(present.values()):
        raise FunctionRefusal(envelope.error(request, "Missing required fields", 400, "BAD_REQUEST", **present))
    token = members.get("confirmToken")
    return Press(*(given[name] for name in names)), js.trim(token) if isinstance(token, str) else ""


def _found(meta: Any, action_id: str) -> dict[str, Any] | None:
    ai = meta.get("ai") if isinstance(meta, dict) else None
    actions = ai.get("actions") if isinstance(ai, dict) else None
    for action in actions if isinstance(actions, list) else ():
        if isinstance(action, dict) and js.string(action.get("id", "undefined")) == action_id:
            return action
    return None


def _button(kind: str, payload: Any) -> Button | None:
    """The tool behind a button; None when there is none."""
    members = payload if isinstance(payload, dict) else {}
    internal = js.truthy(members.get("internal"))
    if kind != "button":
        return Button(kind, {} if payload is None else payload, internal)
    names = (members.get("tool"), members.get("type"), members.get("actionType"))
    tool = next((js.trim(name) for name in names if isinstance(name, str) and js.trim(name)), None)
    args = next((value for name in ("args", "payload") if isinstance(value := members.get(name), dict | list)), {})
    return None if tool is None else Button(tool, args, internal)


async def _carry_out(
    request: Request, actor: Actor, press: Press, action: dict[str, Any], token: str, assistant_id: str
) -> Response:
    """:raises ToolRefused: for a tool that is not on the list."""
    kind, payload = js.trim(js.string(action.get("type"))), action.get("payload")
    if kind == "dismiss":
        return envelope.reply(request, {"ok": True, "toast": "Dismissed."})
    to = payload.get("to") if isinstance(payload, dict) else None
    if kind == "navigate" and isinstance(to, str) and js.trim(to):
        return envelope.reply(request, {"ok": True, "toast": "Opening…", "navigateTo": js.trim(to)})
    button = None if kind in ("", "navigate") else _button(kind, payload)
    if button is None:
        return envelope.error(request, "Invalid action", 400, "INVALID_ACTION")
    args = tool_args.normalized(button.tool, js.spread(button.args))
    args = await tools_lists.with_list(actor, button.tool, args)
    tool = policy.allowed(button.tool, internal=button.internal, suggested=False)
    key = policy.action_key(
        userId=actor.user_id,
        conversationId=press.conversation_id,
        messageId=press.message_id,
        actionId=press.action_id,
        tool=tool,
        args=args,
        internal=button.internal,
    )
    stored = js.spread(payload) if isinstance(payload, dict | list) else {}
    pressed = Pressed(press, tool, key, envelope.request_id(request.headers), {**stored, "tool": tool, "args": args})
    row = await action_log.find(actor, press)
    early = _earlier(row)
    question = None if button.internal else policy.question(tool, args)
    if early is None and question is not None and not action_log.confirmed(row, token):
        early = await _ask_back(actor, pressed, row, question, token)
    if early is not None:
        return envelope.reply(request, envelope.as_javascript(early))
    log_id = await action_log.begin(actor, pressed, row)
    return await _run(request, actor, pressed, log_id, assistant_id)


async def _run(request: Request, actor: Actor, pressed: Pressed, log_id: str | None, assistant_id: str) -> Response:
    tool, args = pressed.tool, dict(pressed.payload["args"])
    if tool == "message_send" and not isinstance(args.get("clientId"), str):
        args["clientId"] = pressed.key  # once, however often it is tried
    pressed = pressed.with_args(args)
    try:
        done = await assistant_tools.run(actor, tool, args)
        failure = done.failure
    except ToolRefused as error:
        failure = str(error)
    if failure is not None:
        await action_log.failed(actor, log_id, pressed, failure)
        return envelope.error(request, "Action failed", 400, "ACTION_FAILED", tool=tool, error=failure)
    toast = _TOASTS.get(tool, "Done.")
    undo = policy.undo(tool, args, done.result)
    await action_log.done(actor, log_id, pressed, toast, undo, done.result)
    await _tell(actor, pressed, assistant_id, toast, undo)
    body: dict[str, Any] = {"ok": True, "toast": toast, "result": done.result}
    if done.navigate_to:
        body["navigateTo"] = done.navigate_to
    return envelope.reply(request, envelope.as_javascript(body))


def _earlier(row: asyncpg.Record | None) -> dict[str, Any] | None:
    """The answer when the button was pressed before."""
    if row is not None and row["status"] == "done":
        before = js.spread(orjson.loads(row["payload"]))
        toast = before.get("toast")
        told = toast if isinstance(toast, str) else "Already applied."
        return {"ok": True, "toast": told, "alreadyExecuted": True, "result": before.get("result")}
    if row is not None and row["status"] == "processing":
        return {"ok": True, "toast": "Working…", "alreadyProcessing": True}
    return None


async def _ask_back(
    actor: Actor, pressed: Pressed, row: asyncpg.Record | None, question: ToolQuestion, tried: str
) -> dict[str, Any]:
    """The token to come back with: the one already given while it holds and none was tried, else a new one."""
    known = action_log.token_of(row)
    if known is None or tried:  # a wrong token costs the right one
        known = policy.confirm_token()
        if row is not None or not tried:
            await action_log.ask(actor, pressed, row, question, known, assistant_tools.CONFIRM_WITHIN_S)
    return {
        "ok": True,
        "needsConfirm": True,
        "confirmToken": known,
        "confirmKind": question.kind,
        "confirmPrompt": question.prompt,
    }


async def _tell(actor: Actor, pressed: Pressed, assistant_id: str, toast: str, undo: dict[str, Any] | None) -> None:
    """A short message of the assistant's, with a button that takes it back where there is one."""
    about: dict[str, Any] = {
        "kind": "action_result",
        "tool": pressed.tool,
        "actionId": pressed.press.action_id,
        "ok": True,
    }
    if undo is not None:
        about["actions"] = [action_log.undo_button(undo)]
    body = js.stringify({"type": "text", "text": toast})
    try:
        async with actor.services.acting(actor.services.service) as connection:
            await connection.execute(
                _TOLD_SQL, pressed.press.conversation_id, assistant_id, body, toast, js.stringify({"ai": about})
            )
    except intake.DATABASE_ERRORS as error:
        actor.services.note_swallowed("message after a button", error)

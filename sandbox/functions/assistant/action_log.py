"""The log of pressed buttons: one row for each person, message and button, under the person's own rights.

A write that fails is swallowed, as shipped: the button works all the same.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from sandbox.functions import intake, js
from sandbox.functions.assistant.actor import Actor
from sandbox.functions.assistant.policy import ToolQuestion

_DEPTH, _STRING, _ENTRIES, _MEMBERS = 3, 800, 20, 30
_FIND_SQL = """
select id::text, coalesce(status, '') as status, confirm_token, confirm_expires_at, payload::text as payload
from public.assistant_message_action_log
where user_id = $1 and conversation_id = $2::text::uuid and message_id = $3::text::uuid and action_id = $4
order by created_at desc limit 1
"""
_INSERT_SQL = """
insert into public.assistant_message_action_log (user_id, conversation_id, message_id, action_id, action_type,
  action_key, status, request_id, confirm_token, confirm_expires_at, started_at, payload)
values ($1, $2::text::uuid, $3::text::uuid, $4, $5, $6, $7, $8, $9, $10::text::timestamptz, $11::text::timestamptz,
  $12::text::jsonb)
returning id::text
"""
_ASK_SQL = """
update public.assistant_message_action_log
set action_key = $3, status = 'needs_confirm', request_id = $4, confirm_token = $5,
  confirm_expires_at = $6::text::timestamptz, payload = $7::text::jsonb
where id = $1::text::uuid and user_id = $2
"""
_BEGIN_SQL = """
update public.assistant_message_action_log
set action_key = $3, status = 'processing', request_id = $4, started_at = $5::text::timestamptz, confirm_token = null,
  confirm_expires_at = null, payload = $6::text::jsonb
where id = $1::text::uuid and user_id = $2
"""
_FAILED_SQL = """
update public.assistant_message_action_log
set status = 'failed', finished_at = $3::text::timestamptz, payload = $4::text::jsonb
where id = $1::text::uuid and user_id = $2
"""
_DONE_SQL = """
update public.assistant_message_action_log
set action_key = $3, status = 'done', finished_at = $4::text::timestamptz, undo_tool = $5, undo_args = $6::text::jsonb,
  payload = $7::text::jsonb
where id = $1::text::uuid and user_id = $2
"""


@dataclass(frozen=True, slots=True)
class Press:
    """Which button."""

    conversation_id: str
    message_id: str
    action_id: str


@dataclass(frozen=True, slots=True)
class Pressed:
    """A press with all that the log keeps. payload: the button's own, with `tool` and `args`."""

    press: Press
    tool: str
    key: str
    request_id: str
    payload: dict[str, Any]

    def with_args(self, args: dict[str, Any]) -> Pressed:
        """The same press; the tool got these arguments."""
        return replace(self, payload={**self.payload, "args": args})


async def find(actor: Actor, press: Press) -> asyncpg.Record | None:
    """The row of this button, if it was pressed before."""
    try:
        async with actor.request() as connection:
            return await connection.fetchrow(
                _FIND_SQL, actor.user_id, press.conversation_id, press.message_id, press.action_id
            )
    except intake.DATABASE_ERRORS as error:
        actor.services.note_swallowed("log of buttons", error)
        return None


def token_of(row: asyncpg.Record | None) -> str | None:
    """The confirmation that is waited for, while it holds."""
    if row is None or row["status"] != "needs_confirm" or not row["confirm_token"]:
        return None
    until = row["confirm_expires_at"]
    return str(row["confirm_token"]) if until is not None and until > datetime.now(UTC) else None


def confirmed(row: asyncpg.Record | None, token: str) -> bool:
    """Whether this is the token that is waited for."""
    return bool(token) and token_of(row) == token


async def ask(
    actor: Actor, pressed: Pressed, row: asyncpg.Record | None, question: ToolQuestion, token: str, within_s: int
) -> None:
    """Wait for a confirmation."""
    now = datetime.now(UTC)
    until = js.iso(now + timedelta(seconds=within_s))
    about = {
        "actionKey": pressed.key,
        "status": "needs_confirm",
        "confirmKind": question.kind,
        "confirmPrompt": question.prompt,
        "confirmIssuedAt": js.iso(now),
        "confirmExpiresAt": until,
    }
    payload = js.stringify({**pressed.payload, **about})
    if row is None:
        await _insert(actor, pressed, "needs_confirm", token, until, None, payload)
    else:
        await _update(actor, _ASK_SQL, row["id"], pressed.key, pressed.request_id, token, until, payload)


async def begin(actor: Actor, pressed: Pressed, row: asyncpg.Record | None) -> str | None:
    """The row's id from now on; None when it could not be written."""
    now = js.iso_now()
    payload = js.stringify({**pressed.payload, "actionKey": pressed.key, "status": "processing", "startedAt": now})
    if row is None:
        return await _insert(actor, pressed, "processing", None, None, now, payload)
    await _update(actor, _BEGIN_SQL, row["id"], pressed.key, pressed.request_id, now, payload)
    return str(row["id"])


async def failed(actor: Actor, log_id: str | None, pressed: Pressed, message: str) -> None:
    """It can be pressed again."""
    now = js.iso_now()
    about = {"actionKey": pressed.key, "status": "failed", "error": message, "finishedAt": now}
    await _update(actor, _FAILED_SQL, log_id, now, js.stringify({**pressed.payload, **about}))


async def done(
    actor: Actor, log_id: str | None, pressed: Pressed, toast: str, undo: dict[str, Any] | None, result: Any
) -> None:
    """It is never carried out again."""
    now = js.iso_now()
    about = {
        "actionKey": pressed.key,
        "ok": True,
        "status": "done",
        "toast": toast,
        "finishedAt": now,
        "undo": undo,
        "result": cut(result),
    }
    tool, args = (undo["tool"], js.stringify(undo["args"])) if undo else (None, None)
    await _update(actor, _DONE_SQL, log_id, pressed.key, now, tool, args, js.stringify({**pressed.payload, **about}))


def undo_button(undo: dict[str, Any]) -> dict[str, Any]:
    """What takes it back, as it is stored with a message."""
    payload = {"tool": undo["tool"], "args": undo["args"], "internal": undo.get("internal", False)}
    return {"id": str(uuid.uuid4()), "label": undo["label"], "type": "button", "payload": payload}


def cut(value: Any, depth: int = 0) -> Any:
    """A result as the log keeps it. (pure)"""
    if depth > _DEPTH:
        return None
    if isinstance(value, str):
        return js.first(value, _STRING) + "…" if js.length(value) > _STRING else value
    if isinstance(value, list):
        return [cut(entry, depth + 1) for entry in value[:_ENTRIES]]
    if isinstance(value, dict):
        return {name: cut(entry, depth + 1) for name, entry in js.ordered(value)[:_MEMBERS]}
    return value


async def _insert(
    actor: Actor,
    pressed: Pressed,
    status: str,
    token: str | None,
    until: str | None,
    started_at: str | None,
    payload: str,
) -> str | None:
    press = pressed.press
    try:
        async with actor.request() as connection:
            log_id = await connection.fetchval(
                _INSERT_SQL,
                actor.user_id,
                press.conversation_id,
                press.message_id,
                press.action_id,
                pressed.tool,
                pressed.key,
                status,
                pressed.request_id,
                token,
                until,
                started_at,
                payload,
            )
    except intake.DATABASE_ERRORS as error:
        actor.services.note_swallowed("log of buttons", error)
        return None
    return str(log_id)


async def _update(actor: Actor, statement: str, log_id: str | None, *values: Any) -> None:
    if log_id is None:
        return
    try:
        async with actor.request() as connection:
            await connection.execute(statement, log_id, actor.user_id, *values)
    except intake.DATABASE_ERRORS as error:
        actor.services.note_swallowed("log of buttons", error)

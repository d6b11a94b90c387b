"""What assistant-chat-reply reads and writes; all under the service key."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
import orjson

from sandbox.functions.assistant.reply_model import ModelReply
from sandbox.provider.reply_text import MentionedTitle

_ROW = """
json_build_object('id', id, 'conversation_id', conversation_id, 'user_id', user_id, 'created_at', created_at,
  'body', body, 'attachment_url', attachment_url, 'message_type', message_type, 'client_id', client_id, 'text', text,
  'meta', meta)::text
"""
_RECENT_SQL = """
select id::text, user_id::text, sender_id::text, message_type::text, text from public.messages
where conversation_id = $1 and deleted_at is null order by created_at desc limit $2
"""
_EXISTING_SQL = f"""
select {_ROW} from public.messages
where conversation_id = $1 and user_id = $2 and triggered_by_message_id = $3 order by created_at desc limit 1
"""
_LATEST_SQL = """
select id::text from public.messages
where conversation_id = $1 and user_id = $2 and sender_id = $2 and deleted_at is null
order by created_at desc, id desc limit 1
"""
_JOB_SQL = """
update public.assistant_reply_jobs
set status = $3, updated_at = now(), last_error = $4, meta = $5::text::jsonb,
  next_run_at = now() + make_interval(secs => $6)
where conversation_id = $1 and user_message_id = $2 and status in ('pending', 'processing')
"""
_TRENDING_SQL = """
select m.id::text, coalesce(m.tmdb_title, m.tmdb_name, m.omdb_title, 'Untitled') as name
from public.media_trending_scores t join public.media_items m on m.id = t.media_item_id
order by t.score_72h desc, m.id limit 8
"""
_LOG_SQL = """
insert into public.assistant_message_action_log
  (user_id, conversation_id, message_id, action_id, action_type, status, payload)
values ($1, $2, $3, $4, $5, 'done', $6::text::jsonb)
"""
_INSERT_SQL = f"""
insert into public.messages as m (conversation_id, user_id, sender_id, message_type, text, body, client_id, meta,
  triggered_by_message_id)
values ($1, $2, $2, 'text', $3, $4::text::jsonb, $5, $6::text::jsonb, $7) returning {_ROW}
"""
_TOOL = "get_trending"


@dataclass(frozen=True, slots=True)
class AssistantMessage:
    """One message of the conversation, as far as a reply depends on it."""

    id: str
    user_id: str
    sender_id: str
    kind: str
    text: str | None


async def recent(connection: asyncpg.Connection, conversation_id: str, count: int) -> list[AssistantMessage]:
    """The newest first."""
    rows = await connection.fetch(_RECENT_SQL, conversation_id, count)
    return [AssistantMessage(*row) for row in rows]


async def existing(
    connection: asyncpg.Connection, conversation_id: str, assistant_id: str, message_id: str
) -> dict[str, Any] | None:
    """The reply that this message has already, as a row."""
    found = await connection.fetchval(_EXISTING_SQL, conversation_id, assistant_id, message_id)
    return None if found is None else dict(orjson.loads(found))


async def latest(connection: asyncpg.Connection, conversation_id: str, user_id: str) -> str | None:
    """The person's newest message there."""
    found: str | None = await connection.fetchval(_LATEST_SQL, conversation_id, user_id)
    return found


async def settle(
    connection: asyncpg.Connection,
    conversation_id: str,
    message_id: str | None,
    meta: dict[str, Any],
    *,
    status: str = "done",
    error: str | None = None,
    again_in_s: float = 0,
) -> None:
    """Tell the queued job of this message, if there is one, what became of it."""
    if message_id is not None:
        about = orjson.dumps({"handledBy": "assistant-chat-reply", **meta}).decode()
        await connection.execute(_JOB_SQL, conversation_id, message_id, status, error, about, again_in_s)


TOOL_FAILED = {"ok": False, "token": "TOOL_ERROR"}
"""The logged result of a tool that failed."""


def tool_fails(message_id: str | None, one_in: int) -> bool:
    """Whether the tool of this message does; the same message always has the same answer."""
    return bool(one_in) and message_id is not None and int(message_id[:8], 16) % one_in == 0


async def evidence(
    connection: asyncpg.Connection, user_id: str, conversation_id: str, message_id: str | None, *, fails: bool = False
) -> tuple[list[MentionedTitle], list[str]]:
    """What is popular, and the handles under which that result can be fetched later. fails: the tool does, which is
    logged, and nothing is known."""
    titles = [MentionedTitle(row["id"], row["name"]) for row in await connection.fetch(_TRENDING_SQL)]
    if message_id is None:
        return titles, []
    handle = f"tool_{uuid.uuid4().hex}"
    result: Any = TOOL_FAILED if fails else [{"id": title.id, "title": title.name} for title in titles]
    payload = orjson.dumps({"tool": _TOOL, "args": {"limit": len(titles)}, "result": result}).decode()
    await connection.execute(_LOG_SQL, user_id, conversation_id, message_id, handle, _TOOL, payload)
    return ([] if fails else titles), [handle]


async def store(
    connection: asyncpg.Connection,
    conversation_id: str,
    assistant_id: str,
    message_id: str | None,
    answer: ModelReply,
    handles: Sequence[str],
) -> dict[str, Any]:
    """Write the reply, return its row. :raises asyncpg.UniqueViolationError: when somebody else replied meanwhile."""
    trigger = {"userMessageId": message_id}
    meta = {
        "ai": {
            "provider": "sandbox",
            "kind": "reply",
            "triggeredBy": trigger,
            "model": answer.model,
            "toolHandles": list(handles),
            "toolsUsed": [_TOOL] if handles else [],
            "ui": None,
            "actions": list(answer.actions) or None,
        },
        "evidence": {"handles": list(handles)},
        "triggeredBy": trigger,
    }
    found = await connection.fetchval(
        _INSERT_SQL,
        conversation_id,
        assistant_id,
        answer.text,
        orjson.dumps({"type": "text", "text": answer.text}).decode(),
        f"assistant_{uuid.uuid4()}",
        orjson.dumps(meta).decode(),
        message_id,
    )
    return dict(orjson.loads(found))

"""The tool that writes to somebody in the person's name."""

from __future__ import annotations

import uuid
from typing import Any

from sandbox.functions import js
from sandbox.functions.assistant.actor import Actor, ToolError

_CREATE_SQL = "select public.create_direct_conversation_v1($1, $2::text::uuid)::text"
_SENT_SQL = "select true from public.messages where conversation_id = $1::text::uuid and client_id = $2 limit 1"
_SEND_SQL = """
insert into public.messages (conversation_id, user_id, sender_id, body, message_type, text, client_id, meta)
values ($1::text::uuid, $2, $2, $3::text::jsonb, 'text', $4, $5, $6::text::jsonb)
"""


async def send(actor: Actor, args: dict[str, Any]) -> dict[str, Any]:
    """Send a text, once for each `clientId`."""
    text = js.trim(args["text"])
    if not text:
        raise ToolError("Message text is required")
    conversation_id = args.get("conversationId")
    if not conversation_id:
        async with actor.request() as connection:
            conversation_id = await connection.fetchval(_CREATE_SQL, actor.user_id, args["targetUserId"])
    about = {"conversationId": conversation_id, "navigateTo": f"/messages/{conversation_id}"}
    given = js.trim(args.get("clientId", ""))
    client_id = js.first(given, 120) if given else f"assistant-{uuid.uuid4()}"
    if given:
        async with actor.request() as connection:
            if await connection.fetchval(_SENT_SQL, conversation_id, client_id):
                return {**about, "deduped": True}
    body = js.stringify({"type": "text", "text": text})
    meta = js.stringify({**args.get("meta", {}), "sentViaAssistant": True})
    async with actor.request() as connection:
        await connection.execute(_SEND_SQL, conversation_id, actor.user_id, body, text, client_id, meta)
    return about

"""Does Realtime keep a conversation's messages from somebody who is not in it?"""

from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any
from urllib.parse import quote

import websockets
from websockets.asyncio.client import ClientConnection

from harness.egress import web
from harness.egress.gate import Gate
from harness.probes.context import ProbeContext, SignedInPerson, rows_of
from harness.record.probe_results import ProbeAnswer

ID = "strangers' changes"
READY_S, HEAR_S = 10.0, 3.0
GRACE_S = 0.7  # for the stranger, after the member has heard


async def ask(context: ProbeContext) -> ProbeAnswer:
    """A member and a stranger listen, the member writes: the member has to hear it, the stranger must not."""
    conversation = await _conversation(context)
    if conversation is None:
        return ProbeAnswer(id=ID, status="not asked", text="the second person is in no conversation without the first")
    base, key = context.access.url.removeprefix("http"), quote(context.access.anon_key.reveal())
    url = f"ws{base}/realtime/v1/websocket?vsn=1.0.0&apikey={key}"
    gate = Gate(context.access.reach)
    try:
        async with web.websocket(gate, url) as ours, web.websocket(gate, url) as theirs:
            await asyncio.gather(_listen(ours, context.me, conversation), _listen(theirs, context.other, conversation))
            message = str(uuid.uuid4())
            sent = await context.write("/rest/v1/messages", context.other, _row(context.other, conversation, message))
            if sent.status_code != 201:
                return ProbeAnswer(id=ID, status="not asked", text=f"the message was refused: {sent.status_code}")
            heard = await _hears(theirs, message, HEAR_S)
            overheard = await _hears(ours, message, GRACE_S)
    except (OSError, TimeoutError, websockets.WebSocketException) as error:
        return ProbeAnswer(id=ID, status="not asked", text=f"Realtime was of no use: {type(error).__name__}")
    if not heard and not overheard:
        return ProbeAnswer(id=ID, status="not asked", text="not even the member heard of the message")
    return ProbeAnswer(
        id=ID,
        status="broken" if overheard else "held",
        asked=1,
        count=int(overheard),
        text=f"a message was {'' if overheard else 'not '}delivered to somebody who is not in its conversation",
        ids=(message,) if overheard else (),
    )


async def _conversation(context: ProbeContext) -> str | None:
    """A conversation of the second person that the first one is not in."""

    async def conversations(caller: SignedInPerson) -> set[str]:
        reply = await context.read(
            f"conversation_participants?select=conversation_id&user_id=eq.{caller.user_id}", caller
        )
        return {row["conversation_id"] for row in rows_of(reply)}

    return min(await conversations(context.other) - await conversations(context.me), default=None)


def _row(caller: SignedInPerson, conversation: str, message: str) -> dict[str, Any]:
    body = {"type": "text", "text": "probe", "clientId": message}
    me = {"user_id": caller.user_id, "sender_id": caller.user_id}
    row = {"conversation_id": conversation, "body": body, "meta": body, "message_type": "text", "text": "probe"}
    return {**me, **row, "client_id": message}


async def _listen(socket: ClientConnection, caller: SignedInPerson, conversation: str) -> None:
    """Join a channel for its new messages, and wait until the database knows of it. :raises TimeoutError:"""
    change = {
        "event": "INSERT",
        "schema": "public",
        "table": "messages",
        "filter": f"conversation_id=eq.{conversation}",
    }
    join = {
        "topic": "realtime:probe",
        "event": "phx_join",
        "payload": {"config": {"postgres_changes": [change]}, "access_token": caller.token},
        "ref": "1",
        "join_ref": "1",
    }
    await socket.send(json.dumps(join))
    async with asyncio.timeout(READY_S):
        async for frame in socket:
            said = json.loads(frame)
            if said["event"] == "system" and said["payload"].get("extension") == "postgres_changes":
                return


async def _hears(socket: ClientConnection, message: str, patience_s: float) -> bool:
    try:
        async with asyncio.timeout(patience_s):
            async for frame in socket:
                if message in str(frame):
                    return True
    except TimeoutError:
        pass
    return False

"""Realtime: does somebody who is not in a conversation hear its messages, or get a channel of its name?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from harness.preflight.outside.model import Answers, Ask, Found, Question, Send, Surface
from harness.preflight.outside.questions._parts import MINIMAL, message, where

SOCKET = "/realtime/v1/websocket"


def _join(topic: str, caller: str, config: dict[str, Any]) -> Ask:
    frame = {"topic": topic, "event": "phx_join", "payload": {"config": config}, "ref": "1", "join_ref": "1"}
    return Ask("WS", SOCKET, caller, frame)


def _changes(surface: Surface, caller: str) -> Ask:
    change = {
        "event": "INSERT",
        "schema": "public",
        "table": "messages",
        "filter": f"conversation_id=eq.{surface.mine[0]}",
    }
    return _join(f"realtime:preflight-{surface.tag}-{caller}", caller, {"postgres_changes": [change]})


def _private(surface: Surface, caller: str) -> Ask:
    return _join(f"realtime:conversation:{surface.mine[0]}", caller, {"private": True, "broadcast": {"self": False}})


def _written(surface: Surface, listener: str) -> tuple[str, Ask]:
    """(what is listened for, the message of mine that has it)"""
    client = surface.id(f"overheard by {listener}")
    return client, Ask("POST", "/rest/v1/messages", "me", message(surface, surface.mine[0], client), MINIMAL)


def _remove(surface: Surface) -> Ask:
    clients = ",".join(_written(surface, caller)[0] for caller in CALLERS)
    return Ask("DELETE", f"/rest/v1/messages?{where(client_id=f'in.({clients})')}", "me", headers=MINIMAL)


CALLERS = ("anonymous", "other")


def plan(surface: Surface) -> Sequence[Ask]:
    if not surface.mine:
        return []
    asks = [
        one
        for caller in CALLERS
        for one in (_changes(surface, caller), _written(surface, caller)[1], _private(surface, caller))
    ]
    return [*asks, _remove(surface)]


async def ask(surface: Surface, send: Send) -> Answers:
    if not surface.mine:
        return Answers(unasked=("I am in no conversation without the other person",))
    found, unasked = [], []
    listeners = [(caller, *_written(surface, caller), _changes(surface, caller)) for caller in CALLERS]
    became = await asyncio.gather(
        *[send.overhears(listener, written, needle) for _, needle, written, listener in listeners],
        *[send.overhears(_private(surface, caller), None, "") for caller in CALLERS],
    )
    for (caller, _, written, listener), heard in zip(listeners, became, strict=False):
        if heard == "heard":
            found.append(
                Found(
                    f"changes of public.messages as {caller}",
                    f"{listener.text}, then {written.text} -> delivered",
                    "alter table public.messages enable row level security; and a SELECT policy that asks for "
                    "membership: Realtime asks it for each subscriber",
                )
            )
        elif "nothing was written" in heard:
            unasked.append(f"changes as {caller}: {heard}")
    for caller, joined in zip(CALLERS, became[len(listeners) :], strict=True):
        if joined == "joined":
            found.append(
                Found(
                    f"private channel of a conversation as {caller}",
                    f"{_private(surface, caller).text} -> joined",
                    "create policy members on realtime.messages for select to authenticated using "
                    "(public.is_conversation_member(split_part(realtime.topic(), ':', 2)::uuid, (select auth.uid())));",
                )
            )
    await send(_remove(surface))
    return Answers(tuple(found), tuple(unasked))


QUESTION = Question(
    "realtime_overheard",
    "high",
    "A stranger hears what a conversation says",
    "whoever knows a conversation's id reads along as it is written",
    "6.2",
    plan,
    ask,
)

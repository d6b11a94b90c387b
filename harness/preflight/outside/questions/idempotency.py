"""Every hot write, sent twice and twice at once: is it stored once, and answered well?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.core.counted import counted
from harness.preflight.outside.model import Answers, Ask, Found, Question, Send, Surface
from harness.preflight.outside.questions._parts import MINIMAL, function, message, where

UPSERT = (("prefer", "resolution=merge-duplicates,return=minimal"),)


@dataclass(frozen=True, slots=True)
class _Write:
    """write: sent twice. look: shows the rows it made. remove: takes them away."""

    what: str
    object: str
    write: Ask
    look: Ask
    remove: Ask
    remedy: str


def _twice(method: str, path: str, body: Any, headers: tuple[tuple[str, str], ...] = MINIMAL) -> Ask:
    return Ask(method, path, "me", body, headers, times=2)


def _writes(surface: Surface) -> list[_Write]:
    writes = []
    for how in ("one after the other", "at once"):
        if surface.shared:
            writes.append(_of_message(surface, how))
        if surface.title and surface.has_service:
            writes.append(_of_event(surface, how))
        if surface.title:
            writes.append(_of_library(surface, how))
    return writes


def _of_message(surface: Surface, how: str) -> _Write:
    client = surface.id(f"message {how}")
    rows = where(client_id=f"eq.{client}")
    return _Write(
        how,
        "public.messages",
        _twice("POST", "/rest/v1/messages", message(surface, surface.shared[0], client)),
        Ask("GET", f"/rest/v1/messages?select=id&{rows}", "me"),
        Ask("DELETE", f"/rest/v1/messages?{rows}", "me", headers=MINIMAL),
        "create unique index concurrently on public.messages (conversation_id, user_id, client_id);",
    )


def _of_event(surface: Surface, how: str) -> _Write:
    session = surface.id(f"session {how}")
    event = {
        "sessionId": session,
        "mediaItemId": surface.title,
        "eventType": "detail_open",
        "clientEventId": surface.id(f"event {how}"),
        "source": "preflight",
    }
    rows = where(session_id=f"eq.{session}")
    return _Write(
        how,
        "public.media_events",
        function("media-swipe-event", event, times=2),
        Ask("GET", f"/rest/v1/media_events?select=id&{rows}", "service"),
        Ask("DELETE", f"/rest/v1/media_events?{rows}", "service", headers=MINIMAL),
        "create unique index on public.media_events (user_id, dedupe_key, event_day); and upsert on it",
    )


def _of_library(surface: Surface, how: str) -> _Write:
    goal = surface.id(f"list {how}")
    rows = where(id=f"eq.{goal}")
    row = {"id": goal, "user_id": surface.me.user_id, "name": f"preflight {surface.tag}"}
    return _Write(
        how,
        "public.lists",
        _twice("POST", "/rest/v1/lists", row, UPSERT),
        Ask("GET", f"/rest/v1/lists?select=id&{rows}", "me"),
        Ask("DELETE", f"/rest/v1/lists?{rows}", "me", headers=MINIMAL),
        "give the table a primary key that the client chooses, and upsert on it",
    )


def plan(surface: Surface) -> Sequence[Ask]:
    return [one for write in _writes(surface) for one in (write.write, write.look, write.remove)]


async def ask(surface: Surface, send: Send) -> Answers:
    found, unasked = [], []
    if not surface.has_service:
        unasked.append("media-swipe-event: its rows cannot be removed without the service key")
    for one in _writes(surface):
        if one.what == "at once":
            replies = await send.at_once([one.write, one.write])
        else:
            replies = [await send(one.write), await send(one.write)]
        rows, answers = len((await send(one.look)).rows), " and ".join(reply.text for reply in replies)
        evidence = f"{one.write.text} twice, {one.what} -> {answers}, {counted(rows, 'row')}"
        failed = any(reply.status >= 500 or reply.status == 0 for reply in replies)
        if rows > 1:
            found.append(Found(f"{one.object}, {one.what}", evidence, one.remedy))
        elif failed:
            remedy = "answer a repetition as the first one: upsert, or a unique index with its conflict caught"
            found.append(Found(f"{one.object}, {one.what}", evidence, remedy, "low"))
        elif not rows:
            unasked.append(f"{one.object}, {one.what}: nothing was stored ({answers})")
        await send(one.remove)
    return Answers(tuple(found), tuple(unasked))


QUESTION = Question(
    "write_not_idempotent",
    "medium",
    "A write that is repeated is stored twice",
    "mobile networks lose replies, and every client asks again",
    "5.2",
    plan,
    ask,
)

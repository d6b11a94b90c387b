"""Does a conversation take messages of somebody who is not in it?

The message cannot be stored, because its key is null; Postgres asks the policies before it says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from harness.preflight.outside.model import Answers, Ask, Found, Question, Send, Surface
from harness.preflight.outside.questions._parts import MINIMAL, message, reached


def _ask(surface: Surface) -> Ask:
    row = message(surface, surface.others[0], surface.id("stranger's"), id=None)
    return Ask("POST", "/rest/v1/messages", "me", row, MINIMAL)


def plan(surface: Surface) -> Sequence[Ask]:
    return [_ask(surface)] if surface.others else []


async def ask(surface: Surface, send: Send) -> Answers:
    if not surface.others:
        return Answers(unasked=("the other person is in no conversation without me",))
    reply = await send(_ask(surface))
    if not reached(reply):
        return Answers()
    return Answers(
        (
            Found(
                "public.messages insert",
                f"{_ask(surface).text} -> {reply.text}: stopped by the key alone, no policy asked for membership",
                "alter policy messages_insert_merged on public.messages with check (user_id = (select auth.uid()) "
                "and public.is_conversation_member(conversation_id, (select auth.uid())));",
            ),
        )
    )


QUESTION = Question(
    "strangers_messages",
    "medium",
    "Who is no member may write into a conversation",
    "whoever knows a conversation's id can fill it with messages",
    "10",
    plan,
    ask,
)

"""Does the assistant's limit hold: exactly so many answers in a window, also from two devices at once?

Asked only where the SLO file states a limit, because each answer is the provider's work and money. With people of their
own where the target has more than the profile needs: what they spend here is spent.
"""

from __future__ import annotations

import asyncio
import time

import httpx

from harness.core.resolved_target import ResolvedTarget
from harness.probes.context import ProbeContext, SignedInPerson, mapping, signed_in
from harness.record.probe_results import ProbeAnswer

ONE, TWO = "assistant quota", "assistant quota, two devices"
WINDOW_S = 60.0
"""Windows are calendar minutes; what began in one has to be over in it."""
LEFT_AT_LEAST_S = 12.0
_OPEN, _REPLY = "/functions/v1/assistant-get-conversation", "/functions/v1/assistant-chat-reply"
_QUESTION = "Name one film for tonight."


async def ask(http: httpx.AsyncClient, access: ResolvedTarget, people: int, limit: int) -> tuple[ProbeAnswer, ...]:
    """Both questions, one after the other. :raises httpx.HTTPError, ValueError: the target's answers are of no use."""
    left = WINDOW_S - time.time() % WINDOW_S
    if left < LEFT_AT_LEAST_S:
        await asyncio.sleep(left + 0.1)
    found = []
    for number, (id_, devices) in enumerate(((ONE, 1), (TWO, 2))):
        person = await _number(http, access, people, number)
        tokens = [await signed_in(http, access, person) for _ in range(devices)]
        found.append(await _held(ProbeContext(http, access, tokens[0], tokens[-1]), id_, tokens, limit))
    return tuple(found)


async def _number(http: httpx.AsyncClient, access: ResolvedTarget, people: int, number: int) -> int:
    """Somebody who is none of the run's, if there is anybody; else one of its last ones."""
    if access.user_ids:
        beyond = people + number
        return beyond if beyond < len(access.user_ids) else (people - 1 - number) % people
    try:
        await signed_in(http, access, people + number)
    except httpx.HTTPError:
        return (people - 1 - number) % people
    return people + number


async def _held(context: ProbeContext, id_: str, devices: list[SignedInPerson], limit: int) -> ProbeAnswer:
    talk = mapping((await context.write(_OPEN, devices[0], {"reason": "probe"})).json()).get("conversationId")
    body = {"conversationId": talk, "userText": _QUESTION, "maxContextMessages": 4}
    asked = limit + 2
    begun = time.time()
    window = begun // WINDOW_S
    replies = await asyncio.gather(
        *(context.write(_REPLY, devices[number % len(devices)], body) for number in range(asked))
    )
    refused = sum(reply.status_code == 429 for reply in replies)
    answered = asked - refused
    odd = sorted({reply.status_code for reply in replies} - {200, 429, 502, 503})
    text = f"{answered} of {asked} questions from {len(devices)} device(s) at once were answered, the limit is {limit}"
    if odd or time.time() // WINDOW_S != window:
        why = f"statuses {odd}" if odd else "the window ended meanwhile"
        return ProbeAnswer(id=id_, status="not asked", text=f"{why}: {text}")
    return ProbeAnswer(
        id=id_,
        status="held" if answered == limit else "broken",
        asked=asked,
        count=abs(answered - limit),
        text=text,
    )

"""The endpoints of manual 5.5: is there a limit, at how many calls, and how does it say so?

Calls are such as count for the limit and do no work after it, where the function allows that.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.preflight.outside.model import Answers, Ask, Found, Question, Reply, Send, Surface
from harness.preflight.outside.questions._parts import function

ROUND = 10
"""Calls on their way at once."""
NOT_ASKED = "each call that counts makes the assistant work and leaves rows"
WORKING = ("assistant-chat-reply", "assistant-orchestrator")
NOBODY = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """makes: what it makes when it is called first can be taken away with the service key alone."""

    name: str
    body: Any
    makes: bool = False


ENDPOINTS = (
    _Endpoint("media-search", {"query": "zzpreflight", "limit": 1}),
    _Endpoint("tmdb-proxy", {"path": "/configuration", "params": {}}),
    _Endpoint("media-swipe-deck", {}),
    _Endpoint("assistant-message-action", {}),
    _Endpoint("assistant-tool-result", {}),
    _Endpoint("assistant-suggestion-action", {"suggestionId": NOBODY, "kind": "shown"}),
    _Endpoint("assistant-get-conversation", {}, makes=True),
)


def _call(surface: Surface, endpoint: _Endpoint) -> Ask:
    # twice as often: the minute may end in between
    return function(endpoint.name, endpoint.body, times=2 * surface.calls, when="until one is refused")


def plan(surface: Surface) -> Sequence[Ask]:
    return [_call(surface, one) for one in ENDPOINTS if surface.has_service or not one.makes]


async def ask(surface: Surface, send: Send) -> Answers:
    found, unasked = [], [f"the limit of {name}: {NOT_ASKED}" for name in WORKING]
    asked = [one for one in ENDPOINTS if surface.has_service or not one.makes]
    unasked += [
        f"the limit of {one.name}: what it makes takes the service key" for one in ENDPOINTS if one not in asked
    ]
    results = await asyncio.gather(*[_until_refused(surface, send, _call(surface, one)) for one in asked])
    for endpoint, (sent, refusal, first) in zip(asked, results, strict=True):
        one = _call(surface, endpoint)
        if _of_no_use(first):
            unasked.append(f"the limit of {endpoint.name}: a call is answered {first.text}")
        elif refusal is None:
            found.append(
                Found(
                    f"function {endpoint.name}: limit",
                    f"{one.text}, {sent} times within a minute: none refused",
                    "count calls by person and minute, as the other functions do (check_rate_limit), and answer 429 "
                    "with retry-after",
                )
            )
        elif refusal.status == 429 and not _says_when(refusal):
            found.append(
                Found(
                    f"function {endpoint.name}: retry",
                    f"{one.text}, refused at call {sent}: 429 that says nowhere when to come again",
                    "name the seconds in retry-after",
                    "low",
                )
            )
    return Answers(tuple(found), tuple(unasked))


async def _until_refused(surface: Surface, send: Send, one: Ask) -> tuple[int, Reply | None, Reply]:
    """(calls, the refusal, the first reply). A minute that ends in between starts the count again, once."""
    sent, minute, first, fresh = 0, "", Reply(0), True
    while sent < surface.calls:
        replies = await send.at_once([one] * min(ROUND, surface.calls - sent))
        first = first if sent or first.status else replies[0]
        now = replies[-1].headers.get("date", "")[:-7]  # without seconds and zone
        if minute and now != minute and fresh:
            fresh, sent = False, 0
        minute = now
        for reply in replies:
            sent += 1
            if reply.status == 429 or _in_band(reply):
                return sent, reply, first
        if _of_no_use(first):
            break
    return sent, None, first


def _of_no_use(reply: Reply) -> bool:
    """Whether calls never come as far as a limit: refused, crashed, or there is no such function."""
    absent = reply.status == 404 and b"function" in reply.content.lower()
    return reply.status in (0, 401, 403) or reply.status >= 500 or absent


def _in_band(reply: Reply) -> bool:
    return reply.ok and b"RATE_LIMIT" in reply.content


def _says_when(reply: Reply) -> bool:
    said = reply.json()
    inside = isinstance(said, dict) and any("retryafter" in str(name).lower() for name in said)
    return inside or "retry-after" in reply.headers


QUESTION = Question(
    "rate_limit_missing",
    "medium",
    "An endpoint that costs has no limit",
    "one person with a loop spends the money, or the database, of everybody",
    "5.5",
    plan,
    ask,
)

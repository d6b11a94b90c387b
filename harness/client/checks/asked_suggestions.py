"""Suggestions are for the screen that asked, and for what it shows (I42). (pure)

The answer names the key under which they are kept (contract 6.6): JSON with the surface and the one thing that tells
two such screens apart, and behind it the goal, where there is one. The app puts what comes onto the screen that asked
and looks at no key, so an answer to another question would stand there.
"""

from __future__ import annotations

from collections.abc import Mapping
from json import JSONDecodeError, JSONDecoder

from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule, shown
from harness.core.read_log import ReadSeverity, ReadViolation

TELLS: Mapping[str, str] = {
    "title": "titleId",
    "messages": "conversationId",
    "swipe": "sessionId",
    "search": "query",
}
"""By surface, the member of the context that its key holds."""
QUERY_LETTERS = 60
_JSON = JSONDecoder()


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    key = reply.data.get("contextKey") if type(reply.data) is dict else None
    surface, context = reply.asked("surface"), reply.asked("context")
    if type(key) is not str or type(surface) is not str or not key.startswith("{"):
        return 0
    try:
        told = _JSON.raw_decode(key)[0]
    except (JSONDecodeError, RecursionError):
        return 0
    if (came := told.get("surface")) != surface:
        detail = f"asked for suggestions on {surface}, got those of {shown(came)}"
        found.append(ReadViolation(ReadSeverity.WRONG, "", detail))
        return 1
    name = TELLS.get(surface, "")
    asked = context.get(name) if type(context) is dict else None
    if type(asked) is str and asked.isascii() and told.get(name) != (_coarse(asked) if name == "query" else asked):
        detail = f"asked for suggestions on {surface} about {asked}, got those about {shown(told.get(name))}"
        found.append(ReadViolation(ReadSeverity.WRONG, asked if name != "query" else "", detail))
    return 1


def _coarse(query: str) -> str:
    """A text that is searched for, as the key holds it; those in other letters are not compared."""
    return " ".join(query.lower().split())[:QUERY_LETTERS]


ASKED_SUGGESTIONS = ReadRule("asked-suggestions", frozenset(("assistant_suggestions",)), _check)

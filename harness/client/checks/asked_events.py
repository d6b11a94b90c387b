"""The event endpoint speaks of events that were sent (I42). (pure)

Contract 3.3: it answers by the ids that came, but for those it replaced, which it says.
"""

from __future__ import annotations

import orjson

from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule, text
from harness.core.read_log import ReadSeverity, ReadViolation

LISTS = ("acceptedClientEventIds", "rejectedClientEventIds", "retryClientEventIds")
REPLACED = "CLIENT_EVENT_ID_REPLACED"


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    data = reply.data if type(reply.data) is dict else {}
    sent = reply.body if type(reply.body) is bytes else orjson.dumps(reply.body)
    issues = data.get("issues")
    if any(type(one) is dict and one.get("code") == REPLACED for one in (issues if type(issues) is list else ())):
        return 0
    asked = 0
    for name in LISTS:
        ids = data.get(name)
        for id_ in ids if type(ids) is list else ():
            asked += 1
            if type(id_) is not str or id_.encode() not in sent:
                detail = f"{name} holds {text(id_)}, which was not sent"
                found.append(ReadViolation(ReadSeverity.WRONG, text(id_), detail))
    return asked


ASKED_EVENTS = ReadRule("asked-events", frozenset(("swipe_events", "title_event")), _check)

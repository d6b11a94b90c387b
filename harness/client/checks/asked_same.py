"""The same question has the same answer where the contract says so (I42). (pure)

A direct conversation is the same for a pair each time (5.2), and so is the one with the assistant (6.6).
"""

from __future__ import annotations

from harness.client.checks.phone_memory import CONVERSATIONS, PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule
from harness.core.read_log import ReadSeverity, ReadViolation


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    id_ = reply.data.get("conversationId") if type(reply.data) is dict else None
    if type(id_) is not str:
        return 0
    if reply.call == "assistant_conversation":
        before, memory.assistant = memory.assistant, id_
        who = "the assistant"
    else:
        other = reply.asked("targetUserId")
        if type(other) is not str:
            return 0
        before, who = memory.direct.get(other), other
        if len(memory.direct) < CONVERSATIONS:
            memory.direct[other] = id_
    if id_ not in memory.told_of and len(memory.told_of) < CONVERSATIONS:
        memory.told_of[id_] = reply.at
    if before is None:
        return 0
    if before != id_:
        detail = f"the conversation with {who} was {before}, and now is {id_}"
        found.append(ReadViolation(ReadSeverity.WRONG, id_, detail))
    return 1


ASKED_SAME = ReadRule("asked-same", frozenset(("assistant_conversation", "create_direct_conversation")), _check)

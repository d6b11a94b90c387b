"""Own reactions are as last acknowledged (I44). (pure) Contract 5.5."""

from __future__ import annotations

from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule, text
from harness.core.read_log import ReadSeverity, ReadViolation

MANY = 900
"""A longer list may be cut by the target's row limit."""


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    if not len(memory.reactions) or len(reply.rows) >= MANY:
        return 0
    own = [row for row in reply.rows if row.get("user_id") == reply.me]
    shown = {(text(row.get("message_id")), text(row.get("emoji"))) for row in own}
    asked = 0
    for key in memory.reactions:
        wanted = memory.reactions.known(key, reply.begun)
        if wanted is None or memory.reacted_in.get(key) != reply.arguments[0]:
            continue
        asked += 1
        if wanted != (key in shown):
            message, emoji = key
            detail = f"{emoji} was {'put on' if wanted else 'taken off'} message {message}, and the opposite is shown"
            found.append(ReadViolation(ReadSeverity.LOST, message, detail))
    return asked


OWN_REACTIONS = ReadRule("own-reactions", frozenset(("reactions_poll",)), _check)

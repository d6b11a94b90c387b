"""The list knows the message that this phone had acknowledged (I44). (pure) Contract 5.1."""

from __future__ import annotations

from harness.client.checks.owner import LISTS
from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule, shown, text
from harness.core.read_log import ReadSeverity, ReadViolation


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    newest = {own.conversation: own for own in memory.sent if own.at <= reply.begun}
    if not newest:
        return 0
    asked = 0
    for row in reply.rows:
        own = newest.get(text(row.get("conversation_id")))
        if own is None:
            continue
        asked += 1
        last = row.get("last_message_created_at")
        if row.get("last_message_id") != own.id and (type(last) is not str or last < own.created_at):
            came = f"{text(row.get('last_message_id'))} of {shown(last)}"
            detail = f"the last message is {came}, older than the own one {own.id}"
            found.append(ReadViolation(ReadSeverity.LOST, own.id, detail))
    return asked


LIST_NEWEST = ReadRule("list-newest", LISTS, _check)

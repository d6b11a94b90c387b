"""A message that was acknowledged is in the page of its time, under the time that it was given (I44). (pure)

Contract 5.3, 5.4.
"""

from __future__ import annotations

from harness.client.checks.message_stays import PAGE, dated_otherwise
from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule
from harness.core.read_log import ReadSeverity, ReadViolation


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    conversation, begun = reply.arguments[0], reply.begun
    own = [one for one in memory.sent if one.conversation == conversation and one.at <= begun]
    if not own:
        return 0
    rows = reply.rows
    last = rows[-1].get("created_at") if len(rows) >= PAGE else ""
    created = {id_: row.get("created_at") for row in rows if type(id_ := row.get("id")) is str}
    asked = 0
    for one in own:
        if one.id in created and dated_otherwise(one.created_at, created[one.id]):
            asked += 1
            detail = f"message {one.id} was acknowledged with {one.created_at}, and is of {created[one.id]}"
            found.append(ReadViolation(ReadSeverity.LOST, one.id, detail))
            continue
        if type(last) is not str or one.created_at <= last:
            continue
        asked += 1
        if one.id not in created:
            detail = f"message {one.id} was acknowledged with {one.created_at}, and is not in the page"
            found.append(ReadViolation(ReadSeverity.LOST, one.id, detail))
    return asked


OWN_MESSAGE = ReadRule("own-message", frozenset(("messages_poll",)), _check)

"""Read markers move forward only (I46). (pure)

Another phone's writes may overtake each other, and clocks differ: a marker with an older time is no proof. One that
goes back to exactly what it was before it changed is: that write had been stored already. Not asked where faults send
requests twice.
"""

from __future__ import annotations

from harness.client.checks.phone_memory import MARKERS, MarkerSeen, PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule
from harness.core.read_log import ReadSeverity, ReadViolation

KEPT = 3
"""Values of one marker."""


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    if reply.copies:
        return 0
    conversation, asked = reply.arguments[0], 0
    in_order = memory.marked_at.get(conversation, 0.0) <= reply.begun
    for row in reply.rows:
        person = row.get("user_id")
        if type(person) is not str:
            continue
        message, at = row.get("last_read_message_id"), row.get("last_read_at")
        if not all(value is None or type(value) is str for value in (message, at)):
            continue
        seen = MarkerSeen(message, at)
        values = memory.marked.get((conversation, person))
        if values is None:
            if len(memory.marked) < MARKERS:
                memory.marked[conversation, person] = [seen]
            continue
        asked += in_order
        if not in_order or values[-1] == seen:
            continue
        if seen in values:
            detail = f"the marker of {person} went back to message {seen.message} of {seen.at}"
            found.append(ReadViolation(ReadSeverity.LOST, person, detail))
            values.remove(seen)
        values.append(seen)
        del values[:-KEPT]
    if in_order:
        memory.marked_at[conversation] = reply.at
    return asked


MARKER_FORWARD = ReadRule("marker-forward", frozenset(("read_receipts_poll",)), _check)

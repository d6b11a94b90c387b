"""What was delivered stays delivered (I46). (pure) Nobody can delete a delivery receipt (contract 8.1)."""

from __future__ import annotations

from harness.client.checks.phone_memory import RECEIPTS, PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule, strings
from harness.core.read_log import ReadSeverity, ReadViolation

MANY = 900
"""A longer list may be cut by the target's row limit."""


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    message = reply.arguments[1]
    people = strings(reply.rows, "user_id")
    before = memory.delivered.pop(message, None)
    while len(memory.delivered) >= RECEIPTS:
        del memory.delivered[next(iter(memory.delivered))]
    memory.delivered[message] = (reply.at, people)
    if before is None or before[0] > reply.begun or len(people) >= MANY:
        return 0
    gone = before[1] - people
    if gone:
        detail = f"message {message} was delivered to {min(gone)}, and is not any more"
        found.append(ReadViolation(ReadSeverity.LOST, message, detail))
    return len(before[1])


RECEIPTS_STAY = ReadRule("receipts-stay", frozenset(("delivery_receipts_poll",)), _check)

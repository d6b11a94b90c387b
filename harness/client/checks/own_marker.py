"""The own read marker is not behind the one acknowledged last (I44, I46). (pure)

A target that keeps the newer of two markers is as good as one that keeps the last: only an older time, or another
message under the same time, is wrong (contract 5.6).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from harness.client.checks.phone_memory import PhoneMemory, WrittenMarker
from harness.client.checks.read_rule import CheckedReply, JsonRow, ReadRule, shown
from harness.core.read_log import ReadSeverity, ReadViolation

ROUNDED = timedelta(milliseconds=2)


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    conversation = reply.arguments[0]
    written = memory.markers.known(conversation, reply.begun)
    if written is None or not written.at:
        return 0
    row = next((one for one in reply.rows if one.get("user_id") == reply.me), None)
    problem = "is not there" if row is None else _difference(row, written)
    if problem:
        detail = f"the own marker on message {written.message} of {written.at} {problem}"
        found.append(ReadViolation(ReadSeverity.LOST, conversation, detail))
    return 1


def _difference(row: JsonRow, written: WrittenMarker) -> str:
    message, at = row.get("last_read_message_id"), row.get("last_read_at")
    try:
        apart = datetime.fromisoformat(shown(at)) - datetime.fromisoformat(written.at)
    except (ValueError, TypeError, OverflowError):
        return ""
    if apart < -ROUNDED:
        return f"is shown on message {shown(message)} of {shown(at)}"
    return f"is shown on message {shown(message)}" if abs(apart) <= ROUNDED and message != written.message else ""


OWN_MARKER = ReadRule("own-marker", frozenset(("read_receipts_poll",)), _check)

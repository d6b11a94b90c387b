"""The next page of the feed goes on where the one before it ended (I43). (pure)

A page of n rows comes with one more (contract 4): that row is on the next page, unless somebody was followed or no
longer followed in between.
"""

from __future__ import annotations

from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule
from harness.core.read_log import ReadSeverity, ReadViolation


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    rows, limit = reply.rows, reply.asked("p_limit")
    cursor = (reply.asked("p_cursor_created_at"), reply.asked("p_cursor_id"))
    comparable = memory.feed_comparable(reply.begun)
    expected, asked = memory.next_feed_row, 0
    if comparable and expected is not None and cursor == expected[:2]:
        asked = 1
        if expected[2] not in [row.get("id") for row in rows]:
            detail = f"row {expected[2]} follows {cursor[1]} on the page before, and is not on the next one"
            found.append(ReadViolation(ReadSeverity.LOST, expected[2], detail))
    if comparable and type(limit) is int and len(rows) > limit > 0:
        last, extra = rows[limit - 1], rows[limit].get("id")
        at, id_ = last.get("created_at"), last.get("id")
        if type(at) is str and type(id_) is str and type(extra) is str:
            memory.next_feed_row = (at, id_, extra)
    return asked


FEED_NEXT = ReadRule("feed-next", frozenset(("home_feed",)), _check)

"""Pages are in their order and hold each row once; a later page lies behind its cursor (I43). (pure)

Feed and messages are ordered by (created_at, id), newest first (contract 4, 5.3); all others as their addresses ask.
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import unquote

from harness.client.checks.asked_order import ORDERS, out_of_order
from harness.client.checks.phone_memory import PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule
from harness.core.read_log import ReadSeverity, ReadViolation

ORDERED = frozenset(("messages_poll", "messages_older", "home_feed", "friends_watching"))
_LAST = ("~", "")
"""Sorts after every instant."""


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    if reply.call not in ORDERED:
        if (wrong := out_of_order(reply.rows, ORDERS[reply.call])) is not None:
            found.append(ReadViolation(ReadSeverity.WRONG, "", wrong))
        return len(reply.rows)
    before = first = _cursor(reply)
    for row in reply.rows:
        at, id_ = row.get("created_at"), row.get("id")
        if type(at) is not str or type(id_) is not str:
            continue
        key = (at, id_)
        if not key < before and not earlier(key, before):
            why = "comes twice" if id_ == before[1] else "stands behind an older one"
            if before is first:
                why = "is not behind the page before it"
            found.append(ReadViolation(ReadSeverity.WRONG, id_, f"row {id_} {why}"))
        before = key
    return len(reply.rows)


def _cursor(reply: CheckedReply) -> tuple[str, str]:
    if reply.call == "messages_older":
        return unquote(reply.arguments[1]), reply.arguments[2]
    at, id_ = reply.asked("p_cursor_created_at"), reply.asked("p_cursor_id")
    return (at, id_) if type(at) is str and type(id_) is str else _LAST


def earlier(key: tuple[str, str], other: tuple[str, str]) -> bool:
    """The same comparison by instant, should two be written in different ways."""
    try:
        return (datetime.fromisoformat(key[0]), key[1]) < (datetime.fromisoformat(other[0]), other[1])
    except (ValueError, TypeError, OverflowError):
        return other is _LAST


PAGE_ORDER = ReadRule("page-order", ORDERED | frozenset(ORDERS), _check)

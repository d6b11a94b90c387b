"""The list of conversations keeps what it showed, and does not get older (I46, I47). (pure)

Nobody leaves a conversation in a run. `updated_at` is the database's, and transactions of some seconds may commit out
of their order: so much is allowed.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from harness.client.checks.owner import LISTS
from harness.client.checks.phone_memory import CONVERSATIONS, PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule
from harness.core.counted import counted
from harness.core.read_log import ReadSeverity, ReadViolation

OVERLAP = timedelta(seconds=10)
MANY = 900
"""A longer list may be cut by the target's row limit."""


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    rows = reply.rows
    now = {
        id_: at if type(at := row.get("updated_at")) is str else None
        for row in rows
        if type(id_ := row.get("conversation_id")) is str
    }
    before, asked = memory.listed, 0
    if before and memory.listed_at <= reply.begun and len(rows) < MANY:
        asked = len(before)
        if not now:
            found.append(
                ReadViolation(ReadSeverity.LOST, "", f"the list is empty, where it had {counted(len(before), 'row')}")
            )
        else:
            for id_, updated in before.items():
                if id_ not in now:
                    found.append(ReadViolation(ReadSeverity.LOST, id_, f"conversation {id_} is gone from the list"))
                elif updated != (again := now[id_]) and _older(again, updated):
                    detail = f"conversation {id_} is of {again}, and was of {updated} before"
                    found.append(ReadViolation(ReadSeverity.LOST, id_, detail))
    memory.listed = now if len(now) <= CONVERSATIONS else dict(list(now.items())[:CONVERSATIONS])
    memory.listed_at = reply.at
    memory.silent = frozenset(
        room
        for row in rows
        if type(room := row.get("conversation_id")) is str and type(row.get("last_message_id")) is not str
    )
    return asked


def _older(now: object, before: object) -> bool:
    if type(now) is not str or type(before) is not str or now >= before:
        return False
    try:
        return datetime.fromisoformat(now) < datetime.fromisoformat(before) - OVERLAP
    except (ValueError, TypeError, OverflowError):
        return False


LIST_STAYS = ReadRule("list-stays", LISTS, _check)

"""A message that was shown is shown again (I46, I47). (pure)

Deleting leaves the row (contract 5.5), so the newest page holds all that it held before, down to its last row.
"""

from __future__ import annotations

from harness.client.checks.phone_memory import OPEN_CONVERSATIONS, MessagePage, PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule, ReadViolation
from harness.core.read_log import ReadSeverity

PAGE = 40


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    rows, conversation = reply.rows, reply.arguments[0]
    ids = [id_ for row in rows if type(id_ := row.get("id")) is str]
    created = [at for row in rows if type(at := row.get("created_at")) is str]
    if not len(ids) == len(created) == len(rows):
        return 0
    before, asked = memory.pages.pop(conversation, None), 0
    if before is not None and before.at <= reply.begun:
        asked = len(before.ids)
        if ids[-asked:] != before.ids:  # shown again as it was, or with newer ones on top
            _compare(before, ids, created, found)
    while len(memory.pages) >= OPEN_CONVERSATIONS:
        del memory.pages[next(iter(memory.pages))]
    memory.pages[conversation] = MessagePage(ids, created, reply.at)
    return asked


def _compare(before: MessagePage, ids: list[str], created: list[str], found: list[ReadViolation]) -> None:
    known = set(ids)
    last = created[-1] if len(ids) >= PAGE else ""
    gone = [id_ for id_, at in zip(before.ids, before.created, strict=True) if id_ not in known and at > last]
    if gone:
        detail = f"{len(gone)} of {len(before.ids)} messages are gone that were shown before, first {gone[0]}"
        if not ids:
            detail = f"the conversation is empty, where {len(gone)} messages were"
        found.append(ReadViolation(ReadSeverity.LOST, gone[0], detail))


MESSAGE_STAYS = ReadRule("message-stays", frozenset(("messages_poll",)), _check)

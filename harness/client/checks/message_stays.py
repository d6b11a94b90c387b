"""A message that was shown is shown again, with its date (I46, I47). (pure)

Deleting leaves the row (contract 5.5), so a page holds all that was shown before of the time between its ends: the
newest page from now on down to its last row, an older one from its cursor on. A conversation whose last message the
list showed has messages. Nothing changes when a message was made.
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import unquote

from harness.client.checks.phone_memory import OPEN_PAGES, MessagePage, PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule
from harness.core.counted import counted
from harness.core.read_log import ReadSeverity, ReadViolation

PAGE = 40
_NOW = ("~", "")
"""Newer than every row."""


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    rows, key = reply.rows, (reply.call, reply.arguments[0])
    ids = [id_ for row in rows if type(id_ := row.get("id")) is str]
    created = [at for row in rows if type(at := row.get("created_at")) is str]
    if not len(ids) == len(created) == len(rows):
        return 0
    before, asked = memory.pages.pop(key, None), 0
    if before is not None and before.at <= reply.begun:
        asked = len(before.ids)
        if not (ids[-asked:] == before.ids and created[-asked:] == before.created):  # as it was, or newer ones on top
            cursor = _NOW if reply.call == "messages_poll" else (unquote(reply.arguments[1]), reply.arguments[2])
            _compare(before, cursor, ids, created, found)
    elif not ids and _said(memory, reply):
        asked = 1
        detail = "the page is empty, where the list showed a last message"
        found.append(ReadViolation(ReadSeverity.LOST, reply.arguments[0], detail))
    while len(memory.pages) >= OPEN_PAGES:
        del memory.pages[next(iter(memory.pages))]
    memory.pages[key] = MessagePage(ids, created, reply.at)
    return asked


def _said(memory: PhoneMemory, reply: CheckedReply) -> bool:
    room = reply.arguments[0]
    listed = room in memory.listed and room not in memory.silent and memory.listed_at <= reply.begun
    return reply.call == "messages_poll" and listed


def dated_otherwise(before: str, now: object) -> bool:
    """Whether these are two instants, however they are written."""
    if now == before or type(now) is not str:
        return False
    try:
        return datetime.fromisoformat(now) != datetime.fromisoformat(before)
    except (ValueError, TypeError, OverflowError):
        return False


def _compare(
    before: MessagePage, cursor: tuple[str, str], ids: list[str], created: list[str], found: list[ReadViolation]
) -> None:
    known = set(ids)
    last = created[-1] if len(ids) >= PAGE else ""
    shown = zip(before.ids, before.created, strict=True)
    gone = [id_ for id_, at in shown if id_ not in known and at > last and (at, id_) < cursor]
    if gone:
        detail = f"{len(gone)} of {len(before.ids)} messages are gone that were shown before, first {gone[0]}"
        if not ids:
            detail = f"the page is empty, where {counted(len(gone), 'message was', 'messages were')}"
        found.append(ReadViolation(ReadSeverity.LOST, gone[0], detail))
    now = dict(zip(ids, created, strict=True))
    for id_, at in zip(before.ids, before.created, strict=True):
        if id_ in now and dated_otherwise(at, now[id_]):
            detail = f"message {id_} is of {now[id_]}, and was of {at} before"
            found.append(ReadViolation(ReadSeverity.LOST, id_, detail))
            break


MESSAGE_STAYS = ReadRule("message-stays", frozenset(("messages_poll", "messages_older")), _check)

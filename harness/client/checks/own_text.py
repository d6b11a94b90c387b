"""A text comes back as it was written, every code point (I45). (pure)

Compared by hash, with the body's copy of it (contract 5.4); what was deleted has no text any more (5.5).
"""

from __future__ import annotations

from typing import Any

from harness.client.checks.phone_memory import MessageText, PhoneMemory
from harness.client.checks.read_rule import CheckedReply, JsonRow, ReadRule, shown
from harness.core.read_log import ReadSeverity, ReadViolation


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    texts, asked = memory.texts, 0
    if not len(texts):
        return 0
    for row in reply.rows:
        id_ = row.get("id")
        if type(id_) is not str or id_ not in texts:
            continue
        written = texts.known(id_, reply.begun)
        if written is None:
            continue
        asked += 1
        problem = difference(row, written)
        if problem:
            found.append(ReadViolation(ReadSeverity.LOST, id_, f"message {id_} {problem}"))
    return asked


def difference(row: JsonRow, written: MessageText) -> str:
    """How a stored message differs from what was written; "" where it does not."""
    text: Any = row.get("text")
    if written.deleted:
        return f"was deleted, and still has {len(text)} code points of text" if type(text) is str and text else ""
    if row.get("client_id") != written.client_id:
        return f"has the client id {shown(row.get('client_id'))}, sent was {written.client_id}"
    bodies = [text]
    body = row.get("body")
    if type(body) is dict and "text" in body:
        bodies.append(body["text"])
    for came in bodies:
        held = came if type(came) is str else ""
        if len(held) != written.length:
            return f"came back with {len(held)} code points, {written.length} were written"
        if hash(held) != written.hash:
            return f"came back changed, of the same {written.length} code points"
    return ""


OWN_TEXT = ReadRule("own-text", frozenset(("messages_poll", "messages_older")), _check)

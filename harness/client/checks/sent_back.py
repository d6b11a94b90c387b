"""The row that answers a message is the message that was sent (I45). (pure) Contract 5.4, 5.5."""

from __future__ import annotations

from harness.client.checks.own_text import difference
from harness.client.checks.phone_memory import MessageText, PhoneMemory
from harness.client.checks.read_rule import CheckedReply, ReadRule, shown, text
from harness.core.read_log import ReadSeverity, ReadViolation


def _check(reply: CheckedReply, memory: PhoneMemory, found: list[ReadViolation]) -> int:
    if len(reply.rows) != 1 or type(reply.body) is not dict:
        return 0
    row, sent = reply.rows[0], reply.body
    id_, writer = text(row.get("id")), row.get("user_id")
    if writer != reply.me:
        detail = f"sent as {reply.me}, stored as {text(writer)}"
        found.append(ReadViolation(ReadSeverity.FOREIGN, id_, detail))
    if reply.call == "message_send":
        conversation, attachment = sent.get("conversation_id"), sent.get("attachment_url")
        if row.get("attachment_url") != attachment:
            detail = f"message {id_} has the file {shown(row.get('attachment_url'))}, sent was {attachment}"
            found.append(ReadViolation(ReadSeverity.LOST, id_, detail))
    else:
        conversation = reply.arguments[1]
        if row.get("id") != reply.arguments[0]:
            detail = f"changed message {reply.arguments[0]}, got {id_}"
            found.append(ReadViolation(ReadSeverity.WRONG, id_, detail))
    if row.get("conversation_id") != conversation:
        detail = f"sent to conversation {conversation}, stored in {text(row.get('conversation_id'))}"
        found.append(ReadViolation(ReadSeverity.FOREIGN, id_, detail))
    problem = difference(row, MessageText.of(sent.get("text"), sent.get("client_id")))
    if problem:
        found.append(ReadViolation(ReadSeverity.LOST, id_, f"message {id_} {problem}"))
    return 1


SENT_BACK = ReadRule("sent-back", frozenset(("message_send", "message_edit")), _check)

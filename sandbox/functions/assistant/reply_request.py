"""The body of assistant-chat-reply (contract 6.6). (pure)"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sandbox.functions import js

DEFAULT_CONTEXT = 12
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class BadReplyRequest(ValueError):
    """The body asks for no reply that could be given."""


@dataclass(frozen=True, slots=True)
class ReplyRequest:
    """What to answer: a stored message, or a text that is none. context: how many messages the model gets to see."""

    conversation_id: str
    message_id: str | None
    text: str | None
    context: int
    stream: bool


def parse(body: Any) -> ReplyRequest:
    """:raises BadReplyRequest: naming the field."""
    if not isinstance(body, dict):
        raise BadReplyRequest("Expected object")
    conversation, message, text = body.get("conversationId"), body.get("userMessageId"), body.get("userText")
    if not _is_uuid(conversation):
        raise BadReplyRequest("conversationId: Invalid uuid")
    for name in ("userMessageId", "userId"):
        if name in body and not _is_uuid(body[name]):
            raise BadReplyRequest(f"{name}: Invalid uuid")
    if "userText" in body and not (isinstance(text, str) and 1 <= js.length(text) <= 4000):
        raise BadReplyRequest("userText: must have 1 to 4000 characters")
    context = body.get("maxContextMessages", DEFAULT_CONTEXT)
    whole = isinstance(context, int | float) and not isinstance(context, bool) and float(context).is_integer()
    if not whole or not 4 <= context <= 40:
        raise BadReplyRequest("maxContextMessages: must be a whole number from 4 to 40")
    if not isinstance(body.get("stream", False), bool):
        raise BadReplyRequest("stream: Expected boolean")
    if message is None and text is None:
        raise BadReplyRequest("Provide userMessageId or userText")
    message_id = message if isinstance(message, str) else None
    return ReplyRequest(str(conversation), message_id, text, int(context), body.get("stream", False))


def _is_uuid(value: Any) -> bool:
    return isinstance(value, str) and _UUID.fullmatch(value) is not None

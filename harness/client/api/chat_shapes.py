"""What conversations take out of replies, checked: anything of another shape is None, never an exception. (pure)

Field names: contract 5.1 (list), 5.3 (messages), 6.6 (assistant).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

UNKNOWN = "Unknown user"


@dataclass(frozen=True, slots=True)
class Summary:
    """One row of the conversation list. people: everybody in it. pictures: theirs, storage paths and addresses.
    own_name: what the others call this person."""

    conversation: str
    is_group: bool
    others: tuple[str, ...]
    last_message: str | None = None
    read_message: str | None = None
    people: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    own_name: str = "You"

    @property
    def unread(self) -> bool:
        """As the list shows it."""
        return self.last_message is not None and self.last_message != self.read_message


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message, as far as pages, receipts and attachments use it."""

    id: str
    sender: str
    created_at: str
    client_id: str | None = None
    attachment: str | None = None
    deleted: bool = False


def summaries(data: Any, me: str) -> list[Summary] | None:
    """The conversation list, `me` left out of the others."""
    if not isinstance(data, list):
        return None
    rows = [_summary(row, me) for row in data]
    return None if any(row is None for row in rows) else [row for row in rows if row is not None]


def _summary(row: Any, me: str) -> Summary | None:
    if not isinstance(row, dict) or not isinstance(row.get("conversation_id"), str):
        return None
    listed = row.get("participants")
    people = [person for person in listed if isinstance(person, dict)] if isinstance(listed, list) else []
    ids = tuple(id_ for person in people if isinstance(id_ := person.get("id"), str))
    pictures = (person.get("avatarUrl") for person in people)
    return Summary(
        conversation=row["conversation_id"],
        is_group=bool(row.get("is_group")),
        others=tuple(id_ for id_ in ids if id_ != me),
        last_message=_text(row.get("last_message_id")),
        read_message=_text(row.get("self_last_read_message_id")),
        people=ids,
        pictures=tuple(picture for picture in pictures if isinstance(picture, str) and picture),
        own_name=next((_name(person) for person in people if person.get("isSelf") is True), "You"),
    )


def _name(person: dict[str, Any]) -> str:
    """As the app shows a participant; an empty name is one."""
    return next((name for key in ("displayName", "username") if (name := _text(person.get(key))) is not None), UNKNOWN)


def messages(data: Any) -> list[ChatMessage] | None:
    """Messages, newest first as the server sends them."""
    if not isinstance(data, list):
        return None
    rows = [message(row) for row in data]
    return None if any(row is None for row in rows) else [row for row in rows if row is not None]


def message(data: Any) -> ChatMessage | None:
    """One message."""
    if not isinstance(data, dict):
        return None
    id_, sender, at = data.get("id"), data.get("user_id"), data.get("created_at")
    if not (isinstance(id_, str) and isinstance(sender, str) and isinstance(at, str)):
        return None
    return ChatMessage(
        id_, sender, at, _text(data.get("client_id")), _text(data.get("attachment_url")), _deleted(data.get("body"))
    )


def _deleted(body: Any) -> bool:
    """A deleted message's body is a JSON string that holds JSON (trap T44); other bodies are objects."""
    if isinstance(body, str):
        try:
            body = orjson.loads(body)
        except orjson.JSONDecodeError:
            return False
    return isinstance(body, dict) and body.get("deleted") is True


def conversation_id(data: Any) -> str | None:
    """The id in a reply of create-direct-conversation or assistant-get-conversation."""
    return _text(data.get("conversationId")) if isinstance(data, dict) else None


def assistant_id(data: Any) -> str | None:
    """The assistant's person in a reply of assistant-get-conversation."""
    person = data.get("assistant") if isinstance(data, dict) else None
    return _text(person.get("id")) if isinstance(person, dict) else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None

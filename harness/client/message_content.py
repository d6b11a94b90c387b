"""What of a message the ledger and the evidence hold against each other: every code point, never the text. (pure)

A sent message has its text three times: in its column, in `body`, in `meta` (contract 5.4). An edit writes the first
two and empties `meta`; a deletion leaves a body that is JSON in a JSON string, and no text (contract 5.5). Instants of
edits and deletions are the phone's own and stand apart from it (`changed_at`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from harness.core.content import Content, content_of

MESSAGE_FIELDS = (
    "text",
    "text in the body",
    "text in meta",
    "type",
    "type in the body",
    "type in meta",
    "attachment",
    "client id in the body",
)
"""What `Content.parts` names of a message."""


def message_content(row: Mapping[str, Any]) -> Content:
    """The content of a message as it was sent, or as a row holds it: `text`, `body`, `meta`, `message_type`,
    `attachment_url`; what an edit or a deletion does not send counts as what it leaves there."""
    body, meta = _members(row["body"]), _members(row["meta"])
    return content_of(
        row["text"],
        _text(body.get("text")),
        _text(meta.get("text")),
        row["message_type"],
        _text(body.get("type")),
        _text(meta.get("type")),
        row.get("attachment_url"),
        _text(body.get("clientId")),
        *(said for said in (_unlike_deleted(body), _unlike_deleted(meta)) if said is not None),
    )


def _unlike_deleted(members: Mapping[str, Any]) -> str | None:
    """What a deletion says instead of being one: the app goes by this mark. None where it is one, and for the rest."""
    if "deletedAt" not in members and "deleted" not in members:
        return None
    return None if members.get("deleted") is True else f"deleted: {members.get('deleted')}"


def changed_at(value: Any) -> datetime | None:
    """When a message was deleted, or else edited, as its `body` or its `meta` says; None where neither is said, and for
    what is no instant."""
    members = _members(value)
    told = members.get("deletedAt", members.get("editedAt"))
    try:
        instant = datetime.fromisoformat(told) if isinstance(told, str) else None
    except ValueError:
        return None
    return None if instant is None or instant.tzinfo is None else instant


def _members(value: Any) -> Mapping[str, Any]:
    """Members of an object; a deleted message's body is an object written as text."""
    if isinstance(value, str):
        try:
            value = orjson.loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str | None:
    return None if value is None else str(value)

"""What names a row of a conversation, as a phone writes it, a poll brings it and a change tells of it. (pure)

A key is (table, user, message, ...): of a read marker also its instant, which its phone made, of a reaction its emoji.
Of messages only the phone's own are named, by client id: they show how far a channel has come.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.core.instants import epoch_us

READ_RECEIPTS, DELIVERY_RECEIPTS = "message_read_receipts", "message_delivery_receipts"
REACTIONS = "message_reactions"
RowKey = tuple[str, ...]


def row_key(table: str, row: Mapping[str, Any]) -> RowKey | None:
    """Of a row as a change or a poll has it; None for one that cannot be named."""
    user = row.get("user_id")
    if type(user) is not str:
        return None
    if table == "messages":
        client = row.get("client_id")
        return own_message(user, client) if type(client) is str else None
    message = row.get("last_read_message_id" if table == READ_RECEIPTS else "message_id")
    if type(message) is not str:
        return None
    if table == DELIVERY_RECEIPTS:
        return delivery_key(user, message)
    if table == REACTIONS:
        emoji = row.get("emoji")
        return reaction_key(user, message, emoji) if type(emoji) is str else None
    at = row.get("last_read_at")
    return read_key(user, message, at) if type(at) is str else None


def own_message(user: str, client_id: str) -> RowKey:
    """A message."""
    return "messages", user, client_id


def delivery_key(user: str, message: str) -> RowKey:
    """A delivery receipt: one for a person and a message, however often it is written."""
    return DELIVERY_RECEIPTS, user, message


def read_key(user: str, message: str, at: str) -> RowKey:
    """A read marker's value. at: ISO, in whatever form."""
    return READ_RECEIPTS, user, message, str(epoch_us(at))


def reaction_key(user: str, message: str, emoji: str) -> RowKey:
    """A reaction."""
    return REACTIONS, user, message, emoji

"""The messages of an open conversation as the app's cache holds them: merged from every reply, never dropped. (pure)

Realtime contract 2.4: poll results are merged, so nothing disappears on a poll, and a server row replaces what was
there under its id.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.client.api.chat_shapes import ChatMessage


class MessageTimeline:
    """newest: the latest message of all; newest_own: the latest of `me` that is not deleted."""

    __slots__ = ("_known", "_me", "newest", "newest_own")

    def __init__(self, me: str) -> None:
        self._me = me
        self._known: dict[str, ChatMessage] = {}
        self.newest: ChatMessage | None = None
        self.newest_own: ChatMessage | None = None

    def merge(self, messages: Iterable[ChatMessage]) -> None:
        """Take in what the server says now."""
        changed = [message for message in messages if self._known.get(message.id) != message]
        if not changed:
            return
        self._known.update((message.id, message) for message in changed)
        everything = self._known.values()
        self.newest = max(everything, key=_place, default=None)
        own = (message for message in everything if message.sender == self._me and not message.deleted)
        self.newest_own = max(own, key=_place, default=None)

    def knows(self, message: str) -> bool:
        """Whether the message with this id is here."""
        return message in self._known

    def messages(self) -> list[ChatMessage]:
        """All, newest first."""
        return sorted(self._known.values(), key=_place, reverse=True)


def _place(message: ChatMessage) -> tuple[str, str]:
    """PostgREST's timestamps have one offset, so that their texts sort as their instants do."""
    return message.created_at, message.id

"""A scripted conversation server for phones on the virtual clock: one conversation, replies that can be overridden."""

from __future__ import annotations

import re
from collections import deque
from typing import Any

from tests.client.virtual import ME, Sent

OTHER = "00000000-0000-4000-8000-00000000000b"
CONVERSATION = "00000000-0000-4000-8000-0000000000c1"


class ChatServer:
    """Give it to `VirtualPhone.server`. `script[fragment]` holds replies to use first for paths with that fragment."""

    def __init__(self, messages: int = 3, *, mine: int = 0, is_group: bool = False) -> None:
        """`messages` of the other person, `mine` older ones of ours."""
        self.rows: list[dict[str, Any]] = []
        self.is_group = is_group
        self.script: dict[str, deque[tuple[int, Any]]] = {}
        for _ in range(mine):
            self.say(ME)
        for _ in range(messages):
            self.say(OTHER)

    def say(self, who: str, **columns: Any) -> str:
        """Somebody writes; the new message's id."""
        number = len(self.rows)
        id_ = f"00000000-0000-4000-8000-{number:012x}"
        row = {
            "id": id_,
            "conversation_id": CONVERSATION,
            "user_id": who,
            "body": {"type": "text", "text": "hello"},
            "created_at": f"2026-01-01T{number // 3600:02d}:{number // 60 % 60:02d}:{number % 60:02d}.5+00:00",
            "attachment_url": None,
            "client_id": None,
            **columns,
        }
        self.rows.insert(0, row)
        return id_

    def first(self, fragment: str, *replies: tuple[int, Any]) -> None:
        """The next requests to such a path are answered so."""
        self.script.setdefault(fragment, deque()).extend(replies)

    def __call__(self, sent: Sent) -> None:
        for fragment, replies in self.script.items():
            if fragment in sent.path and replies:
                status, body = replies.popleft()
                sent.answer(body, status)
                return
        status, body = self.reply(sent)
        sent.answer(body, status)

    def reply(self, sent: Sent) -> tuple[int, Any]:
        path = sent.path
        if "get_conversation_summaries" in path:
            return 200, [self.summary()]
        if path.startswith("/rest/v1/messages?") and sent.method == "GET":
            return 200, self.page(path)
        if path.startswith("/rest/v1/messages?") and sent.method == "POST":
            row = sent.json
            self.say(ME, **{key: row[key] for key in ("body", "client_id", "attachment_url")})
            return 201, self.rows[0]
        if path.startswith("/rest/v1/messages?") and sent.method == "PATCH":
            id_ = re.search(r"[?&]id=eq\.([0-9a-f-]+)", path)
            row = next(row for row in self.rows if id_ and row["id"] == id_[1])
            row.update(sent.json)
            return 200, row
        if "create-direct-conversation" in path or "assistant-get-conversation" in path:
            return 200, {"ok": True, "conversationId": CONVERSATION, "assistant": {"id": OTHER}}
        if "assistant-chat-reply" in path:
            return 200, b'event: delta\ndata: {"text":"Hi"}\n\nevent: done\ndata: {"ok":true,"messageId":"m"}\n\n'
        if "assistant_reply_status_v1" in path:
            return 200, {"ok": True, "is_typing": False, "is_queued": False}
        if sent.method == "GET":
            return 200, []
        return (201 if sent.method == "POST" else 204), b""

    def page(self, path: str) -> list[dict[str, Any]]:
        cursor = re.search(r"id\.lt\.([0-9a-f-]+)", path)
        start = 0
        if cursor:
            start = next(place for place, row in enumerate(self.rows) if row["id"] == cursor[1]) + 1
        return self.rows[start : start + 40]

    def summary(self) -> dict[str, Any]:
        return {
            "conversation_id": CONVERSATION,
            "is_group": self.is_group,
            "participants": [
                {"id": ME, "displayName": "Pat Zero", "isSelf": True, "avatarUrl": "me/a b.jpg"},
                {"id": OTHER, "isSelf": False, "avatarUrl": "https://elsewhere.example/face.png"},
            ],
            "last_message_id": self.rows[0]["id"] if self.rows else None,
            "self_last_read_message_id": None,
        }

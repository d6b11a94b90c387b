"""Which tools a button may run, which ask back first, how one is undone, and the key that names a press. (pure)"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import Any

from sandbox.functions import js

_READS = frozenset(
    {
        *("schema_summary", "db_read", "get_my_profile", "get_my_stats", "get_ctx_snapshot", "get_my_lists"),
        *("get_list_items", "get_my_library", "search_catalog", "search_my_library", "get_my_recent_activity"),
        *("get_tool_result", "get_trending", "get_recommendations", "resolve_title", "resolve_list", "resolve_user"),
        *("get_my_rating", "get_my_review", "get_relationship_status", "get_recent_likes", "goal_get_active"),
    }
)
_WRITES = frozenset(
    {
        *("create_list", "list_add_item", "list_add_items", "list_remove_item", "list_set_visibility"),
        *("diary_set_status", "rate_title", "review_upsert", "follow_user", "unfollow_user", "block_user"),
        *("unblock_user", "conversation_mute", "notifications_mark_read", "message_send"),
        *("playbook_start", "playbook_end", "goal_start", "goal_end"),
    }
)
_INTERNAL = frozenset({"list_delete", "rating_delete", "review_delete"})
_SWAPPED = {
    "follow_user": "unfollow_user",
    "unfollow_user": "follow_user",
    "block_user": "unblock_user",
    "unblock_user": "block_user",
}
_PREVIEW = 120


class ToolRefused(Exception):
    """No button may run this tool, or its arguments are of another shape."""


@dataclass(frozen=True, slots=True)
class ToolQuestion:
    """What a person is asked before a tool runs."""

    kind: str
    prompt: str


def allowed(tool: str, *, internal: bool, suggested: bool) -> str:
    """The tool's name. internal: whether the server made the button, to undo something.

    :raises ToolRefused: for a tool that is not on the list, in the words for a suggestion or a message.
    """
    name = js.trim(tool)
    if name in _READS or name in _WRITES or (internal and name in _INTERNAL):
        return name
    where = " in suggestion" if suggested else ""
    raise ToolRefused(f"Tool not allowed{where}: {name or '(empty)'}")


def question(tool: str, args: Any) -> ToolQuestion | None:
    """What to ask first, None to go ahead."""
    members = args if isinstance(args, dict) else {}
    if tool == "message_send":
        text = members.get("text")
        preview = js.first(js.trim(text), _PREVIEW) if isinstance(text, str) else ""
        if not preview:
            return ToolQuestion("warning", "Send this message?")
        more = "…" if js.length(preview) >= _PREVIEW else ""
        return ToolQuestion("warning", f"Send this message?\n\n“{preview}{more}”")
    if tool == "block_user":
        return ToolQuestion("danger", "Block this user? You can undo it later.")
    if tool == "unblock_user":
        return ToolQuestion("warning", "Unblock this user?")
    if tool == "list_set_visibility" and js.truthy(members.get("isPublic")):
        return ToolQuestion("warning", "Make this list public? Anyone with the link may be able to view it.")
    if tool in ("playbook_start", "playbook_end", "goal_start", "goal_end"):
        return ToolQuestion("default", "Confirm this assistant workflow action?")
    return None


def undo(tool: str, args: Any, result: Any) -> dict[str, Any] | None:
    """The tool that takes it back, with its arguments."""
    members = args if isinstance(args, dict) else {}
    made = result if isinstance(result, dict) else {}

    def text(values: dict[str, Any], *names: str) -> dict[str, Any] | None:
        found = {name: values.get(name) for name in names}
        return found if all(isinstance(value, str) for value in found.values()) else None

    if tool == "create_list" and (about := text(made, "listId")):
        return {"tool": "list_delete", "internal": True, "args": about, "label": "Undo (delete list)"}
    if tool == "list_add_item" and (about := text(members, "listId", "titleId")):
        return {"tool": "list_remove_item", "args": about, "label": "Undo"}
    if tool == "rate_title" and (about := text(members, "titleId")):
        return {"tool": "rating_delete", "internal": True, "args": about, "label": "Undo (remove rating)"}
    if tool == "review_upsert" and (about := text(members, "titleId")):
        return {"tool": "review_delete", "internal": True, "args": about, "label": "Undo (delete review)"}
    if tool in _SWAPPED and (about := text(members, "targetUserId")):
        return {"tool": _SWAPPED[tool], "args": about, "label": "Undo"}
    if tool == "conversation_mute" and (about := text(members, "conversationId")):
        return {"tool": "conversation_mute", "args": {**about, "muted": False}, "label": "Undo"}
    return None


def action_key(**about: Any) -> str:
    """The same for the same press, whoever computes it; a member that is ABSENT is left out."""
    digest = hashlib.sha256(js.stringify(_sorted(about)).encode()).hexdigest()
    return f"ak_{digest[:32]}"


def confirm_token() -> str:
    """A fresh one: 24 random bytes."""
    return f"ct_{secrets.token_urlsafe(24)}"


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(entry) for entry in value] if isinstance(value, list) else value

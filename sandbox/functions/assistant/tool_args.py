"""A tool's arguments as the tool gets them: other spellings understood, then checked (contract 6.6). (pure)"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.functions import js
from sandbox.functions.assistant import tool_checks as checks
from sandbox.functions.assistant.policy import ToolRefused

STATUSES = ("want_to_watch", "watching", "watched", "dropped")
_CONTENT = checks.one_of("movie", "series", "anime")
_TITLE = ("titleId", "title_id", "id", "media_item_id")
_NESTED_TITLE = ("id", "titleId", "title_id", "media_item_id")
_LIST, _NESTED_LIST = ("listId", "list_id", "listID"), ("id", "listId", "list_id", "listID")
_ITEM = checks.shape(
    titleId=checks.uuid, contentType=checks.optional(_CONTENT), note=checks.optional(checks.text(most=500))
)
_NAMED_LIST = {"listId": checks.optional(checks.uuid), "listName": checks.optional(checks.text(1, 120))}
_CHECKS: Mapping[str, Mapping[str, checks.Check]] = {
    "create_list": {
        "name": checks.text(1),
        "description": checks.optional(checks.text(most=2000)),
        "isPublic": checks.optional(checks.flag),
        "items": checks.optional(checks.listed(_ITEM, 50)),
    },
    "list_add_item": {
        **_NAMED_LIST,
        "titleId": checks.uuid,
        "contentType": checks.optional(_CONTENT),
        "note": checks.optional(checks.text(most=500)),
    },
    "list_remove_item": {
        **_NAMED_LIST,
        "itemId": checks.optional(checks.uuid),
        "titleId": checks.optional(checks.uuid),
    },
    "diary_set_status": {
        "titleId": checks.uuid,
        "contentType": checks.optional(_CONTENT),
        "status": checks.one_of(*STATUSES),
    },
    "message_send": {
        "text": checks.text(1, 5000),
        "conversationId": checks.optional(checks.uuid),
        "targetUserId": checks.optional(checks.uuid),
        "clientId": checks.optional(checks.text(3, 120)),
        "meta": checks.optional(checks.members),
    },
}
_ISSUES_TOLD = 12


def parse(tool: str, given: Any) -> dict[str, Any]:
    """:raises ToolRefused: `INVALID_ARGS:` and the issues as JSON."""
    args = normalized(tool, given if isinstance(given, dict) else {})
    parts = _CHECKS.get(tool)
    if parts is None:
        return args
    issues = checks.shape(**parts)(args, [])
    if not issues:
        issues = _across(tool, args)
    if issues:
        raise ToolRefused(f"INVALID_ARGS:{js.stringify(issues[:_ISSUES_TOLD])}")
    kept = checks.known(args, tuple(parts))
    if isinstance(kept.get("items"), list):
        kept["items"] = [checks.known(item, ("titleId", "contentType", "note")) for item in kept["items"]]
    return kept


def _across(tool: str, args: Mapping[str, Any]) -> checks.Issues:
    listed = js.truthy(args.get("listId")) or js.truthy(args.get("listName"))
    if tool == "list_add_item" and not listed:
        return checks.custom("Provide listId or listName", ["listId"])
    if tool == "list_remove_item":
        issues = (
            [] if listed or args.get("titleId") else checks.custom("Provide listId, listName, or titleId", ["listId"])
        )
        named = args.get("itemId") or args.get("titleId")
        return issues + ([] if named else checks.custom("Provide itemId or titleId", ["titleId"]))
    if tool == "message_send" and not (args.get("conversationId") or args.get("targetUserId")):
        return checks.custom("conversationId or targetUserId required", ["conversationId"])
    return []


def normalized(tool: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments with the names that the tools use."""
    args = dict(given)
    if tool.startswith("list_"):
        _set(args, "listId", _picked(args, _LIST, "list", _NESTED_LIST))
        _set(args, "listName", list_name(_picked(args, ("listName", "list_name", "name"), "list", ("name",))))
    if tool == "list_remove_item":
        _set(args, "itemId", _picked(args, ("itemId", "item_id", "list_item_id", "id")))
        _set(args, "titleId", _picked(args, ("titleId", "title_id", "media_item_id"), "title", _NESTED_TITLE))
    if tool in ("list_add_item", "diary_set_status", "rate_title", "review_upsert", "rating_delete", "review_delete"):
        _set(args, "titleId", _picked(args, _TITLE, "title", _NESTED_TITLE))
        _content(args, args)
    if tool == "create_list" and isinstance(args.get("items"), list):
        args["items"] = [item for entry in args["items"] if (item := _item(entry, args)) is not None]
    if tool in ("follow_user", "unfollow_user", "block_user", "unblock_user", "message_send"):
        _set(args, "targetUserId", _picked(args, ("targetUserId", "target_user_id", "userId", "user_id")))
    if tool in ("conversation_mute", "message_send"):
        _set(args, "conversationId", _picked(args, ("conversationId", "conversation_id")))
    return args


def list_name(text: str) -> str:
    """A list's name without the quotes and the full stop of a sentence around it."""
    return js.trim(js.trim(text).lstrip("\"“”'").rstrip("\\\"“”'").rstrip(".!?,;:"))


def text_of(value: Any) -> str:
    """A text, number or flag as text; empty for anything else."""
    if isinstance(value, str):
        return js.trim(value)
    return js.string(value) if isinstance(value, bool | int | float) else ""


def _picked(args: Mapping[str, Any], names: tuple[str, ...], parent: str = "", nested: tuple[str, ...] = ()) -> str:
    inside = args.get(parent)
    values = [args.get(name) for name in names]
    values += [inside.get(name) for name in nested] if isinstance(inside, dict) else []
    return next((found for value in values if (found := text_of(value))), "")


def _set(args: dict[str, Any], name: str, value: str) -> None:
    if value:
        args[name] = value


def _content(args: dict[str, Any], source: Mapping[str, Any], fallback: Any = None) -> None:
    if js.truthy(args.get("contentType")):
        return
    values = [source.get(name) for name in ("contentType", "content_type", "kind", "type")]
    inside = source.get("title")
    if args is not source and isinstance(inside, dict):
        values += [inside.get(name) for name in ("contentType", "content_type", "kind", "type")]
    chosen = next((value for value in [*values, fallback] if value is not None), None)
    _set(args, "contentType", text_of(chosen).lower())


def _item(given: Any, args: Mapping[str, Any]) -> dict[str, Any] | None:
    if isinstance(given, str):
        return {"titleId": text_of(given)} if text_of(given) else None
    if not isinstance(given, dict):
        return None
    item = dict(given)
    _set(item, "titleId", _picked(given, _TITLE, "title", _NESTED_TITLE))
    fallback = args.get("contentType")
    _content(item, given, args.get("content_type") if fallback is None else fallback)
    return item

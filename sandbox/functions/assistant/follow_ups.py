"""What the assistant suggests right after a button was pressed (contract 6.6)."""

from __future__ import annotations

from typing import Any

import asyncpg
import orjson

from sandbox.functions import intake, js
from sandbox.functions.assistant.actor import Actor
from sandbox.functions.assistant.suggestion_run import SuggestionDone

_DISMISS = {"id": "dismiss", "label": "Dismiss", "type": "dismiss"}
_MESSAGES = ("go_messages", "Messages", "/messages")
_INSERT_SQL = """
insert into public.assistant_suggestions (user_id, surface, kind, title, body, actions, context, context_key)
values ($1, $2, $3, $4, $5, $6::text::jsonb, $7::text::jsonb, $8)
returning json_build_object('id', id, 'kind', kind, 'title', title, 'body', body, 'actions', actions, 'createdAt',
  created_at)::text
"""


async def make(actor: Actor, row: asyncpg.Record, action_type: Any, done: SuggestionDone) -> list[dict[str, Any]]:
    """Store them; row: the suggestion that was taken. One that cannot be stored is left out."""
    made = []
    for kind, title, body, buttons in [*_undoing(done), *_hints(action_type, done.result)]:
        actions = js.stringify([*buttons, _DISMISS])
        try:
            async with actor.request() as connection:
                stored = await connection.fetchval(
                    _INSERT_SQL,
                    actor.user_id,
                    row["surface"],
                    kind,
                    title,
                    body,
                    actions,
                    row["context"],
                    row["context_key"],
                )
        except intake.DATABASE_ERRORS as error:
            actor.services.note_swallowed("suggestion afterwards", error)
            continue
        made.append(orjson.loads(stored))
    return made


def _undoing(done: SuggestionDone) -> list[tuple[str, str, str, list[dict[str, Any]]]]:
    if done.undo is None:
        return []
    internal = js.truthy(done.undo.get("internal"))
    steps = [{"tool": done.undo["tool"], "args": done.undo["args"], "internal": internal}]
    button = {"id": "undo", "label": "Undo", "type": "toolchain"}
    return [
        (
            "undo",
            "Undo",
            "Want to undo that change?",
            [{**button, "payload": {"steps": steps, "navigateStrategy": "none"}}],
        )
    ]


def _hints(action_type: Any, result: Any) -> list[tuple[str, str, str, list[dict[str, Any]]]]:
    if action_type == "diary_set_status":
        body = "Do a quick Swipe session to pull more titles in the same vibe."
        return [("next_step", "Keep the momentum", body, [_go("go_swipe", "Go to Swipe", "/swipe")])]
    list_id = result.get("listId") if isinstance(result, dict) else None
    if not js.truthy(list_id):
        return []
    opened = f"/lists/{js.string(list_id)}"
    if action_type == "create_list":
        body = "Open the list to tweak it, or jump to Messages to recommend it."
        return [("next_step", "Next: share or pin it", body, [_go("open_list", "Open list", opened), _go(*_MESSAGES)])]
    if action_type == "list_add_item":
        return [("list_item_added", "Added", "It’s in your list.", [_go("open_list", "Open list", opened)])]  # noqa: RUF001
    if action_type == "playbook_start":
        body = "Open your plan list to adjust it, or share it in Messages."
        return [("playbook_started", "Plan started", body, [_go("open_plan", "Open plan", opened), _go(*_MESSAGES)])]
    return []


def _go(name: str, label: str, to: str) -> dict[str, Any]:
    return {"id": name, "label": label, "type": "navigate", "payload": {"to": to}}

"""What a button of the assistant can do, under the person's own rights. A small part of the shipped tools.

`diary_set_status` and the goals write what the real ones write; which tool asks back before it acts is ours to choose,
because the contract does not tell: ending a goal does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import asyncpg

from sandbox.functions import intake

STATUSES = ("want_to_watch", "watching", "watched", "dropped")
CONFIRMED = {"goal_end": "End the active goal?"}
"""Tools that need a second request with a token, and what the person is asked."""
CONFIRM_WITHIN_S = 600
_CONTENT_TYPES = {"movie": "movie", "series": "series", "anime": "anime", "episode": "series"}
_KIND_SQL = "select kind::text from public.media_items where id = $1"
_STATUS_SQL = """
insert into public.library_entries (user_id, title_id, status, content_type)
values ($1, $2, $3::text::public.library_status, $4::text::public.content_type)
on conflict (user_id, title_id) do update set status = excluded.status, updated_at = now()
"""
_GOAL_START_SQL = """
insert into public.assistant_goals (user_id, kind, title, target_count, meta)
values ($1, 'watch_count', $2, $3, jsonb_build_object('targetCount', $3::integer)) returning id::text
"""
_GOAL_END_SQL = """
update public.assistant_goals set status = 'ended', updated_at = now() where user_id = $1 and status = 'active'
"""


class ToolError(Exception):
    """The tool cannot do that: unknown, or arguments it cannot use."""


@dataclass(frozen=True, slots=True)
class Done:
    """What a tool did, for the log and for the person."""

    result: dict[str, Any]
    toast: str
    navigate_to: str | None = None


async def run(connection: asyncpg.Connection, user_id: str, tool: str, args: dict[str, Any]) -> Done:
    """:raises ToolError: for what it cannot do. :raises asyncpg.PostgresError: for what the database refuses."""
    if tool == "diary_set_status":
        return await _set_status(connection, user_id, args)
    if tool == "goal_start":
        target = args.get("target")
        usable = isinstance(target, int) and not isinstance(target, bool) and 1 <= target <= 99
        title = str(args.get("title") or "Weekly watch plan")[:200]
        goal_id = await connection.fetchval(_GOAL_START_SQL, user_id, title, target if usable else 1)
        return Done({"goalId": goal_id}, "Goal started.", "/diary")
    if tool == "goal_end":
        ended = await connection.execute(_GOAL_END_SQL, user_id)
        return Done({"ended": int(ended.rpartition(" ")[2])}, "Goal ended.")
    raise ToolError(f"Tool not allowed: {tool}")


async def _set_status(connection: asyncpg.Connection, user_id: str, args: dict[str, Any]) -> Done:
    title_id, status = args.get("titleId"), args.get("status")
    if not intake.is_uuid(title_id) or status not in STATUSES:
        raise ToolError("diary_set_status needs a titleId and a status")
    kind = await connection.fetchval(_KIND_SQL, title_id)
    if kind is None:
        raise ToolError("Title not found")
    await connection.execute(_STATUS_SQL, user_id, title_id, status, _CONTENT_TYPES.get(kind, "movie"))
    return Done({"titleId": title_id, "status": status, "verified": True}, f"Status set: {status.replace('_', ' ')}.")

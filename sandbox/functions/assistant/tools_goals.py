"""Tools around the person's goal and plan."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from sandbox.functions import intake, js
from sandbox.functions.assistant import memory
from sandbox.functions.assistant.actor import Actor

_GOAL = "active_goal_id"
_START_SQL = """
insert into public.assistant_goals (user_id, kind, title, status, start_at, end_at, meta, target_count, progress_count)
values ($1, $2, $3, 'active', $4, $5, $6::text::jsonb, $7::float8::integer, 0) returning id::text
"""
_END_SQL = """
update public.assistant_goals set status = $3, updated_at = date_trunc('milliseconds', clock_timestamp())
where id = $1::text::uuid and user_id = $2
"""
_ACTIVE_SQL = """
select json_build_object('id', id, 'kind', kind, 'title', title, 'status', status, 'endAt', end_at,
  'targetCount', target_count, 'progressCount', progress_count, 'listId', meta -> 'listId')::text
from public.assistant_goals where user_id = $1 and status = 'active' order by created_at desc limit 1
"""


async def start(actor: Actor, args: dict[str, Any]) -> dict[str, Any]:
    """Begin to count. Any number of goals may be active."""
    kind = _text(args.get("kind"), "weekly_watch_count")
    title = js.first(js.trim(_text(args.get("title"), "Weekly watch goal")) or "Weekly watch goal", 120)
    target = _clamped(args.get("targetCount"), 3, 12)
    now = datetime.now(UTC)
    end_at = now + timedelta(days=_clamped(args.get("days"), 7, 30))
    list_id = args.get("listId")
    extra = {"listId": list_id} if isinstance(list_id, str) and list_id else {}
    meta = js.stringify({"targetCount": target, **extra})
    async with actor.request() as connection:
        goal_id = await connection.fetchval(
            _START_SQL, actor.user_id, kind, title, _ms(now), _ms(end_at), meta, float(target)
        )
    await memory.store(actor, _GOAL, {"goalId": goal_id}, dated=True)
    return {"goalId": goal_id, "kind": kind, "title": title, "targetCount": target, "endAt": js.iso(end_at), **extra}


async def end(actor: Actor, args: dict[str, Any]) -> dict[str, Any]:
    """End the goal named, else the one begun last."""
    status = js.trim(_text(args.get("status"), "completed")).lower()
    status = status if status == "cancelled" else "completed"
    goal_id = js.string(args.get("goalId")) or await _current(actor)
    if not goal_id:
        return {"ended": False}
    async with actor.request() as connection:
        await connection.execute(_END_SQL, goal_id, actor.user_id, status)
    await memory.forget(actor, _GOAL)
    return {"ended": True, "goalId": goal_id, "status": status}


async def end_plan(actor: Actor, args: dict[str, Any]) -> dict[str, Any]:
    """End the plan, and the goal begun last with it; never fails."""
    await memory.forget(actor, "active_goal")
    goal_id = await _current(actor)
    if goal_id:
        try:
            async with actor.request() as connection:
                await connection.execute(_END_SQL, goal_id, actor.user_id, "completed")
        except intake.DATABASE_ERRORS as error:
            actor.services.note_swallowed("end of a goal", error)
    await memory.forget(actor, _GOAL)
    return {"ended": True}


async def active(actor: Actor, args: dict[str, Any]) -> dict[str, Any] | None:
    """The goal begun last that is not over."""
    async with actor.request() as connection:
        found = await connection.fetchval(_ACTIVE_SQL, actor.user_id)
    return None if found is None else dict(orjson.loads(found))


async def _current(actor: Actor) -> str:
    value = await memory.recall(actor, _GOAL)
    goal_id = value.get("goalId") if isinstance(value, dict) else None
    return js.string(goal_id) if js.truthy(goal_id) else ""


def _text(value: Any, default: str) -> str:
    return js.string(value) or default if js.truthy(value) else default


def _clamped(value: Any, default: int, most: int) -> float:
    number = js.to_number(default if value is None else value) or default
    bounded = max(1, min(most, number))
    return int(bounded) if float(bounded).is_integer() else bounded


def _ms(instant: datetime) -> datetime:
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)

"""What the assistant knows of a person when it makes suggestions: goal, plan, likes, the title on the screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from sandbox.functions import intake
from sandbox.functions.assistant import drafts as assistant_drafts
from sandbox.functions.assistant.drafts import Known, SuggestedTitle
from sandbox.principal import Principal
from sandbox.services import Services

PLAN = "weekly_watch_plan"
_PLAN_SQL = "select value::text from public.assistant_memory where user_id = $1 and key = 'active_goal'"
_GOAL_SQL = """
select json_build_object('id', id, 'kind', kind, 'title', title, 'status', status, 'endAt', end_at,
  'targetCount', least(greatest(target_count, 0), 99), 'progressCount', least(greatest(progress_count, 0), 99),
  'listId', case jsonb_typeof(meta -> 'listId') when 'string' then meta ->> 'listId' end)::text
from public.assistant_goals where user_id = $1 and status = 'active' order by created_at desc limit 1
"""
_TITLE_SQL = """
select id::text, kind::text, coalesce(nullif(tmdb_title, ''), nullif(tmdb_name, ''), nullif(omdb_title, ''), 'Untitled')
  as name
from public.media_items where id = $1::text::uuid
"""
_LIKES_SQL = """
select e.id::text, m.kind::text from (
  select media_item_id as id, min(place) as place from (
    select media_item_id, row_number() over (order by created_at desc) as place from public.media_events
    where user_id = $1 and event_type = 'like' and ($3::text is null or session_id = $3::text::uuid)
    order by created_at desc limit $2
  ) latest group by media_item_id
) e left join public.media_items m on m.id = e.id order by e.place
"""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What tells two people's same screen apart. goal: the newest active one, as clients get it."""

    goal: Mapping[str, Any] | None
    plan: bool
    plan_list: str | None

    @property
    def key_suffix(self) -> str:
        """What a goal and a plan add to the key that suggestions are cached by."""
        plan = f"|goal:{PLAN}:{self.plan_list or ''}" if self.plan else ""
        return plan + (f"|goalv3:{self.goal['id']}" if self.goal else "")


async def look(services: Services, principal: Principal, user_id: str) -> Surroundings:
    """Goal and plan. :raises asyncpg.PostgresError: when the database refuses."""
    async with services.acting(principal) as connection:
        plan = orjson.loads(await connection.fetchval(_PLAN_SQL, user_id) or "null")
        goal = orjson.loads(await connection.fetchval(_GOAL_SQL, user_id) or "null")
    if not isinstance(plan, dict) or plan.get("playbookId") != PLAN:
        return Surroundings(goal, False, None)
    plan_list = plan.get("listId")
    return Surroundings(goal, True, plan_list if isinstance(plan_list, str) and plan_list else None)


async def known(
    services: Services,
    principal: Principal,
    user_id: str,
    surface: str,
    context: Mapping[str, Any],
    around: Surroundings,
) -> Known:
    """Everything that the drafts of this screen depend on; what cannot be read is not there."""
    title, likes = None, []
    title_id, session_id = context.get("titleId"), context.get("sessionId")
    if surface == "title" and isinstance(title_id, str):
        title = await _title(services, principal, title_id)
    if surface == "home":
        likes = await _likes(services, principal, user_id, assistant_drafts.HOME_LIKES)
    if surface == "swipe":
        session = session_id if isinstance(session_id, str) and session_id else None
        likes = await _likes(services, principal, user_id, assistant_drafts.SWIPE_LIKES, session)
    if surface == "messages" and isinstance(context.get("conversationId"), str):
        likes = await _likes(services, principal, user_id, assistant_drafts.MESSAGE_LIKES)
        likes = [await _title(services, principal, like.id) or like for like in likes]
    return Known(context, around.goal, around.plan_list, title, likes)


async def _title(services: Services, principal: Principal, title_id: str) -> SuggestedTitle | None:
    try:
        async with services.acting(principal) as connection:
            row = await connection.fetchrow(_TITLE_SQL, title_id)
    except intake.DATABASE_ERRORS as error:
        services.note_swallowed("title of a suggestion", error)
        return None
    return None if row is None else SuggestedTitle(*row)


async def _likes(
    services: Services, principal: Principal, user_id: str, count: int, session_id: str | None = None
) -> list[SuggestedTitle]:
    try:
        async with services.acting(principal) as connection:
            rows = await connection.fetch(_LIKES_SQL, user_id, count, session_id)
    except intake.DATABASE_ERRORS as error:
        services.note_swallowed("likes of a suggestion", error)
        return []
    return [SuggestedTitle(row["id"], row["kind"]) for row in rows]

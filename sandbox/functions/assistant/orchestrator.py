"""`POST /functions/v1/assistant-orchestrator`: suggestions for a screen (contract 6.6)."""

from __future__ import annotations

from typing import Any

import asyncpg
import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import envelope, intake
from sandbox.functions.assistant import drafts as assistant_drafts
from sandbox.functions.assistant import identity as assistant_identity
from sandbox.functions.assistant.drafts import Draft
from sandbox.functions.assistant.reply_text import MentionedTitle
from sandbox.services import Services, log

NAME = "assistant-orchestrator"
PER_MINUTE = 30
_PREFERENCES_SQL = "select assistant::text from public.user_preferences where user_id = $1"
_GOAL_SQL = """
select json_build_object('id', id, 'kind', kind, 'title', coalesce(title, ''), 'status', status, 'endAt', end_at,
  'targetCount', least(target_count, 99), 'progressCount', least(progress_count, 99), 'listId', meta -> 'listId')::text
from public.assistant_goals where user_id = $1 and status = 'active' order by created_at desc limit 1
"""
_DISMISSED_SQL = """
select true from public.assistant_suggestions
where user_id = $1 and surface = $2 and dismissed_at > now() - make_interval(mins => $3) limit 1
"""
_STORED_SQL = """
select (dismissed_at is null and accepted_at is null) as open,
  json_build_object('id', id, 'kind', kind, 'title', title, 'body', body, 'actions', actions, 'createdAt', created_at)
    ::text as suggestion
from public.assistant_suggestions
where user_id = $1 and context_key = $2 and created_at > now() - make_interval(mins => $3)
order by score desc, created_at limit 20
"""
_MADE_TODAY_SQL = """
select count(*) from public.assistant_suggestions where user_id = $1 and created_at > now() - interval '24 hours'
"""
_TITLE_SQL = """
select id::text, coalesce(tmdb_title, tmdb_name, omdb_title, 'Untitled') as name from public.media_items
where id = $1::text::uuid
"""
_POPULAR_SQL = """
select m.id::text, coalesce(m.tmdb_title, m.tmdb_name, m.omdb_title, 'Untitled') as name from public.media_items m
where not exists (select 1 from public.library_entries l where l.user_id = $1 and l.title_id = m.id)
order by m.tmdb_popularity desc nulls last, m.id limit $2
"""
_INSERT_SQL = """
insert into public.assistant_suggestions (user_id, surface, kind, title, body, actions, context, context_key, score)
select $1, $2, d.kind, d.title, d.body, d.actions::jsonb, $3::text::jsonb, $4, d.score
from unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::float8[]) as d(kind, title, body, actions, score)
returning score, json_build_object('id', id, 'kind', kind, 'title', title, 'body', body, 'actions', actions,
  'createdAt', created_at)::text as suggestion
"""


async def handle(services: Services, request: Request) -> Response:
    """Person, then quota, then body."""
    preflight = envelope.preflight(request)
    if preflight is not None:
        return preflight
    if request.method != "POST":
        return intake.method_not_allowed(request)
    caller = await assistant_identity.caller(services, request)
    await intake.require_quota(services, request, "assistant_orchestrator", PER_MINUTE)
    body = await intake.json_body(request)
    if not isinstance(body, dict):
        intake.bad_body(request)
    surface = assistant_drafts.surface_of(body.get("surface"))
    context = body["context"] if isinstance(body.get("context"), dict) else {}
    limit = assistant_drafts.limit_of(body.get("limit"))
    key = assistant_drafts.context_key(surface, context)
    try:
        async with services.acting(caller.principal) as connection:
            goal = await connection.fetchval(_GOAL_SQL, caller.user_id)
            suggestions = await _suggestions(connection, caller.user_id, surface, context, key, limit, goal is not None)
    except intake.DATABASE_ERRORS as error:
        log.warning("%s: %s", NAME, error)
        return envelope.error(request, "Database operation failed", 500, "DB_ERROR")
    return envelope.reply(
        request,
        {
            "ok": True,
            "contextKey": key,
            "activeGoal": orjson.loads(goal) if goal else None,
            "suggestions": [orjson.Fragment(text) for text in suggestions],
        },
    )


async def _suggestions(
    connection: asyncpg.Connection,
    user_id: str,
    surface: str,
    context: dict[str, Any],
    key: str,
    limit: int,
    has_goal: bool,
) -> list[str]:
    """As JSON texts: none while switched off, cooling down or used up for today; the stored ones; else new ones."""
    level = await _level(connection, user_id)
    if level is None or assistant_drafts.daily_cap(level) == 0:
        return []
    cooldown = assistant_drafts.cooldown_min(surface, level)
    if await connection.fetchval(_DISMISSED_SQL, user_id, surface, cooldown):
        return []
    stored = await connection.fetch(_STORED_SQL, user_id, key, assistant_drafts.ttl_min(surface))
    if stored:
        return [row["suggestion"] for row in stored if row["open"]][:limit]
    if await connection.fetchval(_MADE_TODAY_SQL, user_id) >= assistant_drafts.daily_cap(level):
        return []
    titles = await _titles(connection, user_id, surface, context, limit)
    drafts = assistant_drafts.drafts(surface, titles, has_goal=has_goal, limit=limit)
    return await _insert(connection, user_id, surface, context, key, drafts)


async def _level(connection: asyncpg.Connection, user_id: str) -> int | None:
    """How forward the person wants it, 0 to 2; None when switched off."""
    stored = orjson.loads(await connection.fetchval(_PREFERENCES_SQL, user_id) or "{}")
    if stored.get("enabled") is False:
        return None
    level = stored.get("proactivityLevel")
    return level if isinstance(level, int) and not isinstance(level, bool) and level in (0, 1, 2) else 1


async def _titles(
    connection: asyncpg.Connection, user_id: str, surface: str, context: dict[str, Any], limit: int
) -> list[MentionedTitle]:
    titles = []
    title_id = context.get("titleId")
    if surface == "title" and intake.is_uuid(title_id):
        titles = [MentionedTitle(*row) for row in await connection.fetch(_TITLE_SQL, title_id)]
    popular = [MentionedTitle(*row) for row in await connection.fetch(_POPULAR_SQL, user_id, limit)]
    return titles + [title for title in popular if title not in titles]


async def _insert(
    connection: asyncpg.Connection,
    user_id: str,
    surface: str,
    context: dict[str, Any],
    key: str,
    drafts: list[Draft],
) -> list[str]:
    rows = await connection.fetch(
        _INSERT_SQL,
        user_id,
        surface,
        orjson.dumps(context).decode(),
        key,
        [draft.kind for draft in drafts],
        [draft.title for draft in drafts],
        [draft.body for draft in drafts],
        [orjson.dumps(draft.actions).decode() for draft in drafts],
        [1.0 - place / 10 for place in range(len(drafts))],
    )
    return [row["suggestion"] for row in sorted(rows, key=lambda row: -row["score"])]

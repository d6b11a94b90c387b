"""`POST /functions/v1/assistant-orchestrator`: suggestions for a screen (contract 6.6).

Any method; what has no JSON is 415. Whatever is served counts as shown from then on.
"""

from __future__ import annotations

from typing import Any

import asyncpg
import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import envelope, intake, js
from sandbox.functions.assistant import drafts as assistant_drafts
from sandbox.functions.assistant import identity as assistant_identity
from sandbox.functions.assistant import surroundings as assistant_surroundings
from sandbox.functions.assistant.drafts import Draft
from sandbox.services import Services, log

NAME = "assistant-orchestrator"
PER_MINUTE = 30
_PREFERENCES_SQL = "select assistant::text from public.user_preferences where user_id = $1"
_DISMISSED_SQL = """
select true from public.assistant_suggestions
where user_id = $1 and surface = $2 and dismissed_at >= now() - make_interval(mins => $3) limit 1
"""
_MADE_TODAY_SQL = """
select count(*) from public.assistant_suggestions where user_id = $1 and created_at >= now() - interval '24 hours'
"""
_SUGGESTION = """
json_build_object('id', id, 'kind', kind, 'title', title, 'body', body, 'actions', actions, 'createdAt', created_at)
  ::text as suggestion
"""
# What a job left for this person; it goes before anything stored or new.
_PENDING_SQL = f"""
select id, {_SUGGESTION} from public.assistant_suggestions
where user_id = $1 and surface = $2 and context_key like 'trigger:%' and created_at >= now() - interval '48 hours'
  and shown_at is null and dismissed_at is null and accepted_at is null
order by score desc, created_at desc limit $3
"""
_STORED_SQL = f"""
select id, {_SUGGESTION} from public.assistant_suggestions
where user_id = $1 and context_key = $2 and created_at >= now() - make_interval(mins => $3)
  and dismissed_at is null and accepted_at is null
order by created_at desc limit $4
"""
_SHOWN_SQL = """
update public.assistant_suggestions set shown_at = date_trunc('milliseconds', clock_timestamp())
where user_id = $1 and id = any($2::uuid[]) and shown_at is null
"""
_RECENT_SQL = """
select kind from public.assistant_suggestions
where user_id = $1 and surface = $2 and created_at >= now() - interval '12 hours' order by created_at desc limit 8
"""
_INSERT_SQL = f"""
insert into public.assistant_suggestions (user_id, surface, context, context_key, kind, title, body, actions, score,
  model, usage, created_at)
select $1, $2, $3::text::jsonb, $4, d.kind, d.title, d.body, d.actions::jsonb, d.score, null, '{{}}',
  date_trunc('milliseconds', clock_timestamp())
from unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::float8[]) with ordinality
  as d(kind, title, body, actions, score, place)
order by d.place returning id, {_SUGGESTION}
"""


async def handle(services: Services, request: Request) -> Response:
    """Body, then person, then quota."""
    preflight = envelope.preflight(request)
    if preflight is not None:
        return preflight
    body = await intake.json_body(request)
    members = body if isinstance(body, dict) else {}
    try:
        surface = assistant_drafts.surface_of(members.get("surface"))
    except TypeError:
        intake.bad_body(request)
    context = members["context"] if isinstance(members.get("context"), dict) else {}
    limit = assistant_drafts.limit_of(members.get("limit", "absent"))
    caller = await assistant_identity.caller(services, request)
    await intake.require_quota(services, request, "assistant_orchestrator", PER_MINUTE)
    try:
        around = await assistant_surroundings.look(services, caller.principal, caller.user_id)
        key = assistant_drafts.context_key(surface, context) + around.key_suffix
        async with services.acting(caller.principal) as connection:
            rows = await _earlier(connection, caller.user_id, surface, key, limit)
        if rows is None:
            known = await assistant_surroundings.known(
                services, caller.principal, caller.user_id, surface, context, around
            )
            async with services.acting(caller.principal) as connection:
                recent = {row["kind"] for row in await connection.fetch(_RECENT_SQL, caller.user_id, surface)}
            made = assistant_drafts.drafts(surface, known, limit=limit, recent_kinds=frozenset(recent))
            async with services.acting(caller.principal) as connection:
                rows = await _insert(connection, caller.user_id, surface, context, key, made)
        if rows:
            async with services.acting(caller.principal) as connection:
                await connection.execute(_SHOWN_SQL, caller.user_id, [row["id"] for row in rows])
    except intake.DATABASE_ERRORS as error:
        log.warning("%s: %s", NAME, error)
        return envelope.error(request, intake.message_of(error), 500, "DB_ERROR")
    suggestions = [orjson.loads(row["suggestion"]) for row in rows]
    reply = {"ok": True, "contextKey": key, "activeGoal": around.goal, "suggestions": suggestions}
    return envelope.reply(request, envelope.as_javascript(reply))


async def _earlier(
    connection: asyncpg.Connection, user_id: str, surface: str, key: str, limit: int
) -> list[asyncpg.Record] | None:
    """Those that are there, none where there shall be silence, or None when new ones have to be made."""
    level = await _level(connection, user_id)
    if not level:
        return []
    if await connection.fetchval(_DISMISSED_SQL, user_id, surface, assistant_drafts.cooldown_min(surface, level)):
        return []
    if await connection.fetchval(_MADE_TODAY_SQL, user_id) >= assistant_drafts.daily_cap(level):
        return []
    pending = await connection.fetch(_PENDING_SQL, user_id, surface, limit)
    if pending:
        return list(pending)
    return await connection.fetch(_STORED_SQL, user_id, key, assistant_drafts.ttl_min(surface), limit) or None


async def _level(connection: asyncpg.Connection, user_id: str) -> int:
    """How forward the person wants it, 0 to 2; 0 when switched off."""
    stored = orjson.loads(await connection.fetchval(_PREFERENCES_SQL, user_id) or "{}")
    stored = stored if isinstance(stored, dict) else {}
    if stored.get("enabled") is False:
        return 0
    level = stored.get("proactivityLevel")
    return int(level) if isinstance(level, int | float) and level in (0, 1, 2) and not isinstance(level, bool) else 1


async def _insert(
    connection: asyncpg.Connection,
    user_id: str,
    surface: str,
    context: dict[str, Any],
    key: str,
    drafts: list[Draft],
) -> list[asyncpg.Record]:
    if not drafts:
        return []
    return list(
        await connection.fetch(
            _INSERT_SQL,
            user_id,
            surface,
            js.stringify(context),
            key,
            [draft.kind for draft in drafts],
            [draft.title for draft in drafts],
            [draft.body for draft in drafts],
            [js.stringify(draft.actions) for draft in drafts],
            [draft.score for draft in drafts],
        )
    )

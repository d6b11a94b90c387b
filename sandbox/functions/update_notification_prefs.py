"""`/functions/v1/update-notification-prefs`: four switches, read and written (contract 6.7).

A write reads, merges and writes in three steps, so two at once can lose one: as shipped.
"""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import envelope, gate, intake, js
from sandbox.functions.gate import FunctionCaller
from sandbox.services import Services

NAME = "update-notification-prefs"
READS_PER_MINUTE, UPDATES_PER_MINUTE = 240, 60
SWITCHES = ("emailActivity", "emailRecommendations", "inAppSocial", "inAppSystem")
DEFAULTS = dict.fromkeys(SWITCHES, True)
_READ_SQL = """
select notifications::text as stored, to_json(updated_at) #>> '{}' as updated
from public.user_preferences where user_id = $1
"""
_WRITE_SQL = """
insert into public.user_preferences (user_id, notifications, updated_at)
values ($1, $2::text::jsonb, date_trunc('milliseconds', clock_timestamp()))
on conflict (user_id) do update set notifications = excluded.notifications, updated_at = excluded.updated_at
returning notifications::text as stored, to_json(updated_at) #>> '{}' as updated
"""


async def handle(services: Services, request: Request) -> Response:
    """GET reads, POST writes; other methods spend the readers' quota before they are refused."""
    preflight = envelope.preflight(request)
    if preflight is not None:
        return preflight
    gate.require_api_key(services, request, bearer_is_enough=True)
    caller = await gate.require_person(services, request)
    if request.method == "POST":
        await intake.require_quota(services, request, "notification_prefs_update", UPDATES_PER_MINUTE)
        return await _write(services, request, caller, _switches(request, await intake.json_body(request)))
    await intake.require_quota(services, request, "notification_prefs_read", READS_PER_MINUTE)
    if request.method == "GET":
        return await _read(services, request, caller)
    return envelope.error(request, "Method not allowed", 405, "METHOD_NOT_ALLOWED")


async def _read(services: Services, request: Request, caller: FunctionCaller) -> Response:
    try:
        async with services.acting(caller.principal) as connection:
            row = await connection.fetchrow(_READ_SQL, caller.user_id)
    except intake.DATABASE_ERRORS:
        return envelope.error(request, "Failed to load preferences", 500, "PREFERENCES_LOAD_FAILED")
    stored = js.spread(orjson.loads(row["stored"])) if row else {}
    preferences = {**DEFAULTS, **stored, "updatedAt": row["updated"] if row else js.iso_now()}
    return envelope.reply(request, envelope.as_javascript({"ok": True, "preferences": preferences}))


async def _write(services: Services, request: Request, caller: FunctionCaller, changes: dict[str, bool]) -> Response:
    try:
        async with services.acting(caller.principal) as connection:
            row = await connection.fetchrow(_READ_SQL, caller.user_id)
        stored = orjson.loads(row["stored"]) if row else None
        merged = {**js.spread(stored if js.truthy(stored) else DEFAULTS), **changes}
        async with services.acting(caller.principal) as connection:
            row = await connection.fetchrow(_WRITE_SQL, caller.user_id, orjson.dumps(merged).decode())
    except intake.DATABASE_ERRORS:
        return envelope.error(request, "Failed to save preferences", 500, "PREFERENCES_SAVE_FAILED")
    preferences = {**js.spread(orjson.loads(row["stored"])), "updatedAt": row["updated"]}
    return envelope.reply(request, envelope.as_javascript({"ok": True, "preferences": preferences}))


def _switches(request: Request, body: Any) -> dict[str, bool]:
    """Those given, others ignored. :raises envelope.FunctionRefusal: 400 for one that is not true or false."""
    if not isinstance(body, dict):
        intake.bad_body(request)
    given = {name: body[name] for name in SWITCHES if name in body}
    if not all(isinstance(value, bool) for value in given.values()):
        intake.bad_body(request)
    return given

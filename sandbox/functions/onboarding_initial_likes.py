"""`POST /functions/v1/onboarding-initial-likes`: always fails as shipped (contract 6.5, T15).

The upsert names a conflict target that no unique index has, so Postgres itself answers 42P10. The preferred genres are
stored by then.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import asyncpg
import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import claims, cors, envelope, gate, intake, js
from sandbox.functions.claims import ClaimsThrew, NoClaims
from sandbox.services import Bearer, Services

NAME = "onboarding-initial-likes"
ITEMS_LIMIT = 20
GENRES_STORED = 50
_GENRES_SQL = "select recsys::text from public.user_preferences where user_id = $1"
_STORE_GENRES_SQL = """
insert into public.user_preferences (user_id, recsys, updated_at) values ($1, $2::text::jsonb, now())
on conflict (user_id) do update set recsys = excluded.recsys, updated_at = excluded.updated_at
"""
# No unique index over these two columns alone can exist: the table is partitioned by the day. As behind PostgREST the
# rows are one JSON document, so that the missing index is found before any id is read.
_LIKES_SQL = """
insert into public.media_events (user_id, session_id, deck_id, position, media_item_id, event_type, source, dwell_ms,
  rating_0_10, in_watchlist, client_event_id, payload, event_day, dedupe_key)
select user_id, session_id, deck_id, position, media_item_id, event_type, source, dwell_ms, rating_0_10, in_watchlist,
  client_event_id, payload, event_day, dedupe_key
from jsonb_populate_recordset(null::public.media_events, $1::text::jsonb)
on conflict (user_id, dedupe_key) do nothing
"""


async def handle(services: Services, request: Request) -> Response:
    """Key, then the token's claims, then the body; any method."""
    if request.method == "OPTIONS":
        return _reply(200, {"ok": True})
    given = (request.headers.get("apikey") or request.headers.get("x-api-key") or "").strip()
    if given not in services.keys.accepted:
        return _reply(401, {"ok": False, "code": "INVALID_APIKEY"})
    token = gate.bearer_token(request)
    try:
        if not token:
            raise NoClaims
        bearer, user_id = await claims.of_token(services, token)
    except ClaimsThrew as error:
        return _reply(500, {"ok": False, "code": "INTERNAL_ERROR", "message": str(error)})
    except NoClaims:
        return _reply(401, {"ok": False, "code": "UNAUTHORIZED"})
    try:
        body = envelope.parse_json(await request.body())
    except ValueError:
        body = None
    if body is None or body in ("", 0):  # what JavaScript takes for false
        return _reply(400, {"ok": False, "code": "BAD_JSON"})
    members = body if isinstance(body, dict) else {}
    session = _text(members.get("sessionId"))
    if not session:
        return _reply(400, {"ok": False, "code": "MISSING_SESSION"})
    titles = _texts(members.get("mediaItemIds"))[:ITEMS_LIMIT]
    if not titles:
        return _reply(400, {"ok": False, "code": "MISSING_MEDIA_ITEM_IDS"})
    genres = _texts(members.get("preferredGenres"))[:ITEMS_LIMIT]
    if genres:
        await _remember(services, bearer, user_id, genres)
    deck = _text(members.get("deckId")) or str(uuid.uuid4())
    source = _text(members.get("source")) or "onboarding"
    day = datetime.now(UTC).date().isoformat()
    rows = [
        {
            "user_id": user_id,
            "session_id": session,
            "deck_id": deck,
            "position": place,
            "media_item_id": title,
            "event_type": "like",
            "source": source,
            "payload": {"onboarding": True},
            "event_day": day,
            "dedupe_key": f"onb:{day}:{title}",
        }
        for place, title in enumerate(titles)
    ]
    try:
        async with services.acting(bearer.principal) as connection:
            await connection.execute(_LIKES_SQL, js.stringify(rows))
    except intake.DATABASE_ERRORS as error:
        return _reply(500, {"ok": False, "code": "UPSERT_FAILED", "message": intake.message_of(error)})
    return _reply(200, {"ok": True, "deckId": deck, "inserted": len(titles)})


async def _remember(services: Services, bearer: Bearer, user_id: str, genres: list[str]) -> None:
    """Add to the preferred genres; a failure changes nothing."""
    try:
        async with services.acting(bearer.principal) as connection:
            known = await _known_genres(connection, user_id)
            stored = known.get("preferredGenres")
            merged = [*(stored if isinstance(stored, list) else []), *genres]
            known["preferredGenres"] = js.unique(merged)[:GENRES_STORED]
            await connection.execute(_STORE_GENRES_SQL, user_id, js.stringify(known))
    except intake.DATABASE_ERRORS as error:
        services.note_swallowed("preferred genres", error)


async def _known_genres(connection: asyncpg.Connection, user_id: str) -> dict[str, Any]:
    return js.spread(orjson.loads(await connection.fetchval(_GENRES_SQL, user_id) or "{}"))


def _text(value: Any) -> str:
    return js.trim(value) if isinstance(value, str) else ""


def _texts(value: Any) -> list[str]:
    """The distinct non-empty strings of a list."""
    texts = (_text(entry) for entry in value) if isinstance(value, list) else ()
    return list(dict.fromkeys(text for text in texts if text))


def _reply(status: int, body: dict[str, Any]) -> Response:
    headers = (("content-type", "application/json; charset=utf-8"), *cors.ONBOARDING)
    return envelope.raw(orjson.dumps(body), status, headers)

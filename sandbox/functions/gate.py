"""Who may call an edge function: the API key, the person behind the token, the rate limit (contract 1.3, 7.3)."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from functools import lru_cache

import asyncpg
from starlette.requests import Request

from sandbox.functions import envelope
from sandbox.functions.envelope import FunctionRefusal
from sandbox.limits import CHECK_SQL, LimitVerdict, subject_key
from sandbox.principal import Principal
from sandbox.services import Bearer, PoolExhausted, Services, log
from sandbox.settings import EVENT_AND_DECK_TTL_S, SERVER_ONLY, Snapshot, defaults
from sandbox.tokens import TokenError

UNLIMITED = 1_000_000_000
_BEARER = re.compile(r"^Bearer\s+(.+)$", re.IGNORECASE)
# A token whose session was ended is refused. One that names a session never opened here is taken, as long as its
# person exists: whoever holds the JWT secret may mint tokens for a load test.
_PERSON = """
from auth.users u left join auth.sessions s on s.id = $2
where u.id = $1 and (s.not_after is null or s.not_after > now())
"""
_PERSON_SQL = f"select u.id {_PERSON}"
# The limiter's argument mentions the person's row, so that it is not called (and nothing counted) without one.
_PERSON_AND_LIMIT_SQL = f"""
select r.ok, r.retry_after_seconds from (select u.id {_PERSON}) p
cross join lateral public.check_rate_limit(case when p.id is not null then $3 end, $4, $5) r
"""


@dataclass(frozen=True, slots=True)
class FunctionCaller:
    """The signed-in person behind a request."""

    user_id: str
    principal: Principal
    expires_at: float


@dataclass(frozen=True, slots=True)
class Admission:
    """A caller let in by the gate, the settings in force, and the limiter's word."""

    caller: FunctionCaller
    settings: Snapshot
    verdict: LimitVerdict


def bearer_token(request: Request) -> str:
    """The token of the `Authorization` header, empty when there is none."""
    match = _BEARER.match(request.headers.get("authorization", "").strip())
    return match.group(1).strip() if match else ""


def require_api_key(services: Services, request: Request, *, bearer_is_enough: bool, public_only: bool = False) -> None:
    """:raises FunctionRefusal: 401 MISSING_APIKEY or INVALID_APIKEY. Any bearer token skips the check where allowed."""
    if bearer_is_enough and bearer_token(request):
        return
    given = (request.headers.get("apikey") or request.headers.get("x-api-key") or "").strip()
    if not given:
        raise FunctionRefusal(envelope.error(request, "Missing apikey header", 401, "MISSING_APIKEY"))
    allowed = services.keys.public if public_only else services.keys.accepted
    if given not in allowed:
        raise FunctionRefusal(envelope.error(request, "Invalid apikey header", 401, "INVALID_APIKEY"))


@lru_cache(maxsize=65_536)
def _uuid(text: str) -> uuid.UUID | None:
    """One of a token's ids. Remembered, because the same few come with every request."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _session_of(bearer: Bearer) -> uuid.UUID | None:
    return _uuid(bearer.session_id) if isinstance(bearer.session_id, str) else None


def verified(services: Services, request: Request) -> tuple[Bearer, FunctionCaller]:
    """The token's own word. :raises FunctionRefusal: 401 MISSING_JWT or INVALID_SESSION."""
    token = bearer_token(request)
    if not token:
        raise FunctionRefusal(envelope.error(request, "Missing Authorization bearer token", 401, "MISSING_JWT"))
    try:
        bearer = services.tokens.verify(token)
    except TokenError:
        raise invalid_session(request) from None
    subject = bearer.principal.user_id
    user_id = _uuid(subject) if isinstance(subject, str) else None
    if user_id is None:
        raise invalid_session(request)
    return bearer, FunctionCaller(str(user_id), bearer.principal, bearer.expires_at)


def invalid_session(request: Request) -> FunctionRefusal:
    """What every failure of GoTrue's `GET /user` becomes."""
    return FunctionRefusal(envelope.error(request, "Invalid session", 401, "INVALID_SESSION"))


async def person_exists(services: Services, bearer: Bearer, user_id: str) -> bool:
    """GoTrue's `GET /user`: does the person exist, was the session not ended. Uses GoTrue's own connections."""
    return await services.auth_pool.fetchval(_PERSON_SQL, user_id, _session_of(bearer)) is not None


async def require_person(services: Services, request: Request) -> FunctionCaller:
    """The signed-in caller. :raises FunctionRefusal: 401 MISSING_JWT or INVALID_SESSION."""
    bearer, caller = verified(services, request)
    if not await person_exists(services, bearer, caller.user_id):
        raise invalid_session(request)
    return caller


async def admit(services: Services, request: Request, *, action: str, default: int, override: int = 0) -> Admission:
    """Person, then settings, then the limiter, in this order, before a byte of the body is looked at.

    With warm settings this is one statement and one round trip. override: the switch's limit, 0 for the setting's.
    :raises FunctionRefusal: 401, as `require_person`.
    """
    if services.switches.limiter_missing:
        override = UNLIMITED
    bearer, caller = verified(services, request)
    settings = services.settings.fresh(SERVER_ONLY, EVENT_AND_DECK_TTL_S)
    # the limiter reads the token unverified; here it is verified already, so both name the same person
    key = f"user:{subject}" if (subject := (bearer.principal.user_id or "").strip()) else subject_key(request.headers)
    if settings is not None:
        limit = override or settings.rate_limit(action, default)
        try:
            async with services.connection() as connection:
                row = await connection.fetchrow(
                    _PERSON_AND_LIMIT_SQL, caller.user_id, _session_of(bearer), key, action, limit
                )
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, PoolExhausted) as error:
            log.warning("limiter failed, counting in memory: %s", error)
            if not await person_exists(services, bearer, caller.user_id):
                raise invalid_session(request) from None
            return Admission(caller, settings, services.memory_limiter.hit(key, action, limit))
        if row is None:
            raise invalid_session(request)
        return Admission(caller, settings, LimitVerdict(row["ok"], row["retry_after_seconds"]))
    if not await person_exists(services, bearer, caller.user_id):
        raise invalid_session(request)
    settings = await load_settings(services)
    limit = override or settings.rate_limit(action, default)
    return Admission(caller, settings, await _limited(services, key, action, limit))


async def load_settings(services: Services) -> Snapshot:
    """The server's settings; the registry's defaults when they cannot be read."""
    try:
        async with services.connection() as connection:
            return await services.settings.load(connection, SERVER_ONLY, EVENT_AND_DECK_TTL_S)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, PoolExhausted) as error:
        log.warning("settings unreadable, using the defaults: %s", error)
        return defaults(SERVER_ONLY)


async def _limited(services: Services, key: str, action: str, limit: int) -> LimitVerdict:
    try:
        async with services.connection() as connection:
            row = await connection.fetchrow(CHECK_SQL, key, action, limit)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, PoolExhausted) as error:
        log.warning("limiter failed, counting in memory: %s", error)
        return services.memory_limiter.hit(key, action, limit)
    return LimitVerdict(row["ok"], row["retry_after_seconds"])

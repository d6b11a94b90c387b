"""Sessions: access tokens, rotating refresh tokens, and their end.

Rotation follows GoTrue: a used refresh token still works for 10 s, and for as long as its one successor is unused,
which is how a client that lost the reply gets in again. Later use revokes the session's tokens.
"""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Mapping
from typing import Any

import asyncpg
import orjson

from sandbox.auth import people
from sandbox.auth.errors import AuthError
from sandbox.services import Services

REUSE_S = 10
SCOPES = ("global", "local", "others")
_TOKEN_BYTES = 9

_NEW_SESSION = "insert into auth.sessions (id, user_id) values ($1, $2)"
_NEW_TOKEN = "insert into auth.refresh_tokens (token, user_id, session_id, parent) values ($1, $2, $3, $4)"
_SIGNED_IN = f"update auth.users set last_sign_in_at = now() where id = $1 returning {people.COLUMNS}"
_FIND_TOKEN = """
select t.token, t.revoked, t.user_id, t.session_id, t.updated_at + make_interval(secs => $2) < now() as too_late,
  s.not_after <= now() as ended
from auth.refresh_tokens t join auth.sessions s on s.id = t.session_id
where t.token = $1 for update of s
"""
_ACTIVE_TOKEN = """
select token, parent from auth.refresh_tokens where session_id = $1 and not revoked order by id desc limit 1
"""
_REVOKE = "update auth.refresh_tokens set revoked = true, updated_at = now() where token = $1 and not revoked"
_REVOKE_SESSION = (
    "update auth.refresh_tokens set revoked = true, updated_at = now() where session_id = $1 and not revoked"
)
_REFRESHED = "update auth.sessions set refreshed_at = now(), updated_at = now() where id = $1"
# The row stays: a token of an ended session must be told from one that was minted elsewhere with the same secret.
_END_OWN = """
insert into auth.sessions (id, user_id, not_after) values ($2, $1, now())
on conflict (id) do update set not_after = now()
"""
_END_ALL = "update auth.sessions set not_after = now() where user_id = $1 and (not_after is null or not_after > now())"
_END_OTHERS = f"{_END_ALL} and id is distinct from $2::uuid"
_FORGET_TOKENS = """
delete from auth.refresh_tokens t using auth.sessions s
where s.id = t.session_id and s.user_id = $1 and s.not_after <= now()
"""


async def open_session(services: Services, connection: asyncpg.Connection, user_id: str) -> dict[str, Any]:
    """Sign a person in: a new session with its first pair of tokens. Needs a transaction."""
    session_id = uuid.uuid4()
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    await connection.execute(_NEW_SESSION, session_id, user_id)
    await connection.execute(_NEW_TOKEN, token, user_id, session_id, None)
    person = await connection.fetchrow(_SIGNED_IN, user_id)
    return _reply(services, person, session_id, token)


async def refresh(services: Services, connection: asyncpg.Connection, given: str) -> dict[str, Any]:
    """Rotate a refresh token. Needs a transaction.

    :raises AuthError: 400 refresh_token_not_found, refresh_token_already_used, session_expired, user_not_found.
    """
    row = await connection.fetchrow(_FIND_TOKEN, given, float(REUSE_S))
    if row is None:
        raise AuthError(400, "refresh_token_not_found", "Invalid Refresh Token: Refresh Token Not Found")
    if row["ended"]:
        raise AuthError(400, "session_expired", "Invalid Refresh Token: Session Expired")
    person = await people.by_id(connection, row["user_id"])
    if person is None:
        raise AuthError(400, "user_not_found", "Invalid Refresh Token: User Not Found")
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    if row["revoked"]:
        active = await connection.fetchrow(_ACTIVE_TOKEN, row["session_id"])
        if active is not None and active["parent"] == given:
            return _reply(services, person, row["session_id"], active["token"])
        if row["too_late"]:
            raise ReusedToken(row["session_id"])
    await connection.execute(_REVOKE, given)
    await connection.execute(_NEW_TOKEN, token, row["user_id"], row["session_id"], given)
    await connection.execute(_REFRESHED, row["session_id"])
    return _reply(services, person, row["session_id"], token)


class ReusedToken(AuthError):
    """A refresh token came back too late: the session's tokens are to be revoked, which outlives the refusal."""

    def __init__(self, session_id: uuid.UUID) -> None:
        super().__init__(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")
        self.session_id = session_id

    async def revoke(self, connection: asyncpg.Connection) -> None:
        """Whoever holds the session's newest token is out as well: one of the two may be a thief."""
        await connection.execute(_REVOKE_SESSION, self.session_id)


async def end(connection: asyncpg.Connection, user_id: str, session_id: uuid.UUID | None, scope: str) -> None:
    """Log out: this session, all of the person's, or all but this. Needs a transaction."""
    if scope == "others":
        await connection.execute(_END_OTHERS, user_id, session_id)
    else:
        if session_id is not None:
            await connection.execute(_END_OWN, user_id, session_id)
        if scope == "global":
            await connection.execute(_END_ALL, user_id)
    await connection.execute(_FORGET_TOKENS, user_id)


def _reply(services: Services, person: Mapping[str, Any], session_id: uuid.UUID, refresh_token: str) -> dict[str, Any]:
    lifetime = services.access_token_lifetime_s
    token = services.keys.access_token(
        person["id"],
        person["email"] or "",
        lifetime_s=lifetime,
        issuer=f"{services.url}/auth/v1",
        metadata=orjson.loads(person["user_metadata"] or "{}"),
        session_id=str(session_id),
        app_metadata=orjson.loads(person["app_metadata"] or "{}"),
    )
    return {
        "access_token": token,
        "token_type": "bearer",
        "expires_in": lifetime,
        "expires_at": int(time.time()) + lifetime,
        "refresh_token": refresh_token,
        "user": people.shown(person),
        "weak_password": None,
    }

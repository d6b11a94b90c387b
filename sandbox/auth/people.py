"""People in `auth.users`, and how GoTrue shows them."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import asyncpg
import orjson

from sandbox.auth.errors import AuthError

PASSWORD_LENGTH = 6
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_BCRYPT_COST = 4  # of the database's own crypt(): sign-in must not measure this machine's hashing

COLUMNS = """
id::text as id, email, phone, role, aud, email_confirmed_at, confirmed_at, last_sign_in_at, created_at, updated_at,
banned_until, is_anonymous, raw_app_meta_data::text as app_metadata, raw_user_meta_data::text as user_metadata
"""
_BY_ID = f"select {COLUMNS} from auth.users where id = $1"
_BY_PASSWORD = f"""
select {COLUMNS}, encrypted_password = extensions.crypt($2, encrypted_password) as password_fits
from auth.users where email = $1 and not is_sso_user
"""
_INSERT = f"""
insert into auth.users (instance_id, id, email, encrypted_password, email_confirmed_at, raw_app_meta_data,
  raw_user_meta_data)
values ('00000000-0000-0000-0000-000000000000', coalesce($1, gen_random_uuid()), $2,
  case when $3::text is not null then extensions.crypt($3, extensions.gen_salt('bf', {_BCRYPT_COST})) else '' end,
  case when $4 then now() end, $5::text::jsonb, $6::text::jsonb)
returning {COLUMNS}
"""
_UPDATE = f"""
update auth.users set
  email = coalesce($2, email),
  encrypted_password = case when $3::text is null then encrypted_password
    else extensions.crypt($3, extensions.gen_salt('bf', {_BCRYPT_COST})) end,
  email_confirmed_at = case when $4 then coalesce(email_confirmed_at, now()) else email_confirmed_at end,
  raw_app_meta_data = (coalesce(raw_app_meta_data, '{{}}') || $5::text::jsonb)
    - array(select key from jsonb_each($5::text::jsonb) where value = 'null'),
  raw_user_meta_data = (coalesce(raw_user_meta_data, '{{}}') || $6::text::jsonb)
    - array(select key from jsonb_each($6::text::jsonb) where value = 'null'),
  banned_until = case when $7 then $8 else banned_until end,
  updated_at = now()
where id = $1 returning {COLUMNS}
"""


async def by_id(connection: asyncpg.Connection, user_id: str) -> asyncpg.Record | None:
    """The person's row, None when there is none."""
    return await connection.fetchrow(_BY_ID, user_id)


async def by_password(connection: asyncpg.Connection, email: str, password: str) -> asyncpg.Record:
    """:raises AuthError: 400 invalid_credentials, email_not_confirmed or user_banned."""
    row = await connection.fetchrow(_BY_PASSWORD, email, password)
    if row is None or not row["password_fits"]:
        raise AuthError(400, "invalid_credentials", "Invalid login credentials")
    if row["banned_until"] is not None and row["banned_until"] > datetime.now(row["banned_until"].tzinfo):
        raise AuthError(400, "user_banned", "User is banned")
    if row["email_confirmed_at"] is None:
        raise AuthError(400, "email_not_confirmed", "Email not confirmed")
    return row


async def taken(connection: asyncpg.Connection, email: str) -> bool:
    """Whether somebody has this e-mail address."""
    return bool(await connection.fetchval("select true from auth.users where email = $1 and not is_sso_user", email))


async def create(
    connection: asyncpg.Connection,
    *,
    email: str,
    password: str | None,
    confirmed: bool,
    user_metadata: Mapping[str, Any],
    app_metadata: Mapping[str, Any] | None = None,
    user_id: uuid.UUID | None = None,
) -> asyncpg.Record:
    """Insert a person; the application's trigger writes their profile, and its failure undoes everything.

    :raises asyncpg.UniqueViolationError: the id or the e-mail address is taken.
    :raises asyncpg.PostgresError: the trigger refused.
    """
    app = {"provider": "email", "providers": ["email"], **(app_metadata or {})}
    return await connection.fetchrow(
        _INSERT, user_id, email, password, confirmed, orjson.dumps(app).decode(), orjson.dumps(user_metadata).decode()
    )


async def update(
    connection: asyncpg.Connection,
    user_id: str,
    *,
    email: str | None = None,
    password: str | None = None,
    confirm: bool = False,
    user_metadata: Mapping[str, Any] | None = None,
    app_metadata: Mapping[str, Any] | None = None,
    ban: tuple[datetime | None] | None = None,
) -> asyncpg.Record | None:
    """Change what is given; metadata is merged member by member, a null takes a member away."""
    return await connection.fetchrow(
        _UPDATE,
        user_id,
        email,
        password,
        confirm,
        orjson.dumps(app_metadata or {}).decode(),
        orjson.dumps(user_metadata or {}).decode(),
        ban is not None,
        ban[0] if ban else None,
    )


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    """The `user` object of GoTrue's replies."""
    user: dict[str, Any] = {
        "id": row["id"],
        "aud": row["aud"],
        "role": row["role"],
        "email": row["email"],
        "phone": row["phone"] or "",
        "app_metadata": orjson.loads(row["app_metadata"] or "{}"),
        "user_metadata": orjson.loads(row["user_metadata"] or "{}"),
        "identities": [_identity(row)],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "is_anonymous": row["is_anonymous"],
    }
    for name in ("email_confirmed_at", "confirmed_at", "last_sign_in_at", "banned_until"):
        if row[name] is not None:
            user[name] = row[name]
    return user


def _identity(row: Mapping[str, Any]) -> dict[str, Any]:
    """Every person here has the one identity of their e-mail address; it is derived, not stored."""
    return {
        "identity_id": row["id"],
        "id": row["id"],
        "user_id": row["id"],
        "identity_data": {"email": row["email"], "email_verified": True, "phone_verified": False, "sub": row["id"]},
        "provider": "email",
        "last_sign_in_at": row["last_sign_in_at"],
        "created_at": row["created_at"],
        "updated_at": row["updated_at"],
        "email": row["email"],
    }


def valid_email(value: Any) -> str:
    """Lower-cased. :raises AuthError: 400 validation_failed."""
    text = value.strip().lower() if isinstance(value, str) else ""
    if not _EMAIL.fullmatch(text) or len(text) > 255:
        raise AuthError(400, "validation_failed", "Unable to validate email address: invalid format")
    return text


def strong_password(value: Any) -> str:
    """:raises AuthError: 422 weak_password."""
    if not isinstance(value, str) or len(value) < PASSWORD_LENGTH:
        raise AuthError(422, "weak_password", f"Password should be at least {PASSWORD_LENGTH} characters.")
    return value

"""GoTrue's admin API: people made, listed, changed and removed with the service key."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
from starlette.requests import Request
from starlette.responses import Response

from sandbox.auth import people
from sandbox.auth.errors import AuthError, json_reply

PER_PAGE = 50
_PER_PAGE_LIMIT = 1000
_PAGE_SQL = f"select {people.COLUMNS} from auth.users order by created_at desc, id limit $1 offset $2"
_COUNT_SQL = "select count(*) from auth.users"
_DELETE_SQL = "delete from auth.users where id = $1 returning id"
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(h|m|s)")
_SECONDS = {"h": 3600, "m": 60, "s": 1}


async def create(connection: asyncpg.Connection, request: Request, body: dict[str, Any]) -> Response:
    """:raises AuthError: 422 email_exists; 500 when the application's sign-up trigger refuses."""
    email = people.valid_email(body.get("email"))
    password = body.get("password")
    if password is not None and (not isinstance(password, str) or not password):
        raise AuthError(400, "validation_failed", "password must be a non-empty string")
    identifier = body.get("id")
    try:
        user_id = uuid.UUID(identifier) if isinstance(identifier, str) and identifier else None
    except ValueError:
        raise AuthError(400, "validation_failed", "ID must conform to the uuid v4 format") from None
    if await people.taken(connection, email):
        raise _email_exists()
    try:
        async with connection.transaction():
            person = await people.create(
                connection,
                email=email,
                password=password,
                confirmed=bool(body.get("email_confirm")),
                user_metadata=_object(body, "user_metadata"),
                app_metadata=_object(body, "app_metadata"),
                user_id=user_id,
            )
    except asyncpg.PostgresError as error:
        if getattr(error, "constraint_name", None) == "users_email_partial_key":
            raise _email_exists() from None
        raise AuthError(500, "unexpected_failure", "Database error creating new user") from None
    return json_reply(people.shown(person))


async def page(connection: asyncpg.Connection, request: Request, body: dict[str, Any]) -> Response:
    """Newest first; `x-total-count` and `link` say what else there is."""
    number = _positive(request, "page", 1)
    size = min(_positive(request, "per_page", PER_PAGE), _PER_PAGE_LIMIT)
    total = int(await connection.fetchval(_COUNT_SQL))
    rows = await connection.fetch(_PAGE_SQL, size, (number - 1) * size)
    last = max(1, -(-total // size))
    link = f'</admin/users?page={last}&per_page={size}>; rel="last"'
    if number < last:
        link = f'</admin/users?page={number + 1}&per_page={size}>; rel="next", {link}'
    headers = {"x-total-count": str(total), "link": link}
    return json_reply({"users": [people.shown(row) for row in rows], "aud": "authenticated"}, 200, headers)


async def get(connection: asyncpg.Connection, request: Request, body: dict[str, Any]) -> Response:
    """:raises AuthError: 404 user_not_found."""
    person = await people.by_id(connection, _path_id(request))
    if person is None:
        raise _not_found()
    return json_reply(people.shown(person))


async def put(connection: asyncpg.Connection, request: Request, body: dict[str, Any]) -> Response:
    """:raises AuthError: 404 user_not_found, 422 email_exists or weak_password."""
    password, email = body.get("password"), body.get("email")
    try:
        async with connection.transaction():
            person = await people.update(
                connection,
                _path_id(request),
                email=people.valid_email(email) if email else None,
                password=people.strong_password(password) if password else None,
                confirm=bool(body.get("email_confirm")),
                user_metadata=_object(body, "user_metadata"),
                app_metadata=_object(body, "app_metadata"),
                ban=_ban(body.get("ban_duration")),
            )
    except asyncpg.UniqueViolationError:
        raise _email_exists() from None
    if person is None:
        raise _not_found()
    return json_reply(people.shown(person))


async def delete(connection: asyncpg.Connection, request: Request, body: dict[str, Any]) -> Response:
    """Gone with everything that hangs on them. :raises AuthError: 404 user_not_found."""
    if await connection.fetchval(_DELETE_SQL, _path_id(request)) is None:
        raise _not_found()
    return json_reply({})


def _path_id(request: Request) -> str:
    try:
        return str(uuid.UUID(request.path_params["user_id"]))
    except ValueError:
        raise AuthError(404, "validation_failed", "user_id must be an UUID") from None


def _object(body: dict[str, Any], name: str) -> dict[str, Any]:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise AuthError(400, "validation_failed", f"{name} must be an object")
    return value


def _positive(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 10**9:
        raise AuthError(400, "validation_failed", f"Bad Pagination Parameters: {name} must be a positive number")
    return int(text)


def _ban(value: Any) -> tuple[datetime | None] | None:
    """None: unchanged; a pair of brackets around None: not banned any more."""
    if value is None:
        return None
    if value == "none":
        return (None,)
    match = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise AuthError(400, "validation_failed", "invalid format for ban duration: use a number and h, m or s")
    return (datetime.now(UTC) + timedelta(seconds=float(match.group(1)) * _SECONDS[match.group(2)]),)


def _not_found() -> AuthError:
    return AuthError(404, "user_not_found", "User not found")


def _email_exists() -> AuthError:
    return AuthError(422, "email_exists", "A user with this email address has already been registered")

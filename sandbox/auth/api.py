"""The routes of `/auth/v1`, and who may use them."""

from __future__ import annotations

import asyncio
import functools
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import asyncpg
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.auth import admin, people, sessions
from sandbox.auth.errors import AuthError, empty_reply, json_reply, no_api_key, refusal
from sandbox.limits import caller_address
from sandbox.services import Bearer, Services
from sandbox.tokens import NEW_KEY, TokenError, one_key

Handler: TypeAlias = Callable[[Services, Request], Awaitable[Response]]

VERSION = "v2.185.0"
_PREFLIGHT = {
    "access-control-allow-headers": "authorization, apikey, content-type, x-client-info, x-supabase-api-version",
    "access-control-allow-methods": "GET, POST, PUT, DELETE, OPTIONS",
    "access-control-max-age": "86400",
}
_ENDED = "select true from auth.sessions where id = $1 and not_after <= now()"


def routes(services: Services) -> list[Route]:
    """Everything under `/auth/v1`."""
    table: tuple[tuple[str, str, Handler], ...] = (
        ("POST", "token", _token),
        ("GET", "user", _get_user),
        ("PUT", "user", _put_user),
        ("POST", "logout", _logout),
        ("POST", "signup", _signup),
        ("POST", "recover", _recover),
        ("GET", "health", _health),
        ("GET", "settings", _settings),
        ("POST", "admin/users", _as_admin(admin.create)),
        ("GET", "admin/users", _as_admin(admin.page)),
        ("GET", "admin/users/{user_id}", _as_admin(admin.get)),
        ("PUT", "admin/users/{user_id}", _as_admin(admin.put)),
        ("DELETE", "admin/users/{user_id}", _as_admin(admin.delete)),
    )
    by_path: dict[str, dict[str, Handler]] = {}
    for method, path, handler in table:
        by_path.setdefault(path, {})[method] = handler
    listed = [
        Route(f"/auth/v1/{path}", functools.partial(_dispatch, services, handlers), methods=[*handlers, "OPTIONS"])
        for path, handlers in by_path.items()
    ]
    return [*listed, Route("/auth/v1/.well-known/jwks.json", functools.partial(_jwks, services), methods=["GET"])]


async def _dispatch(services: Services, handlers: dict[str, Handler], request: Request) -> Response:
    """The gateway's key check, the handler, and its refusals in GoTrue's shape."""
    if request.method == "OPTIONS":
        return json_reply({}, 200, _PREFLIGHT)
    given = request.headers.get("apikey") or request.query_params.get("apikey")
    if given not in services.keys.accepted:
        return no_api_key(given)
    handler = handlers.get("GET" if request.method == "HEAD" else request.method)
    version = request.headers.get("x-supabase-api-version", "")
    patience = _patience(services)
    try:
        if handler is None:
            raise AuthError(405, "unexpected_failure", "Method not allowed")
        _within_limits(services, request, service=given in services.keys.private)
        async with patience:
            return await handler(services, request)
    except AuthError as error:
        return refusal(error, version)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
        if patience.expired():
            message = "Processing this request timed out, please retry after a moment."
            return refusal(AuthError(504, "request_timeout", message), version)
        return refusal(AuthError(500, "unexpected_failure", "Database error"), version)


def _patience(services: Services) -> asyncio.Timeout:
    """How long a request may take."""
    return asyncio.timeout(services.switches.auth_timeout_ms / 1000 or None)


def _within_limits(services: Services, request: Request, *, service: bool) -> None:
    """Before a byte of the body is read. :raises AuthError: 429 over_request_rate_limit."""
    if request.method not in ("POST", "PUT"):
        return
    peer = request.client.host if request.client is not None else ""
    trusted = services.switches.forwarded_for_trusted
    address = caller_address(peer, request.headers, trusted=trusted, service=service)
    if not services.address_limiter.admits(request.url.path.rpartition("/")[2], address):
        raise AuthError(429, "over_request_rate_limit", "Request rate limit reached")


async def read_body(request: Request) -> dict[str, Any]:
    """:raises AuthError: 400 bad_json."""
    try:
        body = orjson.loads(await request.body() or b"{}")
    except ValueError as error:
        raise AuthError(400, "bad_json", f"Could not parse request body as JSON: {error}") from None
    if not isinstance(body, dict):
        raise AuthError(400, "bad_json", "Could not parse request body as JSON: expected an object")
    return body


def _bearer(services: Services, request: Request) -> Bearer:
    """:raises AuthError: 401 no_authorization, 403 bad_jwt."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    key = request.headers.get("apikey", "")
    token = token.strip() if scheme.lower() == "bearer" else ""
    if not token and key.startswith(NEW_KEY):
        token = key  # the gateway puts its role's token there
    if not token:
        raise AuthError(401, "no_authorization", "This endpoint requires a valid Bearer token")
    try:
        return services.tokens.verify(one_key(token, key))
    except TokenError as error:
        reason = "token is expired" if error.expired else "signature is invalid"
        message = f"invalid JWT: unable to parse or verify signature, {reason}"
        raise AuthError(403, "bad_jwt", message) from None


async def _person(
    services: Services, connection: asyncpg.Connection, request: Request
) -> tuple[asyncpg.Record, uuid.UUID | None]:
    """The signed-in person and their session. :raises AuthError: 401 or 403."""
    bearer = _bearer(services, request)
    try:
        user_id = str(uuid.UUID(bearer.principal.user_id or ""))
    except ValueError:
        raise AuthError(403, "bad_jwt", "invalid claim: missing sub claim") from None
    try:
        session_id = uuid.UUID(bearer.session_id) if bearer.session_id else None
    except ValueError:
        raise AuthError(403, "bad_jwt", "invalid claim: session_id claim must be a UUID") from None
    person = await people.by_id(connection, user_id)
    if person is None:
        raise AuthError(403, "user_not_found", "User from sub claim in JWT does not exist")
    if session_id is not None and await connection.fetchval(_ENDED, session_id):
        raise AuthError(403, "session_not_found", "Session from session_id claim in JWT does not exist")
    return person, session_id


def _as_admin(handler: Callable[[asyncpg.Connection, Request, dict[str, Any]], Awaitable[Response]]) -> Handler:
    """Only the service key may; the handler gets a transaction and the body."""

    async def guarded(services: Services, request: Request) -> Response:
        if _bearer(services, request).principal.role != "service_role":
            raise AuthError(403, "not_admin", "User not allowed")
        body = await read_body(request) if request.method in ("POST", "PUT") else {}
        async with services.auth_pool.acquire() as connection, connection.transaction():
            return await handler(connection, request, body)

    return guarded


async def _token(services: Services, request: Request) -> Response:
    body = await read_body(request)
    grant = request.query_params.get("grant_type", "")
    if grant == "password":
        email, password = body.get("email"), body.get("password")
        if not isinstance(email, str) or not email:
            raise AuthError(400, "validation_failed", "missing email or phone")
        if not isinstance(password, str):
            raise AuthError(400, "validation_failed", "missing password")
        async with services.auth_pool.acquire() as connection, connection.transaction():
            person = await people.by_password(connection, email.strip().lower(), password)
            return json_reply(await sessions.open_session(services, connection, person["id"]))
    if grant == "refresh_token":
        token = body.get("refresh_token")
        if not isinstance(token, str) or not token:
            raise AuthError(400, "validation_failed", "refresh_token required")
        async with services.auth_pool.acquire() as connection:
            try:
                async with connection.transaction():
                    return json_reply(await sessions.refresh(services, connection, token))
            except sessions.ReusedToken as reused:
                await reused.revoke(connection)
                raise
    raise AuthError(400, "invalid_credentials", "unsupported_grant_type")


async def _get_user(services: Services, request: Request) -> Response:
    async with services.auth_pool.acquire() as connection:
        person, _ = await _person(services, connection, request)
    return json_reply(people.shown(person))


async def _put_user(services: Services, request: Request) -> Response:
    body = await read_body(request)
    data, email, password = body.get("data"), body.get("email"), body.get("password")
    if data is not None and not isinstance(data, dict):
        raise AuthError(400, "validation_failed", "data must be an object")
    async with services.auth_pool.acquire() as connection, connection.transaction():
        person, _ = await _person(services, connection, request)
        if password:
            people.strong_password(password)
        try:
            changed = await people.update(
                connection,
                person["id"],
                email=people.valid_email(email) if email else None,
                password=password or None,
                user_metadata=data,
            )
        except asyncpg.UniqueViolationError:
            message = "A user with this email address has already been registered"
            raise AuthError(422, "email_exists", message) from None
    assert changed is not None
    return json_reply(people.shown(changed))


async def _logout(services: Services, request: Request) -> Response:
    scope = request.query_params.get("scope", "global")
    if scope not in sessions.SCOPES:
        raise AuthError(400, "validation_failed", f"Unsupported logout scope {scope!r}")
    async with services.auth_pool.acquire() as connection, connection.transaction():
        person, session_id = await _person(services, connection, request)
        await sessions.end(connection, person["id"], session_id, scope)
    return empty_reply()


async def _signup(services: Services, request: Request) -> Response:
    body = await read_body(request)
    email, password, data = body.get("email"), body.get("password"), body.get("data")
    if not password:
        raise AuthError(400, "validation_failed", "Signup requires a valid password")
    email = people.valid_email(email)
    people.strong_password(password)
    metadata = data if isinstance(data, dict) else {}
    async with services.auth_pool.acquire() as connection, connection.transaction():
        if await people.taken(connection, email):
            raise AuthError(422, "user_already_exists", "User already registered")
        try:
            async with connection.transaction():
                person = await people.create(
                    connection, email=email, password=password, confirmed=True, user_metadata=metadata
                )
        except asyncpg.PostgresError as error:
            if getattr(error, "table_name", None) == "users" and error.sqlstate == "23505":
                raise AuthError(422, "user_already_exists", "User already registered") from None
            raise AuthError(500, "unexpected_failure", "Database error saving new user") from None
        return json_reply(await sessions.open_session(services, connection, person["id"]))


async def _recover(services: Services, request: Request) -> Response:
    """Answers alike whether the address is known or not, and sends nothing."""
    email = (await read_body(request)).get("email")
    if not email:
        raise AuthError(400, "validation_failed", "Password recovery requires an email")
    email = people.valid_email(email)
    if services.switches.emails_per_hour:
        async with services.auth_pool.acquire() as connection:
            known = await people.taken(connection, email)
        if known and (refused := services.mail_limiter.refusal(email)):
            raise AuthError(429, "over_email_send_rate_limit", refused)
    return json_reply({})


async def _health(services: Services, request: Request) -> Response:
    return json_reply({"version": VERSION, "name": "GoTrue", "description": "GoTrue is a user registration API"})


async def _settings(services: Services, request: Request) -> Response:
    return json_reply(
        {
            "external": {"anonymous_users": False, "email": True, "phone": False},
            "disable_signup": False,
            "mailer_autoconfirm": True,
            "phone_autoconfirm": False,
            "sms_provider": "",
            "saml_enabled": False,
        }
    )


async def _jwks(services: Services, request: Request) -> Response:
    return json_reply(services.keys.key_set, 200, {"cache-control": "public, max-age=600"})

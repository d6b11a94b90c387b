"""The routes of `/storage/v1`. Rows and rights are Postgres's business, bytes the store's.

Statuses and bodies follow storage-api, which the contract does not quote: every refusal is HTTP 400 with the real
status in the body. An object's row outlives its bytes when the store dropped them or the server was started again:
then a download says 404.
"""

from __future__ import annotations

import functools
import hashlib
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import asyncpg
import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.principal import Principal
from sandbox.services import PoolExhausted, Services, log
from sandbox.storage import errors, multipart, signing
from sandbox.storage.errors import CORS, StorageError, json_reply
from sandbox.storage.store import Blob, BlobStore
from sandbox.tokens import NEW_KEY, TokenError, one_key

OBJECT_LIMIT_BYTES = 50 * 1024 * 1024
"""The platform's default; the buckets set none of their own."""
LONGEST_NAME = 1024
PREFIXES_LIMIT = 1000
_ENVELOPE_BYTES = 64 * 1024
_PREFLIGHT = {
    **CORS,
    "access-control-allow-headers": "authorization, apikey, content-type, x-client-info, x-upsert",
    "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
    "access-control-max-age": "86400",
}
_BUCKET_SQL = "select true from storage.buckets where id = $1"
_SEEN_SQL = "select id from storage.objects where bucket_id = $1 and name = $2"
_INSERT_SQL = """
insert into storage.objects (bucket_id, name, owner_id, metadata, version) values ($1, $2, $3, $4::jsonb, $5)
"""
_REPLACE_SQL = f"""
{_INSERT_SQL} on conflict (bucket_id, name)
do update set metadata = excluded.metadata, version = excluded.version, updated_at = now()
"""
_DELETE_SQL = """
delete from storage.objects where bucket_id = $1 and name = any($2::text[]) returning row_to_json(objects)::text as row
"""

Handler: TypeAlias = Callable[[Services, BlobStore, Request], Awaitable[Response]]


def routes(services: Services, store: BlobStore | None = None) -> list[Route]:
    """Everything served under `/storage/v1`."""
    store = BlobStore() if store is None else store
    table: tuple[tuple[str, dict[str, Handler]], ...] = (
        ("object/sign/{bucket}/{name:path}", {"POST": _sign, "GET": _download}),
        ("object/{bucket}/{name:path}", {"POST": _upload}),
        ("object/{bucket}", {"DELETE": _remove}),
    )
    return [
        Route(
            f"/storage/v1/{path}",
            functools.partial(_dispatch, services, store, handlers),
            methods=[*handlers, "OPTIONS"],
        )
        for path, handlers in table
    ]


async def _dispatch(services: Services, store: BlobStore, handlers: dict[str, Handler], request: Request) -> Response:
    if request.method == "OPTIONS":
        return Response(status_code=200, headers=_PREFLIGHT)
    # A signed link is followed by <img> elements, which send no key.
    if request.method != "GET":
        given = request.headers.get("apikey") or request.query_params.get("apikey")
        if given not in services.keys.accepted:
            return json_reply({"message": "Invalid API key" if given else "No API key found in request"}, 401)
    try:
        return await handlers["GET" if request.method == "HEAD" else request.method](services, store, request)
    except StorageError as refusal:
        return refusal.response
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, PoolExhausted) as error:
        log.warning("storage: %s", error)
        return StorageError(500, "internal", "Internal Server Error").response


async def _sign(services: Services, store: BlobStore, request: Request) -> Response:
    bucket, name = _target(request)
    body = await _json(request)
    expires_in = body.get("expiresIn")
    if not isinstance(expires_in, int) or isinstance(expires_in, bool) or expires_in < 1:
        raise errors.invalid("Error", "body/expiresIn must be >= 1")
    async with services.acting(_principal(services, request)) as connection:
        if await connection.fetchval(_SEEN_SQL, bucket, name) is None:
            raise errors.missing_object()
    path = f"{bucket}/{name}"
    token = signing.token(services.keys.secret, path, expires_in, int(time.time()))
    return json_reply({"signedURL": f"/object/sign/{path}?token={token}"})


async def _download(services: Services, store: BlobStore, request: Request) -> Response:
    bucket, name = _target(request)
    token = request.query_params.get("token")
    if not token:
        raise errors.invalid("Error", "querystring must have required property 'token'")
    signing.check(services.keys.secret, token, f"{bucket}/{name}", time.time())
    blob = store.get((bucket, name))
    if blob is None:
        raise errors.missing_object()
    headers = {**CORS, "cache-control": blob.cache_control, "etag": blob.etag, "content-type": blob.content_type}
    return Response(blob.content, 200, headers)


async def _upload(services: Services, store: BlobStore, request: Request) -> Response:
    bucket, name = _target(request)
    principal = _principal(services, request)
    blob = _blob(request, await _bounded_body(request))
    replace = request.headers.get("x-upsert", "").lower() == "true"
    version = str(uuid.uuid4())
    about = {
        "size": len(blob.content),
        "mimetype": blob.content_type,
        "cacheControl": blob.cache_control,
        "eTag": blob.etag,
    }
    async with services.acting(principal) as connection:
        if await connection.fetchval(_BUCKET_SQL, bucket) is None:
            raise errors.missing_bucket()
        statement = _REPLACE_SQL if replace else _INSERT_SQL
        try:
            await connection.execute(statement, bucket, name, principal.user_id, orjson.dumps(about).decode(), version)
        except asyncpg.UniqueViolationError:
            raise errors.duplicate() from None
        except asyncpg.InsufficientPrivilegeError:
            raise errors.forbidden() from None
    store.put((bucket, name), blob)
    return json_reply({"Key": f"{bucket}/{name}", "Id": version})


async def _remove(services: Services, store: BlobStore, request: Request) -> Response:
    """Answers with the rows that went; what the caller may not remove is left out without a word."""
    bucket = request.path_params["bucket"]
    body = await _json(request)
    prefixes = body.get("prefixes")
    if not isinstance(prefixes, list) or not all(isinstance(name, str) for name in prefixes):
        raise errors.invalid("Error", "body/prefixes must be array")
    if not 1 <= len(prefixes) <= PREFIXES_LIMIT:
        raise errors.invalid("Error", f"body/prefixes must NOT have {'more' if prefixes else 'fewer'} items")
    async with services.acting(_principal(services, request)) as connection:
        rows = [orjson.loads(row["row"]) for row in await connection.fetch(_DELETE_SQL, bucket, prefixes)]
    for row in rows:
        store.remove((bucket, row["name"]))
    return json_reply(rows)


def _target(request: Request) -> tuple[str, str]:
    bucket, name = request.path_params["bucket"], request.path_params["name"]
    if not name or len(name) > LONGEST_NAME or name.startswith("/") or name.endswith("/") or "\x00" in name:
        raise errors.invalid("InvalidKey", f"Invalid key: {name[:LONGEST_NAME]}")
    return bucket, name


def _principal(services: Services, request: Request) -> Principal:
    """:raises StorageError: without a token, or with one that does not hold."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    key = request.headers.get("apikey", "")
    if scheme.lower() != "bearer" and key.startswith(NEW_KEY):
        scheme, token = "bearer", key
    if scheme.lower() != "bearer" or not token.strip():
        raise errors.invalid("Error", "headers must have required property 'authorization'")
    try:
        return services.tokens.verify(one_key(token.strip(), key)).principal
    except TokenError as error:
        reason = '"exp" claim timestamp check failed' if error.expired else "signature verification failed"
        raise StorageError(403, "Unauthorized", reason) from None


async def _json(request: Request) -> dict[str, Any]:
    try:
        body = orjson.loads(await request.body())
    except ValueError:
        raise errors.invalid("Error", "Body is not valid JSON") from None
    if not isinstance(body, dict):
        raise errors.invalid("Error", "body must be object")
    return body


async def _bounded_body(request: Request) -> bytes:
    """:raises StorageError: 413 as soon as too much has arrived; the rest is not read into memory."""
    collected = bytearray()
    async for chunk in request.stream():
        collected += chunk
        if len(collected) > OBJECT_LIMIT_BYTES + _ENVELOPE_BYTES:
            raise errors.too_large()
    return bytes(collected)


def _blob(request: Request, body: bytes) -> Blob:
    """What is to be kept: the form's one file and its cache time, or the body itself."""
    content_type = request.headers.get("content-type", "application/octet-stream")
    cache_control = request.headers.get("cache-control", "no-cache")
    content = body
    if content_type.lower().startswith("multipart/form-data"):
        try:
            parts = multipart.parse(content_type, body)
        except ValueError as error:
            raise errors.invalid("Error", str(error)) from None
        file = next((part for part in parts if part.filename is not None or part.name == ""), None)
        if file is None:
            raise errors.invalid("invalid_mime_type", "no file in the form")
        content, content_type = file.content, file.content_type
        seconds = next((part.content for part in parts if part.name == "cacheControl"), b"")
        cache_control = f"max-age={int(seconds)}" if seconds.isdigit() and len(seconds) < 10 else "no-cache"
    if len(content) > OBJECT_LIMIT_BYTES:
        raise errors.too_large()
    etag = f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'
    return Blob(content, content_type, cache_control, etag)

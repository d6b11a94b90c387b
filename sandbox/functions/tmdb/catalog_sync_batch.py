"""`POST /functions/v1/catalog-sync-batch`: many syncs, HTTP 200 whatever became of each (contract 6.4, T07)."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from sandbox.functions import envelope, gate, intake, js
from sandbox.functions.envelope import FunctionRefusal
from sandbox.functions.tmdb import catalog_sync
from sandbox.services import Services, log

NAME = "catalog-sync-batch"
AT_ONCE = 16
"""The shipped function has no such limit; here one request must not hold every connection."""
CRASHED = '{"code":"WORKER_ERROR","message":"Function exited due to an error (please check logs)"}'


async def handle(services: Services, request: Request) -> Response:
    """Body, then person, then every item as a catalog-sync of its own, the caller's quota and person check included."""
    preflight = envelope.preflight(request)
    if preflight is not None:
        return preflight
    if request.method != "POST":
        return intake.unechoed_error(request, "Method not allowed", 405)
    gate.require_api_key(services, request, bearer_is_enough=True)
    items, options = _parse(request, await intake.json_body(request))
    await gate.require_person(services, request)
    places = asyncio.Semaphore(AT_ONCE)

    async def one(item: dict[str, Any]) -> dict[str, Any]:
        async with places:
            return await _one(services, request, item, options)

    results = await asyncio.gather(*(one(item) for item in items))
    return intake.unechoed({"ok": True, "results": results}, request=request)


async def _one(services: Services, request: Request, item: dict[str, Any], options: Any) -> dict[str, Any]:
    """As a request of its own over HTTP, which carries the caller's token and nothing else of the caller's."""
    about = {"tmdbId": item.get("tmdbId"), "imdbId": item.get("imdbId")}
    order = {name: item[name] for name in ("tmdbId", "imdbId", "contentType") if name in item}
    sync = _request(services, request, js.stringify({**order, "options": options}).encode())
    try:
        reply = await catalog_sync.handle(services, sync)
    except FunctionRefusal as refusal:
        reply = refusal.response
    except Exception as error:  # the platform's answer to the function that died, as the batch gets to see it
        log.debug("%s: %s", NAME, error)
        return {**about, "mediaItemId": None, "status": "rejected", "error": CRASHED}
    if reply.status_code != 200:
        return {**about, "mediaItemId": None, "status": "rejected", "error": bytes(reply.body).decode()}
    synced = envelope.parse_json(bytes(reply.body))
    return {**about, "mediaItemId": synced["media_item_id"], "status": "fulfilled"}


def _request(services: Services, outer: Request, body: bytes) -> Request:
    headers = [
        (b"content-type", b"application/json"),
        (b"apikey", services.keys.anon.encode()),
        (b"authorization", outer.headers["authorization"].encode("latin-1")),
    ]

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request({**outer.scope, "method": "POST", "headers": headers}, receive)


def _parse(request: Request, body: Any) -> tuple[list[dict[str, Any]], Any]:
    """Items that name a title, and the options. :raises FunctionRefusal: 400 when there is none."""
    members = body if isinstance(body, dict) else {}
    given = members.get("items")
    items = [item for item in given if isinstance(item, dict) and _named(item)] if isinstance(given, list) else []
    if not items:
        intake.bad_body(request)
    options = members.get("options")
    return items, {} if options is None else options


def _named(item: dict[str, Any]) -> bool:
    return item.get("tmdbId") is not None or item.get("imdbId") is not None

"""`POST /functions/v1/catalog-sync-batch`: many syncs, HTTP 200 whatever became of each (contract 6.4, T07)."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import envelope, gate, intake
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
    asked = {"tmdbId": item.get("tmdbId"), "imdbId": item.get("imdbId")}
    try:
        reply = await catalog_sync.respond(
            services, request, {**asked, "contentType": item.get("contentType"), "options": options}
        )
    except FunctionRefusal as refusal:
        reply = refusal.response
    except Exception as error:  # the platform's answer to the function that died, as the batch gets to see it
        log.debug("%s: %s", NAME, error)
        return {**asked, "mediaItemId": None, "status": "rejected", "error": CRASHED}
    if reply.status_code != 200:
        return {**asked, "mediaItemId": None, "status": "rejected", "error": bytes(reply.body).decode()}
    synced = envelope.parse_json(bytes(reply.body))
    return {**asked, "mediaItemId": synced["media_item_id"], "status": "fulfilled"}


def _parse(request: Request, body: Any) -> tuple[list[dict[str, Any]], Any]:
    """Items that name a title, and the options. :raises FunctionRefusal: 400 when there is none."""
    if not isinstance(body, dict):
        intake.bad_body(request, "Request body must be an object.")
    given = body.get("items")
    if not isinstance(given, list):
        intake.bad_body(request, "'items' must be an array.")
    items = [item for item in given if isinstance(item, dict) and _named(item)]
    if not items:
        intake.bad_body(request, "No valid items found in the 'items' array.")
    return items, body.get("options") or {}


def _named(item: dict[str, Any]) -> bool:
    return item.get("tmdbId") is not None or item.get("imdbId") is not None

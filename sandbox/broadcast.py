"""`POST /realtime/v1/api/broadcast`: the HTTP way to send a channel message, which typing falls back to (contract 5.5).

It checks the request as Realtime does and answers 202. Nothing is delivered: there are no channels here until the
sandbox serves the websocket side. Forms and errors: contract/realtime.md, 1.9, the batch path.
"""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.services import Services
from sandbox.tokens import TokenError

PATH = "/realtime/v1/api/broadcast"
_CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-headers": "authorization, x-client-info, apikey, content-type",
    "access-control-allow-methods": "POST, OPTIONS",
}
_REQUIRED = ("topic", "event", "payload")
_BLANK = "can't be blank"


def routes(services: Services) -> list[Route]:
    """The one route."""

    async def send(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_CORS)
        if not _known(services, request):
            return _json({"message": "Unauthorized"}, 401)
        try:
            body = orjson.loads(await request.body())
        except ValueError:
            return _json({"errors": {"detail": "Bad Request"}}, 400)
        errors = complaints(body)
        return _json({"errors": errors}, 422) if errors else Response(status_code=202, headers=_CORS)

    return [Route(PATH, send, methods=["POST", "OPTIONS"])]


def complaints(body: Any) -> dict[str, Any]:
    """What is wrong with a batch, per message and field; empty when nothing is. (pure)"""
    messages = body.get("messages") if isinstance(body, dict) else None
    if messages is None or messages == []:
        return {"messages": [_BLANK]}
    if not isinstance(messages, list) or not all(isinstance(message, dict) for message in messages):
        return {"messages": ["is invalid"]}
    found = [_message(message) for message in messages]
    return {"messages": found} if any(found) else {}


def _message(message: dict[str, Any]) -> dict[str, list[str]]:
    wrong: dict[str, list[str]] = {}
    for name in _REQUIRED:
        value = message.get(name)
        if value is None or value == "":
            wrong[name] = [_BLANK]
        elif not isinstance(value, dict if name == "payload" else str):
            wrong[name] = ["is invalid"]
    if not isinstance(message.get("private", False), bool):
        wrong["private"] = ["is invalid"]
    return wrong


def _known(services: Services, request: Request) -> bool:
    """The bearer token where there is one, else the key."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    given = token.strip() if scheme.lower() == "bearer" else ""
    try:
        services.tokens.verify(given or request.headers.get("apikey") or request.query_params.get("apikey") or "")
    except TokenError:
        return False
    return True


def _json(body: Any, status: int) -> Response:
    return Response(orjson.dumps(body), status, _CORS, "application/json; charset=utf-8")

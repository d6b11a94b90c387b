"""Broadcasts over HTTP: the batch that typing falls back to, and the single message of newer clients.

Forms and errors: realtime contract, 1.9. Newer clients append their socket's query to the URL; it is ignored.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.realtime import encoded
from sandbox.realtime.access import AccessError, TokenClaims, examine
from sandbox.realtime.binary import JSON, RAW, UserBroadcast
from sandbox.realtime.bindings import truth
from sandbox.realtime.frames import ServerPush
from sandbox.realtime.hub import Hub

PATH = "/realtime/v1/api/broadcast"
_CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-headers": "authorization, x-client-info, apikey, content-type",
    "access-control-allow-methods": "POST, OPTIONS",
}
_REQUIRED = ("topic", "event", "payload")
_BLANK = "can't be blank"
_MEDIA = "Unsupported Media Type. Use application/json or application/octet-stream"


def routes(hub: Hub) -> list[Route]:
    """Batch and single."""
    return [
        Route(PATH, _endpoint(hub, _batch), methods=["POST", "OPTIONS"]),
        Route(PATH + "/{topic:path}/events/{event:path}", _endpoint(hub, _single), methods=["POST", "OPTIONS"]),
    ]


def _endpoint(
    hub: Hub, handler: Callable[[Hub, TokenClaims, Request], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_CORS)
        access = _caller(hub, request)
        return _json({"message": "Unauthorized"}, 401) if access is None else await handler(hub, access, request)

    return answer


async def _batch(hub: Hub, access: TokenClaims, request: Request) -> Response:
    try:
        body = orjson.loads(await request.body())
    except ValueError:
        return _json({"errors": {"detail": "Bad Request"}}, 400)
    errors = complaints(body)
    if errors:
        return _json({"errors": errors}, 422)
    refusal = _over(hub, len(body["messages"]))
    if refusal is None:
        for message in body["messages"]:
            _publish(hub, access, message)
    return refusal or _accepted(hub)


async def _single(hub: Hub, access: TokenClaims, request: Request) -> Response:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in ("application/json", "application/octet-stream"):
        return _json({"error": _MEDIA}, 415)
    content = await request.body()
    encoding = JSON if kind == "application/json" else RAW
    if encoding == JSON and not _is_json(content):
        return _json({"errors": {"detail": "Bad Request"}}, 400)
    refusal = _over(hub, 1)
    private = truth(request.query_params.get("private"))
    if refusal is None and _may_send(access, private):
        name, event = request.path_params["topic"], request.path_params["event"]
        frames = encoded.user_broadcast(f"realtime:{name}", UserBroadcast(event, content, encoding))
        hub.publish(name, frames, private=private)
    return refusal or _accepted(hub)


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


def _publish(hub: Hub, access: TokenClaims, message: dict[str, Any]) -> None:
    private = message.get("private", False)
    if not _may_send(access, private):
        return
    said = {"event": message["event"], "payload": message["payload"], "type": "broadcast"}
    if isinstance(message.get("id"), str):
        said["meta"] = {"id": message["id"]}
    frames = encoded.text(ServerPush(f"realtime:{message['topic']}", "broadcast", said))
    hub.publish(message["topic"], frames, private=private)


def _may_send(access: TokenClaims, private: bool) -> bool:
    """The application ships no policy on realtime.messages: nobody but the service role sends privately."""
    return not private or access.role == "service_role"


def _over(hub: Hub, messages: int) -> Response | None:
    limit = hub.settings.max_events_per_second
    if hub.events.over(hub.monotonic()):
        return _json({"message": "You have exceeded your rate limit"}, 429)
    if 0 < limit < hub.events.average + messages:
        return _json({"message": "Too many messages to broadcast, please reduce the batch size"}, 429)
    return None


def _accepted(hub: Hub) -> Response:
    limit, used = hub.settings.max_events_per_second, hub.events.average
    rates = {
        "x-rate-rolling": f"{used:.1f}",
        "x-rate-limit": str(limit),
        "x-rate-limit-remaining": f"{max(0.0, limit - used):.1f}",
    }
    return Response(status_code=202, headers=_CORS | rates)


def _caller(hub: Hub, request: Request) -> TokenClaims | None:
    """The bearer token where there is one, else the key."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    given = token.strip() if scheme.lower() == "bearer" else ""
    try:
        key = given or request.headers.get("apikey") or request.query_params.get("apikey") or ""
        return examine(key, hub.token_keys, hub.now())
    except AccessError:
        return None


def _is_json(content: bytes) -> bool:
    try:
        orjson.loads(content)
    except ValueError:
        return False
    return True


def _json(body: Any, status: int) -> Response:
    return Response(orjson.dumps(body), status, _CORS, "application/json; charset=utf-8")

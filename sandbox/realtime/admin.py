"""Looking into the running Realtime server and breaking it on purpose, over HTTP, for processes of this machine only.

GET    .../realtime            metrics: sockets, channels, subscriptions, poller, counters, settings, faults
GET    .../realtime/sockets    who is connected, on which topics
PATCH  .../realtime/settings   {"name": value, ...}
POST   .../realtime/faults     {"name", "value", "socket"?, "person"?, "topic"?, "seconds"?}
DELETE .../realtime/faults     all, or ?name=
POST   .../realtime/commands   {"do": drain | close | crash | shutdown | resubscribe | pause, ...}
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.realtime.channel import ServerChannel
from sandbox.realtime.faults import Place, RealtimeFaultError
from sandbox.realtime.frames import ServerPush, encode
from sandbox.realtime.hub import Hub
from sandbox.realtime.limits import RateCounter
from sandbox.realtime.settings import SettingError
from sandbox.realtime.socket import ServerSocket

Handler = Callable[[Hub, Request, Any], Awaitable[Any]]


def routes(hub: Hub, base: str, allowed: Callable[[Request], bool]) -> list[Route]:
    """Beneath `base`; callers that are not allowed find nothing there."""

    def route(path: str, method: str, handler: Handler) -> Route:
        async def answer(request: Request) -> Response:
            if not allowed(request):
                raise HTTPException(404)
            try:
                body = orjson.loads(await request.body() or b"{}")
                if not isinstance(body, dict):
                    raise CommandError("the body is a JSON object")
                return Response(orjson.dumps(await handler(hub, request, body)), media_type="application/json")
            except (CommandError, RealtimeFaultError, SettingError, orjson.JSONDecodeError) as error:
                return Response(orjson.dumps({"message": str(error)}), 400, media_type="application/json")

        return Route(base + path, answer, methods=[method])

    return [
        route("", "GET", _metrics),
        route("/sockets", "GET", _sockets),
        route("/settings", "PATCH", _settings),
        route("/faults", "POST", _fault),
        route("/faults", "DELETE", _clear),
        route("/commands", "POST", _command),
    ]


class CommandError(ValueError):
    """A command that does not exist, or lacks something. The text says what would be right."""


async def _metrics(hub: Hub, request: Request, body: Any) -> Any:
    return metrics(hub)


def metrics(hub: Hub) -> dict[str, Any]:
    """S by table, batch, lag, queue, skipped and the rest, since the start."""
    now = hub.monotonic()
    return {
        "sockets": len(hub.sockets),
        "users": hub.users,
        "channels": sum(len(socket.channels) for socket in hub.sockets.values()),
        "topics": len(hub.topics),
        "presences": sum(len(state.presence) for state in hub.topics.values()),
        **asdict(hub.counters),
        "subscriptions": len(hub.feed.registry),
        "subscriptions_by_table": hub.feed.registry.by_table(),
        "poller": {**asdict(hub.feed.metrics), "queue": hub.feed.queue, "running": hub.feed.running},
        "rates": {
            "joins": _rate(hub.joins, now),
            "events": _rate(hub.events, now),
            "db_events": _rate(hub.db_events, now),
            "presence": _rate(hub.presence_events, now),
        },
        "settings": hub.settings.as_dict(),
        "faults": [
            {"name": rule.name, "value": rule.value, **{k: v for k, v in asdict(rule.place).items() if v is not None}}
            for rule in hub.faults.active(now)
        ],
    }


def _rate(counter: RateCounter, now: float) -> dict[str, Any]:
    over = counter.over(now)
    return {"total": counter.total, "average": counter.average, "limit": counter.limit, "over": over}


async def _sockets(hub: Hub, request: Request, body: Any) -> Any:
    return [
        {"socket": socket.id, "vsn": socket.vsn, "person": socket.person, "topics": list(socket.channels)}
        for socket in hub.sockets.values()
    ]


async def _settings(hub: Hub, request: Request, body: dict[str, Any]) -> Any:
    hub.configure(hub.settings.changed(body))
    return hub.settings.as_dict()


async def _fault(hub: Hub, request: Request, body: dict[str, Any]) -> Any:
    seconds = _seconds(body, None)
    until = None if seconds is None else hub.monotonic() + seconds
    hub.faults.set(str(body.get("name")), body.get("value", 1), _place(body), until)
    return metrics(hub)["faults"]


async def _clear(hub: Hub, request: Request, body: Any) -> Any:
    hub.faults.clear(request.query_params.get("name"))
    return metrics(hub)["faults"]


async def _command(hub: Hub, request: Request, body: dict[str, Any]) -> Any:
    place = _place(body)
    match body.get("do"):
        case "drain":
            await drain(hub)
            done = 0
        case "close":
            met = _sockets_at(hub, place)
            for socket in met:
                socket.close(int(body.get("code", 1012)), str(body.get("reason", "")))
            done = len(met)
        case "crash":
            done = _each(hub, place, lambda channel: channel.crash())
        case "shutdown":
            done = _each(hub, place, lambda channel: channel.shut_down(str(body.get("message", "Shut down"))))
        case "resubscribe":
            hub.feed.resubscribe_all()
            done = len(hub.feed.registry)
        case "pause":
            hub.feed.pause(_seconds(body, 1.0) or 0.0)
            done = 1
        case other:
            raise CommandError(f"cannot do {other!r}; can do: drain, close, crash, shutdown, resubscribe, pause")
    return {"done": done}


async def drain(hub: Hub) -> None:
    """Every channel hears of it, every socket is closed 1012, in batches; joins are refused meanwhile."""
    hub.draining = True
    try:
        budget = hub.settings.drain_channels
        for socket in tuple(hub.sockets.values()):
            if budget <= 0:
                await asyncio.sleep(hub.settings.drain_pause_ms / 1000)
                budget = hub.settings.drain_channels
            for topic in socket.channels:
                said = {"extension": "system", "status": "ok", "message": "Server requested disconnect"}
                socket.write(encode(socket.vsn, ServerPush(topic, "system", said)))
            budget -= len(socket.channels)
            socket.close(1012)
    finally:
        hub.draining = False


def _each(hub: Hub, place: Place, work: Callable[[ServerChannel], None]) -> int:
    met = [
        channel
        for socket in _sockets_at(hub, Place(place.socket, place.person))
        for channel in tuple(socket.channels.values())
        if place.topic in (None, channel.name)
    ]
    for channel in met:
        work(channel)
    return len(met)


def _sockets_at(hub: Hub, place: Place) -> list[ServerSocket]:
    return [
        socket
        for socket in tuple(hub.sockets.values())
        if place.socket in (None, socket.id)
        and place.person in (None, socket.person)
        and (place.topic is None or f"realtime:{place.topic}" in socket.channels)
    ]


def _place(body: dict[str, Any]) -> Place:
    socket, person, topic = body.get("socket"), body.get("person"), body.get("topic")
    if socket is not None and not isinstance(socket, int):
        raise CommandError("socket is the number that .../sockets lists")
    for name, value in (("person", person), ("topic", topic)):
        if value is not None and not isinstance(value, str):
            raise CommandError(f"{name} is text")
    return Place(socket, person, topic)


def _seconds(body: dict[str, Any], default: float | None) -> float | None:
    given = body.get("seconds", default)
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 86_400:
        raise CommandError("seconds is a number from 0 to 86400")
    return float(given)

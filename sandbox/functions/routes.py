"""The routes of `/functions/v1`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeAlias

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.functions import (
    create_direct_conversation,
    envelope,
    experiment_assign,
    media_swipe_deck,
    media_swipe_event,
    public_app_settings,
)
from sandbox.services import Services, log

Handler: TypeAlias = Callable[[Services, Request], Awaitable[Response]]

FUNCTIONS: Mapping[str, Handler] = {
    "media-swipe-event": media_swipe_event.handle,
    "media-swipe-deck": media_swipe_deck.handle,
    "public-app-settings": public_app_settings.handle,
    "create-direct-conversation": create_direct_conversation.handle,
    "experiment-assign": experiment_assign.handle,
}
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_JSON = (("content-type", "application/json"),)
_UNKNOWN = b'{"code":"NOT_FOUND","message":"Requested function was not found"}'
_CRASHED = b'{"code":"WORKER_ERROR","message":"Function exited due to an error (please check logs)"}'


def routes(services: Services) -> list[Route]:
    """Every method goes to the function; what it does with it is its own business."""

    async def invoke(request: Request) -> Response:
        handler = FUNCTIONS.get(request.path_params["name"])
        if handler is None:
            return envelope.raw(_UNKNOWN, 404, _JSON)
        try:
            return await handler(services, request)
        except envelope.Refusal as refusal:
            return refusal.response
        except Exception:  # the platform's answer to a function that died
            log.exception("%s crashed", request.url.path)
            return envelope.raw(_CRASHED, 500, _JSON)

    return [Route("/functions/v1/{name}", invoke, methods=_METHODS)]

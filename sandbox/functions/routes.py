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
    hardened,
    media_search,
    onboarding_initial_likes,
    public_app_settings,
    update_notification_prefs,
)
from sandbox.functions.assistant import chat_reply as assistant_chat_reply
from sandbox.functions.assistant import get_conversation as assistant_get_conversation
from sandbox.functions.assistant import message_action as assistant_message_action
from sandbox.functions.assistant import orchestrator as assistant_orchestrator
from sandbox.functions.assistant import suggestion_action as assistant_suggestion_action
from sandbox.functions.assistant import tool_result as assistant_tool_result
from sandbox.functions.deck import media_swipe_deck
from sandbox.functions.events import media_swipe_event
from sandbox.functions.tmdb import catalog_sync, catalog_sync_batch
from sandbox.functions.tmdb import proxy as tmdb_proxy
from sandbox.services import Services, log

Handler: TypeAlias = Callable[[Services, Request], Awaitable[Response]]

FUNCTIONS: Mapping[str, Handler] = {
    "media-swipe-event": media_swipe_event.handle,
    "media-swipe-deck": media_swipe_deck.handle,
    "public-app-settings": public_app_settings.handle,
    "create-direct-conversation": create_direct_conversation.handle,
    "experiment-assign": experiment_assign.handle,
    "onboarding-initial-likes": onboarding_initial_likes.handle,
    "media-search": media_search.handle,
    "tmdb-proxy": tmdb_proxy.handle,
    "catalog-sync": catalog_sync.handle,
    "catalog-sync-batch": catalog_sync_batch.handle,
    "update-notification-prefs": update_notification_prefs.handle,
    "assistant-get-conversation": assistant_get_conversation.handle,
    "assistant-chat-reply": assistant_chat_reply.handle,
    "assistant-orchestrator": assistant_orchestrator.handle,
    "assistant-suggestion-action": assistant_suggestion_action.handle,
    "assistant-message-action": assistant_message_action.handle,
    "assistant-tool-result": assistant_tool_result.handle,
}
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_JSON = (("content-type", "application/json"),)
_UNKNOWN = b'{"code":"NOT_FOUND","message":"Requested function was not found"}'
_CRASHED = b'{"code":"WORKER_ERROR","message":"Function exited due to an error (please check logs)"}'


def routes(services: Services) -> list[Route]:
    """Every method goes to the function; what it does with it is its own business."""

    async def invoke(request: Request) -> Response:
        response = await answer(request)
        return hardened.reflected(request, response) if services.switches.cors_reflects_origin else response

    async def answer(request: Request) -> Response:
        name = request.path_params["name"]
        handler = FUNCTIONS.get(name)
        if handler is None:
            if name == hardened.DEBUG and services.switches.debug_function:
                return hardened.debugging(request)
            return envelope.raw(_UNKNOWN, 404, _JSON)
        try:
            await hardened.admit(services, request, name)
            return await handler(services, request)
        except envelope.FunctionRefusal as refusal:
            return refusal.response
        except Exception:  # the platform's answer to a function that died
            log.exception("%s crashed", request.url.path)
            return envelope.raw(_CRASHED, 500, _JSON)

    return [Route("/functions/v1/{name}", invoke, methods=_METHODS)]

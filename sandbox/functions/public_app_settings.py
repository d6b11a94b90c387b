"""`/functions/v1/public-app-settings`: the settings anybody may know (contract 6.1)."""

from __future__ import annotations

import math

import asyncpg
from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import envelope, gate, intake
from sandbox.principal import Principal
from sandbox.services import PoolExhausted, Services
from sandbox.settings import PUBLIC, PUBLIC_TTL_S
from sandbox.tokens import TokenError

NAME = "public-app-settings"


async def handle(services: Services, request: Request) -> Response:
    """Any method; no body is looked at."""
    preflight = envelope.preflight(request)
    if preflight is not None:
        return preflight
    gate.require_api_key(services, request, bearer_is_enough=True, public_only=True)
    try:
        stale = services.switches.settings_stale
        snapshot = services.settings.fresh(PUBLIC, math.inf if stale else PUBLIC_TTL_S)
        if snapshot is None:
            async with services.acting(_principal(services, request)) as connection:
                snapshot = await services.settings.load(connection, PUBLIC, PUBLIC_TTL_S)
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, PoolExhausted, TokenError) as error:
        return envelope.error(request, intake.message_of(error), 500, "SETTINGS_LOAD_FAILED")
    headers = (("cache-control", "public, max-age=30, stale-while-revalidate=300"), ("x-function", NAME))
    body = {"ok": True, "version": snapshot.version - stale, "settings": dict(snapshot.values)}
    return envelope.reply(request, body, extra=headers)


def _principal(services: Services, request: Request) -> Principal:
    """PostgREST reads under the caller's token. :raises TokenError: when it would refuse that."""
    token = gate.bearer_token(request)
    return services.tokens.verify(token or services.keys.anon).principal

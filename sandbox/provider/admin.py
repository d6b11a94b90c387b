"""Breaking the provider while the sandbox runs, over HTTP, for processes of this machine only.

GET    .../provider            its address, requests by model and by fault, the faults
POST   .../provider/faults     {"mode", "name"?, "share"?, "models"?, "slow_s"?, "seconds"?}; the same name again renews
DELETE .../provider/faults     all, or ?name=
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sandbox.provider.faults import ProviderFaultError, parse
from sandbox.provider.server import Provider


def routes(provider: Provider, base: str, allowed: Callable[[Request], bool]) -> list[Route]:
    """Beneath `base`; callers that are not allowed find nothing there."""

    def route(path: str, method: str, handler: Callable[[Request], Awaitable[Any]]) -> Route:
        async def answer(request: Request) -> Response:
            if not allowed(request):
                raise HTTPException(404)
            try:
                return Response(orjson.dumps(await handler(request)), media_type="application/json")
            except (ProviderFaultError, orjson.JSONDecodeError) as error:
                return Response(orjson.dumps({"message": str(error)}), 400, media_type="application/json")

        return Route(base + path, answer, methods=[method])

    async def told(request: Request) -> Any:
        faults = [{"name": name, **asdict(one)} for name, one in provider.faults.active().items()]
        return {"url": provider.url, "asked": dict(provider.asked), "faults": faults}

    async def set_fault(request: Request) -> Any:
        body = orjson.loads(await request.body() or b"{}")
        if not isinstance(body, dict):
            raise ProviderFaultError("the body is a JSON object")
        provider.faults.set(*parse(body, provider.faults.clock()))
        return await told(request)

    async def clear(request: Request) -> Any:
        provider.faults.clear(request.query_params.get("name"))
        return await told(request)

    return [route("", "GET", told), route("/faults", "POST", set_fault), route("/faults", "DELETE", clear)]

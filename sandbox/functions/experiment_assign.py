"""`POST /functions/v1/experiment-assign`: stable variants of active experiments (contract 6.5).

Apart from the other functions: its own CORS headers (a browser may send `x-request-id`, so its POST arrives), no
request id, and a strict API key.
"""

from __future__ import annotations

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import claims, cors, envelope, experiments, gate, intake, js
from sandbox.functions.claims import ClaimsThrew, NoClaims
from sandbox.services import Services

KEYS_LIMIT = 20


async def handle(services: Services, request: Request) -> Response:
    """Assign the caller to the experiments asked for."""
    if request.method == "OPTIONS":
        return _reply(200, {"ok": True})
    if request.method != "POST":
        return _reply(405, {"ok": False, "code": "METHOD_NOT_ALLOWED"})
    token = gate.bearer_token(request)
    given = (request.headers.get("apikey") or request.headers.get("x-api-key") or "").strip()
    if not token and given not in services.keys.accepted:
        return _reply(401, {"ok": False, "code": "INVALID_APIKEY"})
    try:
        _, user_id = await claims.of_token(services, token)
    except ClaimsThrew as error:  # an outlier of the shipped code
        return _reply(500, {"ok": False, "code": "INTERNAL_ERROR", "message": str(error)})
    except NoClaims:
        return _reply(401, {"ok": False, "code": "UNAUTHORIZED"})
    keys = _keys(await request.body())
    if not keys:
        return _reply(200, {"ok": True, "assignments": {}})
    try:
        async with services.acting(services.service) as connection:
            assignments = await experiments.assign(connection, user_id, keys)
    except intake.DATABASE_ERRORS as error:
        return _reply(500, {"ok": False, "code": "EXPERIMENT_QUERY_FAILED", "message": intake.message_of(error)})
    return _reply(200, {"ok": True, "assignments": assignments})


def _keys(body: bytes) -> list[str]:
    try:
        parsed = envelope.parse_json(body)
    except ValueError:
        return []
    given = parsed.get("keys") if isinstance(parsed, dict) else None
    names = (js.trim(key) for key in given if isinstance(key, str)) if isinstance(given, list) else ()
    return [name for name in names if name][:KEYS_LIMIT]


def _reply(status: int, body: dict[str, Any]) -> Response:
    headers = (("content-type", "application/json; charset=utf-8"), *cors.EXPERIMENTS)
    return envelope.raw(orjson.dumps(body), status, headers)

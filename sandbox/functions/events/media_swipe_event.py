"""`POST /functions/v1/media-swipe-event`: swipes in, always HTTP 200 once the caller is known (contract 3)."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from sandbox.functions import cors, envelope, gate, js_json
from sandbox.functions.events import defects as event_defects
from sandbox.functions.events.background import Aftermath, run
from sandbox.functions.events.input import Ingest
from sandbox.functions.events.store import store
from sandbox.functions.gate import Admission
from sandbox.limits import LimitVerdict
from sandbox.services import Services

LIMIT_PER_MINUTE = 1000
ROLLUP_SHARE = 0.1  # the setting that should change it is not in the registry, so it cannot
_DEFAULT_RETRY_AFTER_S = 5
_ROLLUP_SQL = "select public.swipe_ingest_rollup_add_v1($1, 1, $2, $3, $4, $5::text::jsonb, $6::float8::numeric)"


async def handle(services: Services, request: Request) -> Response:
    """One request of any of the three forms. GET and an empty body are bad JSON, which is a 200 as well."""
    preflight = envelope.preflight(request)
    if preflight is not None:
        return preflight
    identifier = (request.headers.get("x-request-id") or "").strip() or str(uuid.uuid4())
    gate.require_api_key(services, request, bearer_is_enough=True)
    admission = await gate.admit(
        services,
        request,
        action="swipe_event",
        default=LIMIT_PER_MINUTE,
        override=services.switches.event_limit_per_minute,
    )
    if not admission.verdict.ok and services.switches.rate_limit_as_accepted:
        return await _pretended(request, identifier, admission)
    if not admission.verdict.ok:
        return _rate_limited(request, identifier, admission.verdict)
    settings = admission.settings
    ingest = Ingest(int(settings["ranking.swipe.status_watched.synthetic_dwell_ms"]), lambda: str(uuid.uuid4()))
    try:
        raw = envelope.parse_json(await request.body())
    except ValueError:
        ingest.issue("error", "BAD_JSON", "Request body is not valid JSON.")
        return _reply(request, identifier, ingest, {"shouldRetry": False})
    try:
        ingest.read(raw)
        taken = await store(services, admission.caller, ingest)
        ingest.settle()
        event_defects.retold(services, ingest)
        aftermath = Aftermath.of(admission.caller, ingest, taken, settings)
        if aftermath.needed:
            services.background.spawn(run(services, aftermath))
        if services.rng.random() < ROLLUP_SHARE:
            await _roll_up(services, ingest)
    except Exception as error:  # whatever it was, the application answers 200 with what it had gathered
        ingest.issue("error", "UNEXPECTED", str(error) or "Unknown")
        return _reply(request, identifier, ingest, {"shouldRetry": True})
    sent = len(ingest.accepted)
    return _reply(
        request,
        identifier,
        ingest,
        {
            "shouldRetry": bool(ingest.retry),
            "sent": sent,
            "attempted": sent + len(ingest.rejected) + len(ingest.retry),
            "items": ingest.items,
        },
    )


def _reply(
    request: Request,
    identifier: str,
    ingest: Ingest,
    rest: dict[str, Any],
    headers: tuple[tuple[str, str], ...] = (),
) -> Response:
    body = {
        "ok": True,
        "requestId": identifier,
        "acceptedClientEventIds": list(ingest.accepted),
        "rejectedClientEventIds": list(ingest.rejected),
        "retryClientEventIds": list(ingest.retry),
        **rest,
        "issues": ingest.issues,
    }
    return envelope.raw(
        js_json.dumps(body),
        200,
        (
            *cors.headers_for(request.headers.get("origin", "")),
            ("content-type", "application/json"),
            ("x-request-id", identifier),
            *headers,
        ),
    )


async def _pretended(request: Request, identifier: str, admission: Admission) -> Response:
    """The defect `rate_limit_as_accepted`: the reply of success, and nothing behind it."""
    settings = admission.settings
    ingest = Ingest(int(settings["ranking.swipe.status_watched.synthetic_dwell_ms"]), lambda: str(uuid.uuid4()))
    ingest.read(envelope.parse_json(await request.body()))
    ingest.settle()
    sent = len(ingest.accepted)
    return _reply(request, identifier, ingest, {"shouldRetry": False, "sent": sent, "attempted": sent, "items": sent})


def _rate_limited(request: Request, identifier: str, verdict: LimitVerdict) -> Response:
    seconds = verdict.retry_after_s or _DEFAULT_RETRY_AFTER_S
    ingest = Ingest(0, str)
    ingest.issue("warn", "RATE_LIMIT", "Rate limit exceeded. Retry later.", meta={"retryAfterSeconds": seconds})
    headers = (("retry-after", str(verdict.retry_after_s)),) if verdict.retry_after_s else ()
    return _reply(request, identifier, ingest, {"shouldRetry": True, "retryAfterSeconds": seconds}, headers)


async def _roll_up(services: Services, ingest: Ingest) -> None:
    """Add this request to the hour's sampled counters; its failure is nobody's business."""
    hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    codes = orjson.dumps(Counter(issue["code"] for issue in ingest.issues)).decode()
    counts = (len(ingest.accepted), len(ingest.rejected), len(ingest.retry))
    try:
        async with services.acting(services.service) as connection:
            await connection.execute(_ROLLUP_SQL, hour, *counts, codes, ROLLUP_SHARE)
    except Exception as error:
        services.note_swallowed("swipe_ingest_rollup_add_v1", error)

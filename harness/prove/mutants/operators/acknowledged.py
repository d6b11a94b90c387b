"""What a server says when it did what it was asked: for answers that nothing stands behind. (pure)"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from harness.prove.mutants.exchange import CallReply, CallRequest, made
from harness.prove.mutants.operators.base import MutantState

_EQUALS = re.compile(r"[?&](\w+)=eq\.([^&]*)")


def acknowledgement(request: CallRequest, state: MutantState) -> CallReply | None:
    """None where only a real reply could be one, and none came yet."""
    if "media-swipe-event" in request.target:
        return made(200, _accepted(request.json))
    if request.target.startswith("/rest/v1/") and "/rpc/" not in request.target:
        if "return=representation" in request.headers.get("prefer", ""):
            return made(200 if request.method == "PATCH" else 201, _row(request))
        return made(201) if request.method == "POST" else made(204)
    known = state.memory.latest()
    return made(known.status, known.json) if known is not None else None


def _accepted(data: Any) -> dict[str, Any]:
    """Contract 3.3: the lists of a reply."""
    items = data.get("items", [data]) if isinstance(data, dict) else []
    events = [event for item in items for event in item.get("events", [item])]
    accepted = [event["clientEventId"] for event in events if isinstance(event.get("clientEventId"), str)]
    return {
        "ok": True,
        "acceptedClientEventIds": accepted,
        "rejectedClientEventIds": [],
        "retryClientEventIds": [],
        "shouldRetry": False,
        "requestId": str(uuid4()),
        "issues": [],
    }


def _row(request: CallRequest) -> dict[str, Any]:
    sent = request.json if isinstance(request.json, dict) else {}
    named = dict(_EQUALS.findall(request.target))
    fresh = {"id": str(uuid4()), "created_at": datetime.now(UTC).isoformat(), "meta": None, "attachment_url": None}
    return fresh | named | sent

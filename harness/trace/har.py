"""Recordings as HAR 1.2, as Chrome's developer tools save them, with the frames of websockets. (pure)"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from harness.trace.clean import TraceCleaner
from harness.trace.flows import found_flows
from harness.trace.lines import BadRecording, frame_event, request_event
from harness.trace.model import TracedRequest, TracedSocket, TraceRecording
from harness.trace.stamps import StampedEvent

SOCKET_PATH = "/realtime/v1/websocket"


def is_har(data: bytes) -> bool:
    """Whether this looks like one, rather than like JSON lines."""
    return data.lstrip()[:1] == b"{" and b'"log"' in data[:2000]


def recording_of(data: bytes) -> TraceRecording:
    """A HAR marks no flows: they are found. :raises BadRecording: it is none."""
    try:
        entries = orjson.loads(data)["log"]["entries"]
        zero = min((_at(entry) for entry in entries), default=0.0)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadRecording(f"this is no HAR: {type(error).__name__}") from None
    cleaner = TraceCleaner()
    events: list[StampedEvent] = []
    for number, entry in enumerate(entries):
        try:
            events += _events(entry, zero, cleaner)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadRecording(f"entry {number} of the HAR cannot be read: {type(error).__name__}") from None
    flows = found_flows([stamped.event for stamped in events])
    shown = any(isinstance(one.event, TracedRequest) and one.event.preflight for one in events)
    return TraceRecording(flows, shown, cleaner.words)


def _at(entry: Mapping[str, Any]) -> float:
    return datetime.fromisoformat(str(entry["startedDateTime"])).timestamp()


def _events(entry: Mapping[str, Any], zero: float, cleaner: TraceCleaner) -> Iterator[StampedEvent]:
    request, reply, t = entry["request"], entry.get("response") or {}, _at(entry) - zero
    url = str(request["url"])
    if urlsplit(url).path.endswith(SOCKET_PATH):
        yield StampedEvent(TracedSocket(t, "open"))
        for message in entry.get("_webSocketMessages") or ():
            if message.get("type") == "send" and message.get("opcode", 1) == 1:
                sent = frame_event(str(message["data"]), float(message["time"]) - zero, cleaner)
                if sent is not None:
                    yield sent
        return
    text = (request.get("postData") or {}).get("text")
    status = int(reply.get("status") or 0)
    told = {
        "url": url,
        "method": request["method"],
        "headers": {str(one["name"]): str(one["value"]) for one in request.get("headers") or ()},
        "body": _json(text),
        "status": status or None,
        "seconds": max(0.0, float(entry.get("time") or 0.0)) / 1000.0,
    }
    if (event := request_event(told, t, cleaner)) is not None:
        yield event


def _json(text: Any) -> Any:
    """A body, decoded; what is no JSON is a text like any other."""
    if not text:
        return None
    try:
        return orjson.loads(text)
    except ValueError:
        return "not JSON"

"""Recordings as JSON lines, read and written (the format: tests/data/traces/README.md). (pure)"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import count
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from harness.trace.clean import TraceCleaner, auth_kind
from harness.trace.flows import found_flows
from harness.trace.model import TracedFrame, TracedRequest, TracedSocket, TraceEvent, TraceFlow, TraceRecording
from harness.trace.stamps import StampedEvent, start_of

SIGNING_IN = ("/auth/v1/token", "/auth/v1/signup")


class BadRecording(ValueError):
    """The file is no recording: which line, and why."""


def recording_of(data: bytes) -> TraceRecording:
    """:raises BadRecording: a line is not what the format says."""
    cleaner = TraceCleaner()
    marked: list[tuple[str, list[StampedEvent]]] = []
    starts: dict[str, float] = {}
    loose: list[StampedEvent] = []
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            told = orjson.loads(line)
            if told["event"] == "flow":
                marked.append((_numbered(_name(told["flow"]), [name for name, _ in marked]), []))
                if "at" in told:
                    starts[marked[-1][0]] = float(told["at"])
            elif (event := _event(told, cleaner)) is not None:
                (marked[-1][1] if marked else loose).append(event)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise BadRecording(f"line {number} is no event of a recording: {type(error).__name__}") from None
    if marked:
        flows = tuple(_flow(name, events, starts.get(name)) for name, events in marked)
    else:
        flows = found_flows([stamped.event for stamped in loose])
    return TraceRecording(flows, _shows_preflights(flows), cleaner.words)


def _name(given: Any) -> str:
    name = str(given)
    if not (0 < len(name) <= 60 and name.isascii() and name.replace("-", "").replace("_", "").isalnum()):
        raise ValueError("a flow's name is letters, digits and dashes")
    return name


def _numbered(name: str, before: list[str]) -> str:
    """A second flow of one name is `name-2`."""
    numbers = (name if n == 1 else f"{name}-{n}" for n in count(1))
    return next(one for one in numbers if one not in before)


def _flow(name: str, events: list[StampedEvent], start: float | None) -> TraceFlow:
    kept = tuple(sorted((stamped.event for stamped in events), key=lambda event: event.t))
    start = start_of(events) if start is None else start
    return TraceFlow(name, kept, start, max((event.t for event in kept), default=0.0))


def _shows_preflights(flows: Iterable[TraceFlow]) -> bool:
    return any(request.preflight for flow in flows for request in flow.requests)


def _event(told: Mapping[str, Any], cleaner: TraceCleaner) -> StampedEvent | None:
    t, kind = float(told["t"]), told["event"]
    if kind == "request":
        return request_event(told, t, cleaner)
    if kind == "ws-sent":
        return frame_event(told["frame"], t, cleaner)
    if kind == "ws-open":
        return StampedEvent(TracedSocket(t, "open"))
    if kind == "ws-close":
        return StampedEvent(TracedSocket(t, "closed by client" if told.get("by") == "client" else "closed by server"))
    if kind == "ws-received":
        return None
    raise ValueError("unknown event")


def request_event(told: Mapping[str, Any], t: float, cleaner: TraceCleaner) -> StampedEvent | None:
    """One request; None when it is to no service of Supabase's."""
    parts = urlsplit(str(told["url"]))
    path = cleaner.path(unquote(parts.path))
    if path is None:
        return None
    headers, body = dict(told.get("headers") or {}), told.get("body")
    seconds, status = told.get("seconds"), told.get("status")
    auth = told["auth"] if told.get("auth") in ("bearer", "anon", "none") else auth_kind(headers)
    if path in SIGNING_IN and auth == "bearer":
        auth = "anon"  # nobody's token yet: the key itself, which not every recorder tells apart
    request = TracedRequest(
        t=t,
        method=_method(told["method"]),
        path=path,
        query=cleaner.query(parts.query),
        headers=cleaner.headers(headers),
        auth=auth,
        body=None if body is None else cleaner.value(body),
        status=int(status) if status is not None else None,
        seconds=float(seconds) if seconds is not None else None,
    )
    return StampedEvent(request, body)


def _method(given: Any) -> str:
    method = str(given).upper()
    if method not in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        raise ValueError("unknown method")
    return method


def frame_event(text: str | bytes, t: float, cleaner: TraceCleaner) -> StampedEvent | None:
    """One sent frame in either serialization: an object, or a list of five; None for a binary one."""
    told = orjson.loads(text)
    if isinstance(told, list):
        _, _, topic, event, payload = told
    else:
        topic, event, payload = told["topic"], told["event"], told.get("payload")
    name = str(event)
    frame = TracedFrame(t, cleaner.topic(str(topic)), name if name.isidentifier() else "<text>", cleaner.value(payload))
    return StampedEvent(frame, payload)


# ---- writing -----------------------------------------------------------------------------------------------------


def written(recording: TraceRecording) -> bytes:
    """The same as JSON lines; what was cleaned stays cleaned."""
    return b"".join(orjson.dumps(line) + b"\n" for line in _lines(recording))


def _lines(recording: TraceRecording) -> Iterator[dict[str, Any]]:
    for flow in recording.flows:
        at = {} if flow.start is None else {"at": round(flow.start, 3)}
        yield {"flow": flow.name, "event": "flow", **at}
        for event in flow.events:
            yield line_of(event)


def line_of(event: TraceEvent) -> dict[str, Any]:
    """One event as the format has it."""
    t = round(event.t, 3)
    if isinstance(event, TracedSocket):
        if event.change == "open":
            return {"t": t, "event": "ws-open", "url": "/realtime/v1/websocket"}
        return {"t": t, "event": "ws-close", "by": event.change.removeprefix("closed by ")}
    if isinstance(event, TracedFrame):
        frame = {"topic": event.topic, "event": event.event, "payload": event.payload}
        return {"t": t, "event": "ws-sent", "frame": orjson.dumps(frame).decode()}
    query = "&".join(f"{name}={value}" for name, value in event.query)
    line: dict[str, Any] = {"t": t, "event": "request", "method": event.method}
    line["url"] = event.path + (f"?{query}" if query else "")
    line |= {"headers": dict(event.headers), "auth": event.auth}
    if event.body is not None:
        line["body"] = event.body
    if event.status is not None:
        line["status"] = event.status
    if event.seconds is not None:
        line["seconds"] = round(event.seconds, 3)
    return line

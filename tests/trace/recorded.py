"""Recordings for tests: parts of the committed ones, lines planted in them, and the same as a HAR."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.trace.lines import recording_of
from harness.trace.model import TraceRecording

TRACES = Path(__file__).resolve().parents[1] / "data" / "traces"
Line = dict[str, Any]


def lines_of(data: bytes) -> list[Line]:
    return [json.loads(line) for line in data.splitlines()]


def committed(name: str) -> list[Line]:
    """The lines of `real-client` or `real-client-more`."""
    return lines_of((TRACES / f"{name}.jsonl").read_bytes())


def read(lines: Iterable[Line]) -> TraceRecording:
    return recording_of("\n".join(json.dumps(line) for line in lines).encode())


def some(lines: Iterable[Line], **until: float) -> list[Line]:
    """Of each flow that is named (`b_load=1.0`) what was sent until that second."""
    kept, limit = [], 0.0
    for line in lines:
        if line["event"] == "flow":
            limit = until.get(line["flow"].replace("-", "_"), -1.0)
        if limit >= 0 and line.get("t", 0.0) <= limit:
            kept.append(line)
    return kept


def in_flow(lines: Iterable[Line], flow: str) -> list[Line]:
    """The events of one flow; the lines themselves, not copies."""
    found, inside = [], False
    for line in lines:
        if line["event"] == "flow":
            inside = line["flow"] == flow
        elif inside:
            found.append(line)
    return found


def request(t: float, method: str, url: str, body: Any = None, **more: Any) -> Line:
    """One line; `seconds` is 10 ms unless given."""
    line = {"t": t, "event": "request", "method": method, "url": url, "headers": {}, "auth": "bearer"}
    return line | ({} if body is None else {"body": body}) | {"status": 200, "seconds": 0.01} | more


def sent(t: float, topic: str, event: str, payload: Any = None) -> Line:
    frame = {"topic": topic, "event": event, "payload": payload or {}, "ref": "1", "join_ref": "1"}
    return {"t": t, "event": "ws-sent", "frame": json.dumps(frame)}


def flow(name: str, *lines: Line, at: float | None = None) -> list[Line]:
    return [{"flow": name, "event": "flow"} | ({} if at is None else {"at": at}), *lines]


# ---- as a HAR ----------------------------------------------------------------------------------------------------

Change = Callable[[dict[str, Any]], dict[str, Any]]


def har_of(lines: Iterable[Line], gap_s: float = 5.0, change: Change = lambda entry: entry) -> bytes:
    """What Chrome's developer tools would have saved: absolute times, one entry for each socket with its frames."""
    entries: list[dict[str, Any]] = []
    socket: dict[str, Any] | None = None
    zero = begin = 1_795_000_000.0
    for line in lines:
        if line["event"] == "flow":
            begin = zero + gap_s
            continue
        at = begin + line["t"]
        zero = max(zero, at)
        if line["event"] == "ws-open":
            socket = _entry(at, "GET", "ws://127.0.0.1:1" + line["url"], {}, None, 101, 1.0)
            socket["_webSocketMessages"] = []
            entries.append(socket)
        elif line["event"] in ("ws-sent", "ws-received") and socket is not None:
            kind = "send" if line["event"] == "ws-sent" else "receive"
            message = {"type": kind, "time": at, "opcode": 1, "data": line["frame"]}
            socket["_webSocketMessages"].append(message)
        elif line["event"] == "request":
            headers = dict(line["headers"]) | ({"authorization": "Bearer x.y.z"} if line["auth"] == "bearer" else {})
            url = "http://127.0.0.1:1" + line["url"]
            made = _entry(at, line["method"], url, headers, line.get("body"), line["status"], line["seconds"] or 0.0)
            entries.append(change(made))
    return json.dumps({"log": {"version": "1.2", "entries": entries}}).encode()


def _entry(
    at: float, method: str, url: str, headers: dict[str, str], body: Any, status: int, seconds: float
) -> dict[str, Any]:
    request: dict[str, Any] = {
        "method": method,
        "url": url,
        "headers": [{"name": k, "value": v} for k, v in headers.items()],
    }
    if body is not None:
        request["postData"] = {"mimeType": "application/json", "text": json.dumps(body)}
    return {
        "startedDateTime": datetime.fromtimestamp(at, UTC).isoformat(),
        "time": seconds * 1000.0,
        "request": request,
        "response": {"status": status, "content": {"size": 2, "text": '{"who":"Ada Lovelace"}'}},
    }

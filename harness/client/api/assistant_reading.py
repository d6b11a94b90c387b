"""What the assistant's replies mean: streams, soft failures under 200, the state of a queued reply. (pure)

Contract 6.6 and traps T08, T09: a model failure comes as friendly text with `aiError`, a broken stream as an `error`
event, a refused status as `ok: false`, all of them under 200.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from harness.client.api.call import Service
from harness.client.api.classify import Reading, code_of, judge, read
from harness.core.outcome import Outcome

AI_ERROR = "AI_ERROR"
NO_END = "stream without end"
MOST_EVENTS = 20_000
"""Of one reply, a word of it each; what comes behind them is not read. So are lines of one event."""


def read_reply(service: Service, status: int, body: bytes) -> Reading:
    """Read a reply of assistant-chat-reply, JSON or event stream; `data` is the final JSON object."""
    if not 200 <= status <= 299 or not _is_stream(body):
        return _judged(read(service, status, body))
    last: Any = None
    for event, data in _events(body):
        if event == "error":
            code = code_of(data.get("code"), data.get("error")) if isinstance(data, dict) else ""
            return Reading(Outcome.SOFT_FAILURE, data, code or "stream error", status)
        if event == "done":
            last = data
    if not isinstance(last, dict):
        return Reading(Outcome.SOFT_FAILURE, last, NO_END, status)
    return _judged(judge(service, status, last))


def _judged(reading: Reading) -> Reading:
    """A reply that carries `aiError` is the model's failure in friendly words."""
    if reading.outcome is Outcome.OK and isinstance(reading.data, dict) and reading.data.get("aiError"):
        return reading._replace(outcome=Outcome.SOFT_FAILURE, code=AI_ERROR)
    return reading


def _is_stream(body: bytes) -> bool:
    return body.lstrip()[:1] not in (b"{", b"[", b"") and (b"event:" in body or b"data:" in body)


def _events(body: bytes) -> list[tuple[str, Any]]:
    """Events of a text/event-stream (WHATWG HTML, 9.2.6), their data as JSON; what is no JSON is None."""
    found = []
    for block in body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n\n", MOST_EVENTS)[:MOST_EVENTS]:
        event, data = "message", []
        for line in block.split(b"\n", MOST_EVENTS)[:MOST_EVENTS]:
            name, _, value = line.partition(b":")
            if name == b"event":
                event = value.strip().decode("utf-8", "replace")
            elif name == b"data":
                data.append(value.removeprefix(b" "))
        if data:
            try:
                found.append((event, orjson.loads(b"\n".join(data))))
            except orjson.JSONDecodeError:
                found.append((event, None))
    return found


def read_status(service: Service, status: int, body: bytes) -> Reading:
    """Read a reply of `assistant_reply_status_v1`: a refusal is a value, not a status."""
    reading = read(service, status, body)
    if reading.outcome is Outcome.OK and (not isinstance(reading.data, dict) or reading.data.get("ok") is not True):
        code = code_of(reading.data.get("code")) if isinstance(reading.data, dict) else "missing_data"
        return reading._replace(outcome=Outcome.SOFT_FAILURE, code=code)
    return reading


@dataclass(frozen=True, slots=True)
class ReplyStatus:
    """Whether the assistant is writing, or has the message waiting."""

    typing: bool = False
    queued: bool = False

    @property
    def busy(self) -> bool:
        """Whether the app goes on asking."""
        return self.typing or self.queued


def reply_status(data: Any) -> ReplyStatus:
    """From the RPC's value; anything unexpected counts as idle."""
    if not isinstance(data, dict):
        return ReplyStatus()
    return ReplyStatus(data.get("is_typing") is True, data.get("is_queued") is True)

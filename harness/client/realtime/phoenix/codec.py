"""Realtime's frames: Phoenix envelopes 1.0.0 (JSON objects) and 2.0.0 (JSON arrays and binary). (pure)

Source: contract realtime 1.2, 1.3 and 1.10. Nothing that arrives raises: what cannot be read becomes a frame of kind
`malformed` that says why. Most frames of a busy topic are of no interest to the phone (a crowd's presence, topics just
left), so the envelope's head is read with a regular expression first and only wanted frames are parsed as JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

import orjson

V1, V2 = "1.0.0", "2.0.0"
PHOENIX = "phoenix"
HEADER_FIELD_MAX = 255
"""Bytes of one header field of a binary frame: its length is one byte."""

Buffer = bytes | bytearray
Wants = Callable[[str, str], bool]
"""Whether a frame of this topic and event is worth parsing."""


class FrameKind(StrEnum):
    """What a frame is, for counting: its event, `heartbeat` for replies on the phoenix topic."""

    REPLY = "phx_reply"
    CLOSE = "phx_close"
    ERROR = "phx_error"
    SYSTEM = "system"
    CHANGE = "postgres_changes"
    BROADCAST = "broadcast"
    PRESENCE_STATE = "presence_state"
    PRESENCE_DIFF = "presence_diff"
    HEARTBEAT = "heartbeat"
    UNKNOWN = "unknown"
    MALFORMED = "malformed"


_KINDS = {
    kind.value: kind for kind in FrameKind if kind not in (FrameKind.HEARTBEAT, FrameKind.UNKNOWN, FrameKind.MALFORMED)
}


class Frame(NamedTuple):
    """One frame from the server. `payload` is None for frames nobody wanted, else a dict.

    A binary broadcast has the payload that the text one would have, with bytes inside when they are not JSON.
    detail: what is wrong with a malformed frame.
    """

    kind: FrameKind
    topic: str = ""
    event: str = ""
    payload: Any = None
    ref: str | None = None
    join_ref: str | None = None
    detail: str = ""

    @property
    def read(self) -> bool:
        """Whether the payload was parsed."""
        return self.payload is not None


# ---- from the server --------------------------------------------------------------------------------------------

_STRING = rb'"([^"\\]*)"'
_OPTIONAL = rb'(?:null|"([^"\\]*)")'
_HEAD_V2 = re.compile(
    rb"\s*\[\s*" + _OPTIONAL + rb"\s*,\s*" + _OPTIONAL + rb"\s*,\s*" + _STRING + rb"\s*,\s*" + _STRING + rb"\s*,"
)
_EVENT_V1 = re.compile(rb'\s*\{\s*(?:"topic"\s*:\s*"([^"\\]*)"\s*,\s*)?"event"\s*:\s*"([^"\\]*)"\s*,')
_TOPIC_V1 = re.compile(rb'[,{]\s*"topic"\s*:\s*"([^"\\]*)"\s*\}\s*')
_TAIL = 640
"""Bytes at the end of a 1.0.0 frame in which its topic is looked for."""


def decode(version: str, data: Buffer, *, binary: bool, wants: Wants) -> Frame:
    """Read one message of the server. Never raises."""
    try:
        if binary:
            return _binary(data, wants) if version == V2 else _malformed("binary in version 1.0.0")
        return _text_v2(data, wants) if version == V2 else _text_v1(data, wants)
    except (ValueError, RecursionError) as problem:  # not JSON, not UTF-8, nested without end
        return _malformed(f"not json: {type(problem).__name__}")


def text(value: Any) -> str:
    """A member that should be text, as it is; "" where a server put something else there."""
    return value if isinstance(value, str) else ""


def _malformed(detail: str) -> Frame:
    return Frame(FrameKind.MALFORMED, detail=detail)


def _kind(topic: str, event: str) -> FrameKind:
    if topic == PHOENIX and event == "phx_reply":
        return FrameKind.HEARTBEAT
    return _KINDS.get(event, FrameKind.UNKNOWN)


def _text_v2(data: Buffer, wants: Wants) -> Frame:
    head = _HEAD_V2.match(data)
    if head is not None:
        topic, event = head[3].decode(), head[4].decode()
        if not wants(topic, event):
            return Frame(_kind(topic, event), topic, event)
    parts = orjson.loads(data)
    if not isinstance(parts, list) or len(parts) != 5:
        return _malformed("not an array of five")
    return _frame(parts[2], parts[3], parts[4], parts[1], parts[0], wants)


def _text_v1(data: Buffer, wants: Wants) -> Frame:
    head = _EVENT_V1.match(data)
    if head is not None:
        raw = head[1]
        if raw is None and (tail := _TOPIC_V1.fullmatch(data, _topic_start(data))) is not None:
            raw = tail[1]
        if raw is not None:
            topic, event = raw.decode(), head[2].decode()
            if not wants(topic, event):
                return Frame(_kind(topic, event), topic, event)
    parts = orjson.loads(data)
    if not isinstance(parts, dict):
        return _malformed("not an object")
    return _frame(parts.get("topic"), parts.get("event"), parts.get("payload"), parts.get("ref"), None, wants)


def _topic_start(data: Buffer) -> int:
    """Where a topic that is the last member of the object begins, with the comma before it."""
    found = data.rfind(b'"topic"', max(0, len(data) - _TAIL))
    comma = max(data.rfind(b",", 0, found), data.rfind(b"{", 0, found)) if found > 0 else -1
    return comma if comma >= 0 else len(data)


def _frame(topic: Any, event: Any, payload: Any, ref: Any, join_ref: Any, wants: Wants) -> Frame:
    if not isinstance(topic, str) or not isinstance(event, str):
        return _malformed("topic or event is not a string")
    if not (_is_ref(ref) and _is_ref(join_ref)):
        return _malformed("ref is not a string")
    kind = _kind(topic, event)
    if not wants(topic, event):
        return Frame(kind, topic, event)
    if not isinstance(payload, dict):
        return _malformed("payload is not an object")
    return Frame(kind, topic, event, payload, ref, join_ref)


def _is_ref(value: Any) -> bool:
    return value is None or isinstance(value, str)


# Per kind byte: how many length bytes follow it, and which of the strings are topic and event.
_LAYOUTS = {0: (3, 1, 2), 1: (4, 2, 3), 2: (2, 0, 1), 3: (6, 2, 3), 4: (4, 0, 1)}
_WITH_ENCODING = (3, 4)


def _binary(data: Buffer, wants: Wants) -> Frame:
    """Kind 4 is read; the others are recognized and left alone, as the JavaScript client does."""
    if not data or data[0] not in _LAYOUTS:
        return _malformed("unknown binary kind")
    kind = data[0]
    count, topic_at, event_at = _LAYOUTS[kind]
    lengths = data[1 : 1 + count]
    if len(lengths) < count:
        return _malformed("binary frame cut short")
    encoding = lengths[-1] if kind in _WITH_ENCODING else 0
    strings, position = [], 1 + count
    for length in lengths[:-1] if kind in _WITH_ENCODING else lengths:
        strings.append(data[position : position + length])
        position += length
    if position > len(data):
        return _malformed("binary frame cut short")
    topic, event = strings[topic_at].decode(), strings[event_at].decode()
    if kind != 4:
        return Frame(FrameKind.UNKNOWN, topic, event)
    if encoding not in (0, 1):
        return _malformed("unknown encoding")
    if not wants(topic, "broadcast"):
        return Frame(FrameKind.BROADCAST, topic, "broadcast")
    body = data[position:]
    payload: dict[str, Any] = {
        "type": "broadcast",
        "event": event,
        "payload": orjson.loads(body) if encoding == 1 else bytes(body),
    }
    if strings[2]:
        payload["meta"] = orjson.loads(strings[2])
    return Frame(FrameKind.BROADCAST, topic, "broadcast", payload)


# ---- to the server ----------------------------------------------------------------------------------------------


def encode(version: str, join_ref: str | None, ref: str, topic: str, event: str, payload: Mapping[str, Any]) -> bytes:
    """One text message. :raises TypeError: when the payload is not JSON."""
    if version == V2:
        return orjson.dumps([join_ref, ref, topic, event, payload])
    envelope: dict[str, Any] = {"topic": topic, "event": event, "payload": payload, "ref": ref}
    if join_ref is not None:
        envelope["join_ref"] = join_ref
    return orjson.dumps(envelope)


def encode_broadcast(
    version: str, join_ref: str, ref: str, topic: str, event: str, payload: Mapping[str, Any] | bytes
) -> tuple[bytes, bool]:
    """One user broadcast and whether it is binary: kind 3 in 2.0.0, text in 1.0.0.

    :raises ValueError: when a header field is over 255 bytes, or for bytes in version 1.0.0.
    """
    if version != V2:
        if isinstance(payload, bytes):
            raise ValueError("version 1.0.0 has no binary broadcasts; send a JSON payload")
        message = {"type": "broadcast", "event": event, "payload": payload}
        return encode(version, join_ref, ref, topic, "broadcast", message), False
    fields = [field.encode() for field in (join_ref, ref, topic, event, "")]
    for field in fields:
        if len(field) > HEADER_FIELD_MAX:
            raise ValueError(f"a binary frame's header field holds {HEADER_FIELD_MAX} bytes, this one {len(field)}")
    raw = isinstance(payload, bytes)
    lengths = bytes([3, *map(len, fields), 0 if raw else 1])
    return b"".join((lengths, *fields, payload if isinstance(payload, bytes) else orjson.dumps(payload))), True

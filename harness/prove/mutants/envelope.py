"""One text message of Realtime, in either version of its envelope: read, changed, written. (pure)"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import orjson


@dataclass(frozen=True, slots=True)
class Envelope:
    """version: 1 (an object) or 2 (an array of five). payload is not to be changed in place."""

    version: int
    topic: str
    event: str
    payload: Any
    ref: str | None
    join_ref: str | None

    @property
    def table(self) -> str:
        """Of a change of the database; "" otherwise."""
        data = self.change
        return str(data.get("table", "")) if data is not None else ""

    @property
    def change(self) -> dict[str, Any] | None:
        """What a change of the database says; None for other messages."""
        data = self.payload.get("data") if isinstance(self.payload, dict) else None
        return data if isinstance(data, dict) else None

    def with_change(self, data: Any) -> Envelope:
        """The same envelope around another change."""
        return replace(self, payload={**self.payload, "data": data})

    def encoded(self) -> bytes:
        """As on the wire, without its frame."""
        if self.version == 2:
            return orjson.dumps([self.join_ref, self.ref, self.topic, self.event, self.payload])
        parts = {"topic": self.topic, "event": self.event, "payload": self.payload, "ref": self.ref}
        return orjson.dumps(parts | ({"join_ref": self.join_ref} if self.join_ref is not None else {}))


def envelope(data: bytes) -> Envelope | None:
    """None for what is none."""
    try:
        parts = orjson.loads(data)
    except ValueError:
        return None
    if isinstance(parts, list) and len(parts) == 5:
        join_ref, ref, topic, event, payload = parts
        return Envelope(2, str(topic), str(event), payload, ref, join_ref)
    if isinstance(parts, dict) and "topic" in parts:
        topic, event, payload = str(parts["topic"]), str(parts.get("event")), parts.get("payload")
        return Envelope(1, topic, event, payload, parts.get("ref"), parts.get("join_ref"))
    return None


def text_frame(data: bytes) -> bytes:
    """A whole unmasked text frame (RFC 6455, 5.2)."""
    size = len(data)
    if size < 126:
        return bytes((0x81, size)) + data
    if size < 1 << 16:
        return b"\x81\x7e" + size.to_bytes(2, "big") + data
    return b"\x81\x7f" + size.to_bytes(8, "big") + data


def frame_payload(frame: bytes) -> bytes:
    """Of a whole unmasked frame."""
    short = frame[1] & 0x7F
    return frame[2 if short < 126 else 4 if short == 126 else 10 :]

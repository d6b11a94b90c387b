"""User broadcasts as binary frames: kind 3 from a client, kind 4 to one (realtime contract, 1.3). (pure)"""

from __future__ import annotations

from dataclasses import dataclass

PUSH_KIND = 3
BROADCAST_KIND = 4
JSON = 1
RAW = 0
_LONGEST = 255


class FrameError(ValueError):
    """The bytes are no frame of this protocol; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class UserBroadcast:
    """One broadcast message as it came in.

    encoding: JSON (1) when `data` is JSON text, RAW (0) when it is bytes of the application's own.
    metadata: empty, or a JSON object as bytes.
    """

    event: str
    data: bytes
    encoding: int = JSON
    metadata: bytes = b""


@dataclass(frozen=True, slots=True)
class BroadcastPush:
    """A kind 3 frame."""

    join_ref: str | None
    ref: str | None
    topic: str
    message: UserBroadcast


def decode_push(frame: bytes) -> BroadcastPush:
    """Kind byte, five lengths, encoding, five strings, data. :raises FrameError: for anything else."""
    if len(frame) < 7:
        raise FrameError(f"{len(frame)} bytes are less than a header")
    if frame[0] != PUSH_KIND:
        raise FrameError(f"kind {frame[0]} is not a user broadcast push ({PUSH_KIND})")
    lengths, encoding, position = frame[1:6], frame[6], 7
    if encoding not in (JSON, RAW):
        raise FrameError(f"encoding {encoding} is neither {JSON} (JSON) nor {RAW} (bytes)")
    if len(frame) < position + sum(lengths):
        raise FrameError(f"the header announces {sum(lengths)} bytes of strings, {len(frame) - position} follow")
    parts: list[bytes] = []
    for length in lengths:
        parts.append(bytes(frame[position : position + length]))
        position += length
    try:
        join_ref, ref, topic, event = (part.decode() for part in parts[:4])
    except UnicodeDecodeError as error:
        raise FrameError("a header string is not UTF-8") from error
    message = UserBroadcast(event, bytes(frame[position:]), encoding, parts[4])
    return BroadcastPush(join_ref or None, ref or None, topic, message)


def encode_broadcast(topic: str, message: UserBroadcast) -> bytes:
    """Kind 4. :raises FrameError: when topic, event or metadata exceed 255 bytes, which one length byte cannot say."""
    strings = (topic.encode(), message.event.encode(), message.metadata)
    for name, value in zip(("topic", "event", "metadata"), strings, strict=True):
        if len(value) > _LONGEST:
            raise FrameError(f"the {name} has {len(value)} bytes, a binary frame carries at most {_LONGEST}")
    head = bytes((BROADCAST_KIND, *map(len, strings), message.encoding))
    return b"".join((head, *strings, message.data))

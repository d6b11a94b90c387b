"""Websocket frames on the wire (RFC 6455, 5.2): where each one ends, and faults that act on whole ones. (pure)"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import ClassVar

from chaos.byte_faults import FaultStage
from chaos.fault import Fault, Layer

LONGEST = 1 << 20
"""Bytes; a longer frame is passed on as it comes, unjudged, rather than held in memory."""


def frame_size(data: bytes, start: int = 0) -> int | None:
    """Bytes of the frame that begins at `start`, header included; None while its header is incomplete."""
    if len(data) < start + 2:
        return None
    short, mask = data[start + 1] & 0x7F, 4 if data[start + 1] & 0x80 else 0
    if short < 126:
        return 2 + mask + short
    width = 2 if short == 126 else 8
    if len(data) < start + 2 + width:
        return None
    return 2 + width + mask + int.from_bytes(data[start + 2 : start + 2 + width], "big")


class FramePiece(bytes):
    """Part of a frame: passed on in order, never judged."""


def is_control(frame: bytes) -> bool:
    """Ping, pong or close: may stand between the fragments of a message."""
    return not isinstance(frame, FramePiece) and bool(frame[0] & 0x08)


def is_close(frame: bytes) -> bool:
    """The last frame of its direction; nothing may come behind it."""
    return not isinstance(frame, FramePiece) and frame[0] & 0x0F == 0x08


def is_message(frame: bytes) -> bool:
    """Whether this is a whole data message that can be lost or doubled without breaking the protocol.

    Not so: control frames, fragments of longer messages, and compressed messages (the next one may build on them).
    """
    return frame[0] in (0x81, 0x82) and not isinstance(frame, FramePiece)  # FIN, no reserved bit, text or binary


class FrameSplitter:
    """Follows one direction of a websocket. Chunks may be cut anywhere.

    While nothing acts on frames, `track` only remembers where the stream stands, so that `split` can begin at any time.
    """

    __slots__ = ("_held", "_left", "_passed")

    def __init__(self) -> None:
        self._left = 0  # bytes still to come of a frame whose beginning was passed on
        self._passed = b""  # an incomplete header that was passed on
        self._held = b""  # an incomplete frame that was not

    @property
    def held(self) -> bytes:
        """What `split` keeps back."""
        return self._held

    def track(self, data: bytes) -> bytes:
        """Note `data` as passed on; returns what has to be, which is `data` behind anything held so far."""
        if self._held:
            data, self._held = self._held + data, b""
        position = min(self._left, len(data))
        self._left -= position
        if position == len(data):
            return data
        seen = self._passed + data[position:] if self._passed else data
        start = 0 if self._passed else position
        self._passed = b""
        while start < len(seen):
            size = frame_size(seen, start)
            if size is None:
                self._passed = seen[start:]
                break
            start += size
        self._left = max(0, start - len(seen))
        return data

    def split(self, data: bytes) -> Iterator[bytes]:
        """Whole frames in order, and the pieces of those that are not to be judged."""
        if self._left or self._passed:
            data = yield from self._finish_begun(data)
        data = self._held + data if self._held else data
        self._held = b""
        start = 0
        while start < len(data):
            size = frame_size(data, start)
            if size is not None and size > LONGEST:
                self._left = max(0, start + size - len(data))
                yield FramePiece(data[start : start + size])
            elif size is None or start + size > len(data):
                self._held = data[start:]
                return
            else:
                yield data[start : start + size]
            start += size

    def _finish_begun(self, data: bytes) -> Generator[bytes, None, bytes]:
        """Pass the rest of the frame whose beginning is gone; what follows it is returned."""
        if self._passed:
            header = self._passed + data
            size = frame_size(header)
            if size is None:
                self._passed = header
                yield FramePiece(data)
                return b""
            self._left, self._passed = size - len(self._passed), b""
        rest, data = data[: self._left], data[self._left :]
        self._left -= len(rest)
        if rest:
            yield FramePiece(rest)
        return data


class FrameStage(FaultStage):
    """A stage whose chunks are frames. `hit` gets the messages that the fault hits; everything else passes in order."""

    __slots__ = ()

    def begin(self) -> None:
        """Counted by message, not by connection."""

    def feed(self, data: bytes) -> None:
        if self.hits(data):
            self.hit(data)
        else:
            self.after.feed(data)

    def hits(self, frame: bytes) -> bool:
        """Draw for this frame, if it is a message."""
        if not is_message(frame):
            return False
        self.on_seen()
        if self.draw() >= self.share:
            return False
        self.on_hit()
        return True

    def hit(self, frame: bytes) -> None:
        """What becomes of it."""
        raise NotImplementedError


class FrameFault(Fault):
    """A fault of websocket messages. Its share is a share of the messages in its direction."""

    layer: ClassVar[Layer] = Layer.FRAME
    stage: ClassVar[type[FaultStage]]

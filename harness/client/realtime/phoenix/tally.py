"""Frames counted by second and kind: what a worker received, whoever it was for. (pure)"""

from __future__ import annotations

from typing import NamedTuple

from harness.client.realtime.phoenix.codec import FrameKind


class FrameCount(NamedTuple):
    """Frames of one kind received in one second; `second` is the clock's whole second, `size` their bytes."""

    second: int
    kind: FrameKind
    frames: int
    size: int


class FrameTally:
    """One per worker; every client adds to it."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[tuple[int, FrameKind], list[int]] = {}

    def add(self, kind: FrameKind, size: int, at: float) -> None:
        """One frame of `size` bytes, received at `at`."""
        count = self._counts.get((int(at), kind))
        if count is None:
            self._counts[(int(at), kind)] = [1, size]
        else:
            count[0] += 1
            count[1] += size

    def take(self) -> list[FrameCount]:
        """Everything counted since the last call, in order."""
        counts, self._counts = self._counts, {}
        return [FrameCount(second, kind, frames, size) for (second, kind), (frames, size) in sorted(counts.items())]

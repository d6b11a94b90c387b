"""Connections that end in a reset. (pure)"""

from __future__ import annotations

import math
from typing import ClassVar

from pydantic import Field

from chaos.byte_faults import KIB, Delayed, StreamFault, Timer
from chaos.fault import register


class ResetPeerStage(Delayed):
    __slots__ = ("fuse",)
    room = 256 * KIB
    fault: ResetPeerFault

    def begin(self) -> None:
        super().begin()
        self.fuse: Timer | None = None

    def hold(self, piece: bytes | None, due: float) -> None:
        """Kept in case the fault ends first; the first piece lights the fuse."""
        super().hold(piece, math.inf)
        if self.fuse is None:
            clock = self.spot.clock
            self.fuse = clock.call_at(clock.time() + self.fault.timeout / 1000, self.spot.reset)

    def release(self) -> None:
        self._put_out()
        super().release()

    def dispose(self) -> None:
        self._put_out()
        super().dispose()

    def _put_out(self) -> None:
        if self.fuse is not None:
            self.fuse.cancel()
            self.fuse = None


@register
class ResetPeerFault(StreamFault):
    """ "Connection reset by peer" in the middle of a request: the app cannot know whether it was carried out."""

    name: ClassVar[str] = "reset_peer"
    stage: ClassVar = ResetPeerStage

    timeout: int = Field(0, ge=0, description="ms from the first data, or end, of this direction to the reset")

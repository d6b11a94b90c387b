"""Connections that end in a reset. (pure)"""

from __future__ import annotations

import math
from typing import ClassVar

from pydantic import Field

from chaos.byte_faults import KIB, DelayedStage, StageTimer, StreamFault
from chaos.fault import register


class ResetPeerStage(DelayedStage):
    __slots__ = ("reset_timer",)
    room = 256 * KIB
    fault: ResetPeerFault

    def begin(self) -> None:
        super().begin()
        self.reset_timer: StageTimer | None = None

    def due(self, data: bytes, now: float) -> float:
        return math.inf

    def eof_due(self, now: float) -> float:
        return math.inf

    def hold(self, piece: bytes | None, due: float) -> None:
        """Kept in case the fault ends first; the first piece starts the timer."""
        super().hold(piece, due)
        if self.reset_timer is None:
            clock = self.context.clock
            self.reset_timer = clock.call_at(clock.time() + self.fault.timeout / 1000, self.context.reset)

    def release(self) -> None:
        self._cancel()
        super().release()

    def dispose(self) -> None:
        self._cancel()
        super().dispose()

    def _cancel(self) -> None:
        if self.reset_timer is not None:
            self.reset_timer.cancel()
            self.reset_timer = None


@register
class ResetPeerFault(StreamFault):
    """ "Connection reset by peer" in the middle of a request: the app cannot know whether it was carried out."""

    name: ClassVar[str] = "reset_peer"
    stage: ClassVar = ResetPeerStage

    timeout: int = Field(0, ge=0, description="ms from the first data, or end, of this direction to the reset")

"""Realtime messages that come late. (pure)"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from chaos.byte_faults import DelayedStage
from chaos.fault import register
from chaos.frames import FrameFault, is_message


class WsDelayStage(DelayedStage):
    __slots__ = ()
    fault: WsDelayFault

    def begin(self) -> None:
        count, self.on_hit = self.on_hit, lambda: None  # counted by message, not by connection
        super().begin()
        self.on_hit = count

    def due(self, data: bytes, now: float) -> float:
        if not is_message(data):
            return now
        self.on_seen()
        if self.draw() >= self.share:
            return now
        self.on_hit()
        fault = self.fault
        if not fault.jitter:
            return now + fault.delay / 1000
        return now + max(0.0, fault.delay + (2 * self.draw_more("jitter") - 1) * fault.jitter) / 1000


@register
class WsDelayFault(FrameFault):
    """The chat goes quiet and then catches up: one late message holds back everything behind it, as TCP does."""

    name: ClassVar[str] = "ws_delay"
    stage: ClassVar = WsDelayStage

    delay: int = Field(0, ge=0, description="ms added to a message that is hit")
    jitter: int = Field(0, ge=0, description="ms; the delay is uniform within delay +- jitter, and never negative")

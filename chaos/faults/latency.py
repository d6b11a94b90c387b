"""Latency with jitter on a stream. (pure)"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from chaos.byte_faults import DelayedStage, StreamFault
from chaos.fault import register


class LatencyStage(DelayedStage):
    __slots__ = ()
    fault: LatencyFault

    def due(self, data: bytes, now: float) -> float:
        fault = self.fault
        delay: float = fault.latency
        if fault.jitter:
            delay += (2 * self.draw() - 1) * fault.jitter
        return now + delay / 1000 if delay > 0 else now


@register
class LatencyFault(StreamFault):
    """Everything takes a little longer: screens fill late, a message's tick comes late.

    In both directions it counts twice: one for the request, one for the answer.
    """

    name: ClassVar[str] = "latency"
    stage: ClassVar = LatencyStage

    latency: int = Field(0, ge=0, description="ms added to every chunk")
    jitter: int = Field(0, ge=0, description="ms; the delay is uniform within latency +- jitter, and never negative")

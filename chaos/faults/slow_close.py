"""Connections that close late. (pure)"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from chaos.byte_faults import DelayedStage, StreamFault
from chaos.fault import register


class SlowCloseStage(DelayedStage):
    __slots__ = ()
    fault: SlowCloseFault

    def feed(self, data: bytes) -> None:
        self.after.feed(data)

    def eof_due(self, now: float) -> float:
        return now + self.fault.delay / 1000


@register
class SlowCloseFault(StreamFault):
    """The other side has hung up, but it shows only later: a phone keeps waiting on a dead connection."""

    name: ClassVar[str] = "slow_close"
    stage: ClassVar = SlowCloseStage

    delay: int = Field(0, ge=0, description="ms by which the end of the stream comes late")

"""A connection that only one side still believes in. (pure)"""

from __future__ import annotations

import math
from typing import ClassVar

from chaos.byte_faults import KIB, DelayedStage, StreamFault
from chaos.fault import register


class HalfOpenStage(DelayedStage):
    __slots__ = ()
    room = 64 * KIB

    def due(self, data: bytes, now: float) -> float:
        return math.inf

    def eof_due(self, now: float) -> float:
        return math.inf

    def end(self) -> None:
        """What lay there is stale: as a NAT box that forgot the connection, answer it with a reset."""
        held = self.head is not None
        self.dispose()
        if held:
            self.context.reset()


@register
class HalfOpenFault(StreamFault):
    """The network went away without a word. Writes seem to work, nothing ever comes, not even the other side's close;
    only a heartbeat finds out. When the fault ends, connections on which something was lost are reset."""

    name: ClassVar[str] = "half_open"
    stage: ClassVar = HalfOpenStage

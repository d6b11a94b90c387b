"""A narrow line. (pure)"""

from __future__ import annotations

import math
from typing import ClassVar

from pydantic import Field

from chaos.byte_faults import KIB, DelayedStage, StreamFault
from chaos.fault import register

PIECE_S = 0.05  # of the line's time: how finely a large chunk trickles


class BandwidthStage(DelayedStage):
    __slots__ = ()
    room = 256 * KIB
    fault: BandwidthFault

    def feed(self, data: bytes) -> None:
        rate = self.fault.rate * 1000
        if not rate:
            self.hold(data, math.inf)
            return
        now, size = self.context.clock.time(), max(1, int(rate * PIECE_S))
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            self.hold(piece, max(self.last, now) + len(piece) / rate)


@register
class BandwidthFault(StreamFault):
    """Pictures and decks trickle in; at 0 everything stands still until the fault ends, and nothing is lost."""

    name: ClassVar[str] = "bandwidth"
    stage: ClassVar = BandwidthStage

    rate: int = Field(0, ge=0, description="KB/s (1 KB is 1000 bytes) of each connection and direction; 0 stalls")

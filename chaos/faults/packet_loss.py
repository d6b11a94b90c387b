"""What lost packets do to a TCP stream: a model, for a proxy cannot lose a segment. (pure)"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from chaos.byte_faults import Delayed, StreamFault
from chaos.fault import register

SEGMENT = 1460  # bytes of payload in an Ethernet-sized TCP segment
TAIL = 3  # a loss among the last so many segments has too few duplicate ACKs behind it for a fast retransmit
LEAST_RTO_S = 0.2  # Linux's and iOS's lower bound
MOST_DOUBLINGS = 6


class PacketLossStage(Delayed):
    __slots__ = ()
    fault: PacketLossFault

    def due(self, data: bytes, now: float) -> float:
        return now + self._stall(-(-len(data) // SEGMENT))

    def _stall(self, segments: int) -> float:
        """Seconds that this write waits for its lost segments. One draw decides whether, one where, one how often."""
        loss, rtt = self.fault.loss, self.fault.rtt / 1000
        if self.draw() >= 1 - (1 - loss) ** segments:
            return 0.0
        where = int(self.draw() * segments)
        if segments > TAIL and where < segments - TAIL:
            return rtt
        waited = timeout = max(LEAST_RTO_S, 1.5 * rtt)
        for _ in range(MOST_DOUBLINGS):
            if self.draw() >= loss:
                break
            timeout *= 2
            waited += timeout
        return waited


@register
class PacketLossFault(StreamFault):
    """Most taps feel normal; now and then one hangs for a fifth of a second or far longer. A model, not real loss.

    Per write: each 1460-byte segment is lost with probability `loss`. A loss near the end (last three) costs a
    retransmission timeout of max(200 ms, 1.5 rtt), doubling while the repeat is lost too; any other, one rtt.
    """

    name: ClassVar[str] = "packet_loss"
    stage: ClassVar = PacketLossStage

    loss: float = Field(0.01, ge=0, lt=1, description="share of segments, 0 to 1")
    rtt: int = Field(60, ge=0, description="ms, the round trip of the link that loses them")

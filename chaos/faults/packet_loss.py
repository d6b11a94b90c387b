"""What lost packets do to a TCP stream: a model, for a proxy cannot lose a segment. (pure)"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from chaos.byte_faults import DelayedStage, StreamFault
from chaos.fault import register
from chaos.network_model import loss_s


class PacketLossStage(DelayedStage):
    __slots__ = ()
    fault: PacketLossFault

    def due(self, data: bytes, now: float) -> float:
        return now + loss_s(len(data), self.fault.loss, self.fault.rtt / 1000, self._next)

    def _next(self, _: str) -> float:
        return self.draw()


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

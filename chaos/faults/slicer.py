"""Data in small pieces. (pure)"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from chaos.byte_faults import DelayedStage, StreamFault
from chaos.fault import register


class SlicerStage(DelayedStage):
    __slots__ = ()
    one_a_turn = True
    fault: SlicerFault

    def feed(self, data: bytes) -> None:
        fault, start, now = self.fault, 0, self.context.clock.time()
        while start < len(data):
            size = fault.average_size
            if fault.size_variation:
                size += int((2 * self.draw() - 1) * fault.size_variation)
            piece = data[start : start + max(1, size)]
            self.hold(piece, max(self.last, now))
            self.last += fault.delay / 1e6
            start += len(piece)


@register
class SlicerFault(StreamFault):
    """Answers arrive in crumbs; a client that takes one read for one message breaks."""

    name: ClassVar[str] = "slicer"
    stage: ClassVar = SlicerStage

    average_size: int = Field(0, ge=0, description="bytes of a piece on average; below 1 counts as 1")
    size_variation: int = Field(0, ge=0, description="bytes; sizes are uniform within average +- variation")
    delay: int = Field(0, ge=0, description="microseconds between pieces")

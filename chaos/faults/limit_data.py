"""Connections that end after so many bytes. (pure)"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from chaos.byte_faults import FaultStage, StreamFault
from chaos.fault import register


class LimitDataStage(FaultStage):
    __slots__ = ("over", "passed")
    fault: LimitDataFault

    def begin(self) -> None:
        super().begin()
        self.passed = 0
        self.over = False

    @property
    def spent(self) -> bool:
        return self.over

    def feed(self, data: bytes) -> None:
        if self.over:
            return
        left = max(0, self.fault.bytes - self.passed)
        piece = data[:left]
        self.passed += len(piece)
        if piece:
            self.after.feed(piece)
        if len(data) >= left:
            self.over = True
            self.context.close_behind()
            self.after.eof()

    def eof(self) -> None:
        if not self.over:
            self.after.eof()


@register
class LimitDataFault(StreamFault):
    """The answer breaks off in the middle: half a picture, half a JSON document."""

    name: ClassVar[str] = "limit_data"
    stage: ClassVar = LimitDataStage

    bytes: int = Field(0, ge=0, description="bytes that pass before the connection closes; counted through updates")

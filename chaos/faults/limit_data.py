"""Connections that end after so many bytes. (pure)"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from chaos.byte_faults import FaultStage, StreamFault
from chaos.fault import register


class LimitDataStage(FaultStage):
    __slots__ = ("passed",)
    fault: LimitDataFault

    def begin(self) -> None:
        super().begin()
        self.passed = 0

    def feed(self, data: bytes) -> None:
        left = self.fault.bytes - self.passed
        if left > 0:
            self.after.feed(data[:left])
            self.passed += min(left, len(data))
        if len(data) >= left:
            self.context.close()


@register
class LimitDataFault(StreamFault):
    """The answer breaks off in the middle: half a picture, half a JSON document."""

    name: ClassVar[str] = "limit_data"
    stage: ClassVar = LimitDataStage

    bytes: int = Field(0, ge=0, description="bytes that pass before the connection closes; counted through updates")

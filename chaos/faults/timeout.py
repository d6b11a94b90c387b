"""Data that vanishes until the connection is given up. (pure)"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from chaos.byte_faults import FaultStage, StageTimer, StreamFault
from chaos.fault import register


class TimeoutStage(FaultStage):
    __slots__ = ("dropped", "since", "timer")
    fault: TimeoutFault

    def begin(self) -> None:
        super().begin()
        self.dropped = 0
        self.since = self.context.clock.time()
        self.timer: StageTimer | None = None
        self._arm()

    def feed(self, data: bytes) -> None:
        self.dropped += len(data)

    def change(self, fault: TimeoutFault) -> None:
        self.fault = fault
        self.dispose()
        self._arm()

    def end(self) -> None:
        """A stream with a hole in it can never be right again, so it is closed; one that lost nothing lives on."""
        self.dispose()
        if self.dropped:
            self.context.close()

    def dispose(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None

    def _arm(self) -> None:
        if self.fault.timeout:
            self.timer = self.context.clock.call_at(self.since + self.fault.timeout / 1000, self.context.close)


@register
class TimeoutFault(StreamFault):
    """Nothing comes any more; after a while the connection is closed, however busy it is."""

    name: ClassVar[str] = "timeout"
    stage: ClassVar = TimeoutStage

    timeout: int = Field(0, ge=0, description="ms from the fault's beginning to the close; 0 never closes")

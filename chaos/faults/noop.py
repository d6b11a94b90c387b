"""Nothing. (pure)"""

from __future__ import annotations

from typing import ClassVar

from chaos.byte_faults import FaultStage, StreamFault
from chaos.fault import register


@register
class NoopFault(StreamFault):
    """Nobody notices anything; it counts the connections of its direction."""

    name: ClassVar[str] = "noop"
    stage: ClassVar = FaultStage

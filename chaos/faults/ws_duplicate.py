"""Realtime messages that arrive twice. (pure)"""

from __future__ import annotations

from typing import ClassVar

from chaos.fault import register
from chaos.frames import FrameFault, FrameStage


class DuplicateStage(FrameStage):
    __slots__ = ()

    def hit(self, frame: bytes) -> None:
        self.after.feed(frame)
        self.after.feed(frame)


@register
class WsDuplicateFault(FrameFault):
    """The same message comes twice in a row; an app that does not recognise it shows it twice."""

    name: ClassVar[str] = "ws_duplicate"
    stage: ClassVar = DuplicateStage

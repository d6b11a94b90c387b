"""Realtime messages that never arrive. (pure)"""

from __future__ import annotations

from typing import ClassVar

from chaos.fault import register
from chaos.frames import FrameFault, FrameStage


class DropStage(FrameStage):
    __slots__ = ()

    def hit(self, frame: bytes) -> None:
        pass


@register
class WsDropFault(FrameFault):
    """The socket is fine, but a new message or a read receipt never shows up until the page is opened again."""

    name: ClassVar[str] = "ws_drop"
    stage: ClassVar = DropStage

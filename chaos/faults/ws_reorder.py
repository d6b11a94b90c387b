"""Realtime messages that overtake each other. (pure)"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from chaos.byte_faults import StageTimer
from chaos.fault import register
from chaos.frames import FrameFault, FrameStage, is_close, is_control, is_message


class ReorderStage(FrameStage):
    __slots__ = ("kept", "timer")
    fault: WsReorderFault

    def begin(self) -> None:
        self.kept: bytes | None = None
        self.timer: StageTimer | None = None

    def feed(self, data: bytes) -> None:
        if is_close(data):
            self.release()
            self.after.feed(data)
        elif is_control(data):
            self.after.feed(data)
        elif self.kept is None:
            super().feed(data)
        elif is_message(data):
            self.on_seen()
            self.draw()  # this one's draw is spent, so that every message keeps its own
            self.after.feed(data)
            self.release()
        else:  # a message may not be put between the fragments of another
            self.release()
            self.after.feed(data)

    def hit(self, frame: bytes) -> None:
        self.kept = frame
        clock = self.context.clock
        self.timer = clock.call_at(clock.time() + self.fault.wait / 1000, self.release)

    def eof(self) -> None:
        self.release()
        self.after.eof()

    def release(self) -> None:
        kept, self.kept = self.kept, None
        self.dispose()
        if kept is not None:
            self.after.feed(kept)

    def dispose(self) -> None:
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


@register
class WsReorderFault(FrameFault):
    """Answers stand above their questions: a message arrives after the one that was sent behind it."""

    name: ClassVar[str] = "ws_reorder"
    stage: ClassVar = ReorderStage

    wait: int = Field(1000, ge=0, description="ms to wait for a later message before passing this one on alone")

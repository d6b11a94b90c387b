"""Which channels a client holds open, flow by flow. (pure)"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from harness.trace.clean import ID
from harness.trace.model import TracedFrame, TracedSocket, TraceFlow


@dataclass(slots=True)
class OpenChannels:
    """Of one side."""

    open_: set[str] = field(default_factory=set)
    joined: set[str] = field(default_factory=set)
    left: set[str] = field(default_factory=set)

    def through(self, flow: TraceFlow) -> None:
        """What one flow does to them. `joined`: ever; `left`: in this flow."""
        self.left = set()
        for event in flow.events:
            if isinstance(event, TracedSocket):
                if event.change != "open":
                    self.open_.clear()
            elif isinstance(event, TracedFrame):
                topic = ID.sub(":id", event.topic)
                if event.event == "phx_join":
                    self.open_.add(topic)
                    self.joined.add(topic)
                elif event.event == "phx_leave":
                    self.open_.discard(topic)
                    self.left.add(topic)


def left_open(recorded: Sequence[TraceFlow], phone: Sequence[TraceFlow]) -> Iterator[tuple[str, str, str]]:
    """Flow, channel and side: left by the other side in this flow, and still open on this one."""
    mine, theirs = OpenChannels(), OpenChannels()
    for one, other in zip(recorded, phone, strict=True):
        mine.through(one)
        theirs.through(other)
        for topic in sorted((theirs.left - theirs.open_) & mine.open_):
            yield one.name, topic, "recording"
        for topic in sorted((mine.left - mine.open_) & theirs.open_):
            yield one.name, topic, "phone"

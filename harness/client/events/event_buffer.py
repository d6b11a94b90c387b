"""Events that wait in a page's memory for their request: in order, with one timer. (pure)"""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.client.events.swipe_event import SwipeEvent


@dataclass(slots=True)
class EventBuffer:
    """events: oldest first. timer: when they leave. forced: the timer was set by a hidden tab: it sends everything."""

    events: list[SwipeEvent] = field(default_factory=list)
    timer: float | None = None
    forced: bool = False

    def due(self, now: float) -> bool:
        """Whether the timer has come."""
        return self.timer is not None and self.timer <= now

    def wait(self, until: float, *, forced: bool = False) -> None:
        """Leave then, and not before."""
        self.timer, self.forced = until, forced

    def take(self, most: int | None = None) -> list[SwipeEvent]:
        """Take out the oldest `most`; without it all."""
        cut = len(self.events) if most is None else most
        taken, self.events = self.events[:cut], self.events[cut:]
        return taken

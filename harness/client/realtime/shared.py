"""What the Realtime of all phones of a worker shares: timers, counters, who has which conversation open."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.client.realtime.client import JS_2_90, FrameTally, Generation, Stats
from harness.client.realtime.phoenix.timer_wheel import Wheel

if TYPE_CHECKING:
    from harness.client.realtime.session import RealtimeSession


@dataclass(frozen=True, slots=True)
class SharedRealtime:
    """One per worker. live: pages with a client. changes: changes that reached a listener, by table. rooms: the members
    of the conversations that are open on this worker's phones, once for each phone."""

    wheel: Wheel
    apikey: str
    generation: Generation = JS_2_90
    stats: Stats = field(default_factory=Stats)
    tally: FrameTally = field(default_factory=FrameTally)
    live: set[RealtimeSession] = field(default_factory=set)
    changes: Counter[str] = field(default_factory=Counter)
    rooms: dict[str, list[frozenset[str]]] = field(default_factory=dict)

    def opened(self, conversation: str, members: frozenset[str]) -> None:
        """A phone opened the conversation."""
        self.rooms.setdefault(conversation, []).append(members)

    def left(self, conversation: str, members: frozenset[str]) -> None:
        """It left it again."""
        open_ = self.rooms.get(conversation, [])
        if members in open_:
            open_.remove(members)
        if not open_:
            self.rooms.pop(conversation, None)

    def foreign(self, person: str) -> str | None:
        """A conversation that somebody has open and `person` is no member of; None when there is none."""
        return next((room for room, open_ in self.rooms.items() if not any(person in who for who in open_)), None)

    def gauges(self) -> dict[str, int]:
        """What is open now."""
        held = [channel for live in self.live for channel in live.channels]
        return {
            "sockets": sum(live.connected for live in self.live),
            "channels": len(held),
            "conversations": sum(bool(channel.config.changes) for channel in held),
            "subscriptions": sum(len(channel.config.changes) for channel in held),
            "leaked joins": self.stats.leaked_joins,
        }

"""What the Realtime of all phones of a worker shares: timers, counters, who has which conversation open."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from harness.client.realtime.client import JS_2_90, FrameTally, Generation, Stats
from harness.client.realtime.phoenix.timer_wheel import Wheel


@dataclass(frozen=True, slots=True)
class SharedRealtime:
    """One per worker. changes: changes that reached a listener, by table. sent: broadcasts and presence tracks that
    devices sent, by kind; what comes is in the tally.
    conversations: the members of those that are open on this worker's devices, once for each device.
    app_origin: of a page in a browser, which says so on opening a socket; "": no browser."""

    wheel: Wheel
    apikey: str
    generation: Generation = JS_2_90
    stats: Stats = field(default_factory=Stats)
    tally: FrameTally = field(default_factory=FrameTally)
    changes: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)
    conversations: dict[str, list[frozenset[str]]] = field(default_factory=dict)
    app_origin: str = ""

    def opened(self, conversation: str, members: frozenset[str]) -> None:
        """A phone opened the conversation."""
        self.conversations.setdefault(conversation, []).append(members)

    def left(self, conversation: str, members: frozenset[str]) -> None:
        """It left it again."""
        open_ = self.conversations.get(conversation, [])
        if members in open_:
            open_.remove(members)
        if not open_:
            self.conversations.pop(conversation, None)

    def foreign(self, person: str) -> str | None:
        """A conversation that somebody has open and `person` is no member of; None when there is none."""
        return next(
            (found for found, open_ in self.conversations.items() if not any(person in who for who in open_)), None
        )

    def gauges(self) -> dict[str, int]:
        """What is open now."""
        stats = self.stats
        return {
            "sockets": stats.sockets,
            "channels": stats.channels,
            "conversations": stats.conversations,
            "subscriptions": stats.subscriptions,
            "leaked joins": stats.leaked_joins,
        }

"""What one client did, in figures. (pure)"""

from __future__ import annotations

from typing import NamedTuple

from harness.client.realtime.phoenix.codec import FrameKind

KEPT_RECONNECTS = 64
"""Per client; the count goes on."""


class Reconnect(NamedTuple):
    """One try to get a socket back: when (monotonic seconds), and how long after the drop."""

    at: float
    since_drop: float


class Stats:
    """Counters of one client, or of several that share it.

    connects: tries to open a socket; opened: those that did. drops: open sockets that ended unasked.
    joins: written; joined: answered with ok. leaked_joins: written for a channel the client had left (defect c).
    frames_in, bytes_in: by kind. reconnects: tries after a drop, the latest 64.
    sockets: open now. channels: held now; conversations: those with changes; subscriptions: their bindings. Counted as
    they come and go: ten thousand clients with three channels each are too many to walk through once a second.
    """

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "channels",
        "connects",
        "conversations",
        "drops",
        "frames_in",
        "frames_out",
        "joined",
        "joins",
        "leaked_joins",
        "opened",
        "reconnect_count",
        "reconnects",
        "sockets",
        "subscriptions",
    )

    def __init__(self) -> None:
        self.connects = self.opened = self.drops = 0
        self.joins = self.joined = self.leaked_joins = 0
        self.frames_out = self.bytes_out = 0
        self.reconnect_count = 0
        self.sockets = self.channels = self.conversations = self.subscriptions = 0
        self.frames_in: dict[FrameKind, int] = {}
        self.bytes_in: dict[FrameKind, int] = {}
        self.reconnects: list[Reconnect] = []

    def held(self, bindings: int, step: int) -> None:
        """A channel with so many bindings came (1) or went (-1)."""
        self.channels += step
        self.conversations += step if bindings else 0
        self.subscriptions += step * bindings

    def received(self, kind: FrameKind, size: int) -> None:
        """One message came."""
        self.frames_in[kind] = self.frames_in.get(kind, 0) + 1
        self.bytes_in[kind] = self.bytes_in.get(kind, 0) + size

    def sent(self, size: int) -> None:
        """One message went."""
        self.frames_out += 1
        self.bytes_out += size

    def reconnect(self, at: float, since_drop: float) -> None:
        """One try to get the socket back."""
        self.reconnect_count += 1
        self.reconnects.append(Reconnect(at, since_drop))
        del self.reconnects[:-KEPT_RECONNECTS]

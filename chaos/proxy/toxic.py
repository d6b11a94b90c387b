"""A fault in use: its name, direction, share, parameters, and what it hit so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from chaos.fault import Fault, Layer, draw, hits

SEEN, HIT = 1, 2
"""Of a connection, in the turns of a stream fault's toxic."""


class Direction(IntEnum):
    """Which way bytes flow. Toxiproxy's words."""

    UPSTREAM = 0  # from the client to the server
    DOWNSTREAM = 1


@dataclass(slots=True)
class HitCount:
    """What a toxic really hit, of what it concerned: connections for stream faults, requests and messages for the
    others."""

    hits: int = 0
    seen: int = 0

    def hit(self) -> None:
        self.hits += 1

    def see(self) -> None:
        self.seen += 1


@dataclass(slots=True, eq=False)
class Toxic:
    """One fault at one proxy.

    stream: the direction as its maker spelled it. toxicity: its share, 0 to 1. turns: by person or connection, how many
    requests were drawn for; of a stream fault, by connection, whether it was seen or hit.
    """

    name: str
    type: str
    stream: str
    toxicity: float
    fault: Fault
    direction: Direction = Direction.DOWNSTREAM
    hit_count: HitCount = field(default_factory=HitCount)
    turns: dict[str, int] = field(default_factory=dict)
    journal_id: int = 0

    @property
    def layer(self) -> Layer:
        return self.fault.layer

    def hits_connection(self, seed: int, key: str) -> bool:
        """Drawn once a connection, which is then seen; an update with a larger share keeps those it hit."""
        if key not in self.turns:
            self.turns[key] = SEEN
            self.hit_count.see()
        return hits(seed, self.name, key, 0, self.toxicity)

    def hit_connection(self, key: str) -> None:
        """It is at work on a connection that it was drawn for: counted once, however often its share changes."""
        if self.turns.get(key) != HIT:
            self.turns[key] = HIT
            self.hit_count.hit()

    def drawn_for_request(self, seed: int, key: str) -> float | None:
        """Take the next turn of `key`. None when spared, else a second number in [0, 1) for the fault's own use."""
        turn = self.turns.get(key, 0)
        self.turns[key] = turn + 1
        self.hit_count.see()
        return draw(seed, f"{self.name} more", key, turn) if hits(seed, self.name, key, turn, self.toxicity) else None

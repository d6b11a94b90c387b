"""A fault in use: its name, direction, share, parameters, and what it hit so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum

from chaos.fault import Fault, Layer, draw, hits


class Direction(IntEnum):
    """Which way bytes flow. Toxiproxy's words."""

    UPSTREAM = 0  # from the client to the server
    DOWNSTREAM = 1


@dataclass(slots=True)
class HitCount:
    """What a toxic really hit: connections for stream faults, requests and messages for the others."""

    hits: int = 0
    seen: int = 0

    def hit(self) -> None:
        self.hits += 1


@dataclass(slots=True, eq=False)
class Toxic:
    """One fault at one proxy.

    stream: the direction as its maker spelled it. toxicity: its share, 0 to 1.
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
        """Drawn once a connection; an update with a larger share keeps those it hit."""
        return hits(seed, self.name, key, 0, self.toxicity)

    def hits_request(self, seed: int, key: str) -> float | None:
        """Take the next turn of `key`. None when spared, else a second number in [0, 1) for the fault's own use."""
        turn = self.turns.get(key, 0)
        self.turns[key] = turn + 1
        self.hit_count.seen += 1
        if not hits(seed, self.name, key, turn, self.toxicity):
            return None
        self.hit_count.hit()
        return draw(seed, f"{self.name} more", key, turn)

"""When a flow began, from the times that the client itself wrote into what it sent. (pure)

The recordings count from the beginning of each flow and leave out what people do between them; how old a read was
when a screen came back can only be told with that time. Presence carries the client's clock, in milliseconds or ISO.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from harness.trace.model import TraceEvent

STAMPS = ("last_seen", "last_seen_at")


@dataclass(frozen=True, slots=True)
class StampedEvent:
    """A cleaned event, and the body or payload that it had before."""

    event: TraceEvent
    raw: Any = None


def start_of(events: Iterable[StampedEvent]) -> float | None:
    """Epoch seconds of the flow's zero; None when no event says."""
    for stamped in events:
        if (at := _stamp(stamped.raw)) is not None:
            return at - stamped.event.t
    return None


def _stamp(value: Any, depth: int = 0) -> float | None:
    if not isinstance(value, Mapping) or depth > 3:
        return None
    for name, one in value.items():
        if name in STAMPS:
            if isinstance(one, int | float) and one > 1e12:
                return one / 1000.0
            if isinstance(one, str):
                try:
                    return datetime.fromisoformat(one).timestamp()
                except ValueError:
                    return None
        if (found := _stamp(one, depth + 1)) is not None:
            return found
    return None

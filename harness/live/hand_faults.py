"""The faults that somebody may switch on while a run goes on: a few, with their parameters. (pure)

Each is a lease of the proxy for as long as was asked, so that it ends whatever becomes of who asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LONGEST_S = 120.0
AT_ONCE = 4


@dataclass(frozen=True, slots=True)
class HandFault:
    """fault, attributes: as the proxy's API takes them. share: of connections or requests. words: for people."""

    name: str
    words: str
    fault: str
    attributes: Mapping[str, Any] = field(default_factory=dict)
    share: float = 1.0
    stream: str = "downstream"


HAND_FAULTS: dict[str, HandFault] = {
    one.name: one
    for one in (
        HandFault("slow", "every answer 300 ms later", "latency", {"latency": 300, "jitter": 50}),
        HandFault("errors", "5 % of requests answered 503", "http_status", {"status": 503}, share=0.05),
        HandFault("lossy", "2 % of packets lost at 60 ms", "packet_loss", {"loss": 0.02, "rtt": 60}),
        HandFault("resets", "10 % of connections reset", "reset_peer", {"timeout": 500}, share=0.1),
        HandFault("silence", "nothing comes back any more", "timeout", {"timeout": 0}),
    )
}


def refusal(name: str, seconds: float, on: int) -> str:
    """Why it cannot be switched on; empty when it can. on: how many are on by hand already."""
    if name not in HAND_FAULTS:
        return f"there is no such fault; there are {', '.join(HAND_FAULTS)}"
    if not 1 <= seconds <= LONGEST_S:
        return f"for 1 to {LONGEST_S:g} seconds, no longer"
    if on >= AT_ONCE:
        return f"{AT_ONCE} are on by hand already"
    return ""

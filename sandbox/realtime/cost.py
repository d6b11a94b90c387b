"""What a poll of the change feed costs the real server, and when the next one comes. (pure)

Source: realtime contract, 4.1, measured there on the server's own SQL.
"""

from __future__ import annotations

import random
from enum import Enum

IDLE_FACTOR = 5


class PollOutcome(Enum):
    """What a poll met."""

    NOTHING = "nothing"
    UNRELATED = "changes that nobody is to hear of"
    DELIVERED = "changes that were delivered"
    FAILED = "an error: the same changes come again"


def change_ms(subscribed: int, matching: int) -> float:
    """One change on a table with so many subscriptions, of which so many pass their filter."""
    return 0.6 + (1.4 if subscribed else 0.0) + 0.040 * subscribed + 0.055 * matching


def wait_ms(found: PollOutcome, poll_ms: int, rng: random.Random) -> float:
    """Until the next poll: at once while changes are delivered, and the longer the less happens."""
    if found is PollOutcome.DELIVERED:
        return 0.0
    if found is PollOutcome.UNRELATED:
        return poll_ms + rng.uniform(0.5, 1.0) * poll_ms
    return float(IDLE_FACTOR * poll_ms)

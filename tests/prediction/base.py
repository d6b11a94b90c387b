"""What all rules of the prediction stand on: the contract's stale times, and reads that follow focus. (pure)"""

from __future__ import annotations

from collections import Counter

from tests.prediction.reads import fetches
from tests.prediction.story import Page, Span, Target

Counts = Counter[str]

NOBODY_WAITS: Target = {}

DEFAULT_STALE_S = 15.0  # 0.2
LIST_S = 60.0  # 5.1
DECK_STALE_S = 600.0  # 2.6
FEED_STALE_S = 300.0  # 4


def kept(page: Page, shown: list[Span], stale_s: float, **more: object) -> int:
    """Fetches of a read that follows focus and reconnect."""
    times = fetches(
        shown,
        stale_s=stale_s,
        wakes=page.wakes,
        asleep=page.hidden,
        offline=page.offline,
        **more,  # type: ignore[arg-type]
    )
    return len(times)


def life(page: Page) -> list[Span]:
    """While somebody is signed in on it."""
    return [] if page.live_at is None else [(page.live_at, page.end)]

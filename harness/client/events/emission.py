"""Which gestures become events: the swipe page's own restraint, per mount (contract 3.8). (pure)"""

from __future__ import annotations

import math

DWELL_MINIMUM_MS = 1200
DWELL_EVERY_S = 8.0

Key = tuple[str | None, str]


class EmissionRules:
    """One mount of the swipe page; make a new one for the next. Cards are told apart by deck and title."""

    __slots__ = ("_dwelt", "_seen", "_swiped")

    def __init__(self) -> None:
        self._seen: set[Key] = set()
        self._swiped: set[Key] = set()
        self._dwelt: dict[Key, float] = {}

    def impression(self, deck_id: str | None, media_item_id: str) -> bool:
        """Whether a card becoming active is recorded: the first time only."""
        return _first(self._seen, (deck_id, media_item_id))

    def swipe(self, deck_id: str | None, media_item_id: str) -> bool:
        """Whether a like, dislike or skip is recorded: the first only; an undo takes nothing back."""
        return _first(self._swiped, (deck_id, media_item_id))

    def dwell(self, deck_id: str | None, media_item_id: str, looked_ms: float, now: float) -> int | None:
        """The whole milliseconds to record for a card that was looked at until `now` (seconds); None for nothing.

        At least 1200 ms, and at most once per 8 s and card.
        """
        key = (deck_id, media_item_id)
        last = self._dwelt.get(key)
        if looked_ms < DWELL_MINIMUM_MS or (last is not None and now - last < DWELL_EVERY_S):
            return None
        self._dwelt[key] = now
        return math.floor(looked_ms + 0.5)  # JavaScript's Math.round


class LookClock:
    """How long the app takes the card on top to have been looked at: since the page was last drawn.

    As shipped the clock begins anew whenever the page is drawn (its effect depends on an object that each drawing
    makes anew). A gesture draws the page, so by the time the next card is there nothing is left of the look at this
    one: a dwell is recorded only when the page is left, and tells how long nothing had moved on it.
    """

    __slots__ = ("_drawn_at",)

    def __init__(self) -> None:
        self._drawn_at = 0.0

    def drawn(self, at: float) -> None:
        """The page was drawn: a card came up or something about it did, a tap, the app came back on screen."""
        self._drawn_at = max(self._drawn_at, at)

    def looked_ms(self, now: float) -> float:
        """What the app takes the look to have been."""
        return max(0.0, (now - self._drawn_at) * 1000.0)


def _first(seen: set[Key], key: Key) -> bool:
    if key in seen:
        return False
    seen.add(key)
    return True

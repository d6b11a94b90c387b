"""Watches what a worker really sends, and says when the run must stop. (pure)"""

from __future__ import annotations

import math

TOLERANCE = 1.2
"""A second over the limit times this is one too many."""
PATIENCE_S = 3
"""So many of them in a row are a breach."""


class RateGuard:
    """Watches what is really sent, in windows of one second of the caller's clock.

    A burst is no breach: only PATIENCE_S seconds in a row above TOLERANCE times the limit are.

    :param limit: requests per second; None allows everything.
    """

    def __init__(self, limit: float | None, *, tolerance: float = TOLERANCE, patience_s: int = PATIENCE_S) -> None:
        self._limit, self._tolerance, self._patience_s = limit, tolerance, patience_s
        self._second: int | None = None
        self._count = 0
        self._streak: list[int] = []
        self._reason: str | None = None

    def add(self, now_s: float, requests: int = 1) -> str | None:
        """Count requests sent at `now_s` seconds (0 requests: only let time pass); returns why the
        run must stop, None while it may go on. A reason once given stays.

        Late news of an earlier second counts to the present one.
        """
        second = math.floor(now_s)
        if self._second is None:
            self._second = second
        if second > self._second:
            self._end_second(skipped=second - self._second - 1)
            self._second = second
        self._count += requests
        return self._reason

    def _end_second(self, skipped: int) -> None:
        count, self._count = self._count, 0
        if self._limit is None or self._reason is not None:
            return
        self._streak = [*self._streak, count] if count > self._limit * self._tolerance else []
        if len(self._streak) >= self._patience_s:
            self._reason = (
                f"sent {', '.join(map(str, self._streak))} requests in {len(self._streak)} seconds in a row, "
                f"the target allows {self._limit:g} a second"
            )
        if skipped:
            self._streak = []

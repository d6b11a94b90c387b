"""How many of something may happen in a second: a bucket whose tokens come back a while after they were taken. (pure)

A bucket of `tokens` gives at most so many in any span of `window_s`, wherever the span begins, and after a first few at
once it gives them evenly. Both count. The span is a tenth longer than a second, and holds a tenth more tokens than the
limit's: the mean is the limit, no second exceeds it by more than a tenth, and what arrives up to a tenth of a second
late at the other end still falls into a second that had room for it. The even spacing keeps that true for longer delays
while the bucket is always empty, which is when it matters.
"""

from __future__ import annotations

import math
from collections import deque

SPAN_S = 1.1
"""Of the window, for limits of one a second or more; and by how much a second may exceed the limit."""
RESOLUTION_S = 1e-9
AT_ONCE = 4
"""One over this is the share of the tokens that may go at once after a pause, e.g. for a page that loads."""


def tokens_of(per_second: float) -> tuple[int, float]:
    """Tokens and window of a limit; below one a second the window is the time between two.

    :raises ValueError: not a number above 0.
    """
    if not per_second > 0:
        raise ValueError(f"a limit of {per_second} a second lets nothing through")
    return max(1, math.floor(SPAN_S * per_second + 1e-9)), max(SPAN_S, 1.0 / per_second)


class TokenBucket:
    """At most `tokens` in any `window_s` seconds of the caller's clock, which never goes back.

    Holds one instant per token in use. 0 tokens let nothing through.
    """

    __slots__ = ("_due", "_taken", "_tokens", "_window_s")

    def __init__(self, tokens: int, window_s: float) -> None:
        self._window_s = window_s
        self._taken: deque[float] = deque()
        self._due = -math.inf  # when the next token would come if all were given evenly
        self._tokens = max(0, tokens)

    @property
    def tokens(self) -> int:
        """How many it has, in use or not."""
        return self._tokens

    def resize(self, tokens: int) -> None:
        """Have so many tokens from now on. What was taken counts on: fewer tokens mean a pause, not a debt."""
        self._tokens = max(0, tokens)

    def take(self, now: float) -> float:
        """Take a token at `now` and return 0; or take none, and return how many seconds it is until there may be one.

        Infinite while there are no tokens at all.
        """
        if self._tokens == 0:
            return math.inf
        taken = self._taken
        while taken and now - taken[0] >= self._window_s:
            taken.popleft()
        spacing = self._window_s / self._tokens
        at_once = (max(1, self._tokens // AT_ONCE) - 1) * spacing
        over = len(taken) - self._tokens
        if over >= 0:  # and then evenly: what went at once must not come back at once
            self._due = max(self._due, taken[over] + self._window_s + at_once)
        early = self._due - now - at_once
        if early > RESOLUTION_S:
            return early
        taken.append(now)
        self._due = max(self._due, now) + spacing
        return 0.0

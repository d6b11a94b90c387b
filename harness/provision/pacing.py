"""How fast requests may follow one another, and how long to wait after one that failed."""

from __future__ import annotations

import asyncio
import math
import random
import re
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime


@dataclass(frozen=True, slots=True)
class BackoffPolicy:
    """Exponential back-off with full jitter: before try n + 1, wait between 0 and base * 2^(n-1) seconds, at most cap.

    A `retry-after` that asks for more is obeyed up to `cap_s`.
    """

    tries: int = 6
    base_s: float = 0.5
    cap_s: float = 15.0

    def pause_s(self, attempt: int, retry_after: str, chance: random.Random) -> float:
        """Seconds to wait after failed try number `attempt`, from 1; `retry_after` is the header, empty for none."""
        jitter = chance.uniform(0, min(self.cap_s, self.base_s * 2 ** (attempt - 1)))
        return max(jitter, min(_asked_s(retry_after), self.cap_s))


def _asked_s(retry_after: str) -> float:
    """Seconds that the header asks for, as a number of them or as a date; 0 where it says neither."""
    if re.fullmatch(r"[0-9]{1,6}", retry_after):
        return float(retry_after)
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError, OSError):
        return 0.0


DEFAULT_PATIENCE = BackoffPolicy()


class Pacer:
    """Spaces requests evenly, so that no second sees more than `per_second`; None: no limit."""

    def __init__(self, per_second: float | None) -> None:
        self._interval_s = 1 / per_second if per_second else 0.0
        self._free_at = -math.inf

    async def turn(self) -> None:
        """Wait until the next request may leave."""
        now = asyncio.get_running_loop().time()
        mine = max(now, self._free_at)
        self._free_at = mine + self._interval_s
        if mine > now:
            await asyncio.sleep(mine - now)

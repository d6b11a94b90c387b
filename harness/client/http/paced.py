"""The target's request limit for what is asked beside the load: probes before it, the reading of what is stored after.

For httpx, whose clients take it as `event_hooks`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

from harness.core.token_bucket import TokenBucket, tokens_of
from harness.core.wire_limits import WireLimits

SHARE = 0.8
"""Of the limit: there are a health check, and sockets that probes open, beside these requests."""


def paced(limits: WireLimits | None) -> dict[str, list[Callable[[Any], Awaitable[None]]]]:
    """Hooks that have each request wait for its turn; none without limits."""
    if limits is None:
        return {}
    bucket = TokenBucket(*tokens_of(SHARE * limits.requests_per_second))

    async def turn(request: object) -> None:
        while wait_s := bucket.take(monotonic()):  # noqa: ASYNC110
            await asyncio.sleep(wait_s)

    return {"request": [turn]}

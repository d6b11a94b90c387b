"""The event loops that our own protocols have to work on."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Coroutine
from typing import Any

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
if sys.platform != "win32":
    import uvloop

    LOOPS["uvloop"] = uvloop.new_event_loop

PATIENCE_S = 60.0


def run_on(kind: str, work: Coroutine[Any, Any, Any]) -> Any:
    """The result of `work`, a minute at most; anything the loop had to complain about fails the test."""
    complaints: list[dict[str, Any]] = []

    async def watched() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        async with asyncio.timeout(PATIENCE_S):
            return await work

    with asyncio.Runner(loop_factory=LOOPS[kind]) as runner:
        result = runner.run(watched())
    assert complaints == []
    return result

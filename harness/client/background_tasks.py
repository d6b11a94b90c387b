"""Work beside a session: what goes on until the page is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from harness.client.interruptible_sleep import SessionClosed

LET_GO = "let go"
"""Cancels what the app itself aborts: given to `Task.cancel`, read off the CancelledError where a request ends."""


_NO_TABLE = (0, 4)
"""Down to so many a set is made anew: the larger is the most that it holds in itself, without a table beside it."""


async def over(task: asyncio.Task[Any]) -> None:
    """Wait until it has ended, however, and its earlier callbacks have run. Never cancels it, as awaiting it would;
    `asyncio.wait` does the same in five times the time."""
    waiter: asyncio.Future[None] = task.get_loop().create_future()

    def wake(_: asyncio.Task[Any]) -> None:
        if not waiter.done():
            waiter.set_result(None)

    task.add_done_callback(wake)
    try:
        await waiter
    finally:
        task.remove_done_callback(wake)


class BackgroundTasks:
    """Tasks of one device. `pausing` holds the tasks that only wait; they have nothing on the wire to lose."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        problem: Callable[[BaseException], None],
        pausing: set[asyncio.Task[Any]],
    ) -> None:
        self._loop = loop
        self._problem = problem
        self._pausing = pausing
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run it beside the session; an exception in it is a defect of ours and reported as one."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)
        return task

    @property
    def busy(self) -> bool:
        """Whether any of it has not ended."""
        return bool(self._tasks)

    def drop(self) -> None:
        """Stop everything at once."""
        for task in self._tasks:
            task.cancel()

    async def finish(self, patience_s: float) -> None:
        """Stop those that wait, give the requests of the others so long, then stop the rest."""
        for task in self._tasks:
            if task in self._pausing:
                task.cancel()
        try:
            if self._tasks:
                await asyncio.wait(tuple(self._tasks), timeout=patience_s)
        finally:
            self.drop()

    def _over(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if len(self._tasks) in _NO_TABLE:
            self._tasks = set(self._tasks)  # a set keeps the size of its best days
        if not task.cancelled() and (error := task.exception()) is not None and not isinstance(error, SessionClosed):
            self._problem(error)

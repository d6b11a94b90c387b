"""The target: answers by the schedule, and logs when each request arrived and when its answer was written.

    python -m known.target SCHEDULE LOG CORE      prints its port; writes LOG (numpy) and leaves on SIGTERM

LOG has a row a request: number, arrival, answer (instants of CLOCK_MONOTONIC, which all processes share); its first row
is the origin of the stalls. A path that ends in a number gives the request that number, others are counted.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import signal
import sys
from time import monotonic
from typing import cast

import httptools
import numpy as np
import uvloop

from known.schedule import SCHEDULES

ANSWER = b'HTTP/1.1 200 OK\r\nserver: known\r\ncontent-type: application/json\r\ncontent-length: 11\r\n\r\n{"ok":true}'
OPENING = -2
"""Number of a request to /open: answered at once and not logged."""
EARLY_S = 0.0015
"""uvloop's timers have whole milliseconds: wake this much early, then wait for the instant itself."""


class Log:
    def __init__(self) -> None:
        self.origin = monotonic()
        self.rows: list[tuple[float, float, float]] = [(-1.0, self.origin, self.origin)]
        self.unnamed = itertools.count()


class Answering(asyncio.Protocol):
    """One connection. Requests on it come one after the other."""

    def __init__(self, schedule_name: str, log: Log) -> None:
        self._schedule, self._log = SCHEDULES[schedule_name], log

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpRequestParser(self)
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self._arrived = monotonic()
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        named = re.search(rb"/(\d+)$", url)
        self._number = int(named[1]) if named else OPENING if url == b"/open" else next(self._log.unnamed)

    def on_message_complete(self) -> None:
        if self._number == OPENING:
            self._transport.write(ANSWER)
            return
        due = self._schedule.due(self._arrived, self._number, self._log.origin)
        self._wait(self._number, self._arrived, due)

    def _wait(self, number: int, arrived: float, due: float) -> None:
        left = due - monotonic()
        if left > EARLY_S:
            self._loop.call_later(left - EARLY_S, self._wait, number, arrived, due)
        elif left > 0.0:
            self._loop.call_soon(self._wait, number, arrived, due)
        else:
            self._log.rows.append((number, arrived, monotonic()))
            if not self._transport.is_closing():  # a generator that is over does not wait
                self._transport.write(ANSWER)


async def serve(schedule: str, path: str) -> None:
    log, loop, over = Log(), asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    server = await loop.create_server(lambda: Answering(schedule, log), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.wait_for(over.wait(), timeout=900)
    np.save(path, np.array(log.rows))


if __name__ == "__main__":
    os.sched_setaffinity(0, {int(sys.argv[3])})
    uvloop.run(serve(sys.argv[1], sys.argv[2]))

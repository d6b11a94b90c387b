"""How well the generator itself is doing: loop lag, CPU, memory, descriptors, backlog, once a second.

A load generator that cannot keep up reports its own slowness as the target's. Everything here is cheap enough to run
beside the traffic: a timer every 10 ms, and a few small reads a second (no psutil, which walks much more of /proc);
`benchmarks/health.py` measures what it costs.
"""

from __future__ import annotations

import asyncio
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.core.outcome import Outcome
from harness.core.rows import Row, Rows
from harness.core.tables import HEALTH, View
from harness.load.machine import GcPauses, Machine
from harness.record.recorder import Recorder

OPERATION = "generator"
INTERVAL_S = 0.01
MAX_CATCH_UP = 6_000
"""Missed wake-ups filled in after one stall: a minute's worth. A longer one is a suspended machine."""
MAX_ROWS = 3_600
"""Rows kept until taken; without a taker the oldest go."""
CHEAP_DESCRIPTORS = 1_000
"""Above this, listing the descriptors costs milliseconds of loop time, so it is done only every tenth second."""

_MICROSECONDS = 1_000_000
Clock = Callable[[], float]


class LoopLag:
    """Measures how late the loop wakes: a timer every 10 ms, the first one 10 ms after `start`.

    A stall swallows the wake-ups that fell into it; each of them is reported as late as it was, or one stall of a
    second would be one sample among a hundred instead of a hundred (no coordinated omission). The clock is read
    directly: uvloop's `loop.time()` has whole milliseconds and stands still during a loop iteration.

    :param report: called with the due instant (on `clock`) and the lag, both in seconds.
    :param clock: on the same time line as `loop.time()`.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, report: Callable[[float, float], None], *, clock: Clock = time.monotonic
    ) -> None:
        self._loop, self._report, self._clock = loop, report, clock
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin. Call it on the loop's thread, before or while the loop runs."""
        if self._timer is None:
            self._due = self._clock() + INTERVAL_S
            self._arm(self._due - INTERVAL_S)

    def stop(self) -> None:
        """End; no report follows."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, now: float) -> None:
        self._timer = self._loop.call_at(self._loop.time() + self._due - now, self._wake)

    def _wake(self) -> None:
        now = self._clock()
        # timers of whole milliseconds may fire a little early; that is not late
        self._report(self._due, max(0.0, now - self._due))
        self._due += INTERVAL_S
        for _ in range(MAX_CATCH_UP):
            if self._due > now:
                break
            self._report(self._due, now - self._due)
            self._due += INTERVAL_S
        else:
            self._due = now + INTERVAL_S
        self._arm(self._clock())


class Health:
    """One row of the health table for every second since zero, and every lag sample to the recorder.

    Make it on the loop's thread: that thread's waiting for a core is recorded.

    :param zero: the run's zero on the loop's clock, seconds. Wake-ups before it are not recorded.
    :param sessions: how many sessions are open now.
    :param backlog: bytes that phones have written and the system has not taken.
    """

    def __init__(
        self,
        recorder: Recorder,
        loop: asyncio.AbstractEventLoop,
        zero: float,
        *,
        worker: int = 0,
        sessions: Callable[[], int] = lambda: 0,
        backlog: Callable[[], int] | None = None,
        clock: Clock = time.monotonic,
        cpu_clock: Clock = time.process_time,
    ) -> None:
        self._recorder, self._zero, self._worker, self._sessions = recorder, zero, worker, sessions
        self._backlog = backlog
        self._machine = Machine(clock=clock)
        self._collector = GcPauses(clock=clock)
        self._clock, self._cpu_clock = clock, cpu_clock
        self._lag = LoopLag(loop, self._sample, clock=clock)
        self._second = 0
        self._lags_us: list[int] = []
        self._rows: list[Row] = []
        self._descriptors = Descriptors()
        self._cpu_share = 0.0
        self._cpu_mark = (clock(), cpu_clock())

    def start(self) -> None:
        """Begin measuring, on the loop's thread."""
        self._cpu_mark = (self._clock(), self._cpu_clock())
        self._machine.read()  # what was before is nobody's second
        self._collector.start()
        self._lag.start()

    def stop(self) -> None:
        """End measuring; the second under way gets its row."""
        self._lag.stop()
        self._collector.stop()
        self._close_second()
        self._machine.close()

    def take(self) -> list[Rows]:
        """The rows since the last take."""
        rows, self._rows = self._rows, []
        return [Rows(HEALTH, rows)] if rows else []

    def _sample(self, due: float, lag_s: float) -> None:
        at = due - self._zero
        if at < 0:
            self._cpu_mark = (self._clock(), self._cpu_clock())
            return
        if at >= self._second + 1:
            self._close_second()
            self._second = math.floor(at)
        self._recorder.sample(View.LAG, OPERATION, Outcome.OK, at, lag_s)
        self._lags_us.append(round(lag_s * _MICROSECONDS))

    def _close_second(self) -> None:
        """Write the row of `_second`, if the loop was due to wake in it."""
        if not self._lags_us:
            return
        lags = sorted(self._lags_us)
        self._lags_us.clear()
        self._update_cpu_share()
        machine, pauses_us = self._machine.read(), self._collections()
        row = (
            self._second,
            self._worker,
            _nearest_rank(lags, 50),
            _nearest_rank(lags, 99),
            lags[-1],
            self._cpu_share,
            resident_bytes(),
            self._descriptors.count(),
            self._sessions(),
            machine.descriptor_limit,
            machine.wait_share,
            machine.steal_share,
            machine.throttled_share,
            machine.machine_share,
            sum(pauses_us),
            max(pauses_us, default=0),
            machine.ports,
            machine.port_limit,
            None if self._backlog is None else self._backlog(),
        )
        del self._rows[: max(0, len(self._rows) + 1 - MAX_ROWS)]
        self._rows.append(row)

    def _collections(self) -> list[int]:
        """Microseconds of each garbage collection since the row before; each also becomes a sample."""
        taken = [(begun - self._zero, length) for begun, length in self._collector.take()]
        for at, length in taken:
            if at >= 0:
                self._recorder.sample(View.GC, OPERATION, Outcome.OK, at, length)
        return [round(length * _MICROSECONDS) for at, length in taken if at >= 0]

    def _update_cpu_share(self) -> None:
        """CPU time of all threads over wall time since the row before; after a stall its seconds share one figure."""
        now, used = self._clock(), self._cpu_clock()
        (then, used_then) = self._cpu_mark
        if now - then >= INTERVAL_S:
            self._cpu_share = (used - used_then) / (now - then)
            self._cpu_mark = (now, used)


def _nearest_rank(ordered: Sequence[int], q: int) -> int:
    return ordered[max(1, -(-q * len(ordered) // 100)) - 1]


def resident_bytes() -> int:
    """Memory of this process that is in RAM now; where there is no /proc, the most it ever was."""
    try:
        pages = int(Path("/proc/self/statm").read_bytes().split()[1])
    except OSError:
        return _peak_resident_bytes()
    return pages * os.sysconf("SC_PAGE_SIZE")


def _peak_resident_bytes() -> int:
    if sys.platform == "win32":
        return 0
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


class Descriptors:
    """Counts this process's open file descriptors without holding up the loop."""

    def __init__(self, folder: Path | None = None) -> None:
        candidates = [folder] if folder else [Path("/proc/self/fd"), Path("/dev/fd")]
        self._folder = next((candidate for candidate in candidates if candidate.is_dir()), None)
        self._known = 0
        self._skip = 0

    def count(self) -> int:
        """How many are open; at most ten calls old when there are very many, 0 where the system does not tell.

        Linux 6.2 and newer states the number as the folder's size (proc(5)); older ones have to list it.
        """
        if self._folder is None:
            return 0
        if sys.platform == "linux" and (size := self._folder.stat().st_size):
            return size
        if self._skip > 0:
            self._skip -= 1
            return self._known
        self._known = sum(1 for _ in os.scandir(self._folder)) - 1  # the listing itself holds one open
        self._skip = 9 if self._known > CHEAP_DESCRIPTORS else 0
        return self._known

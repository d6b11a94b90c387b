"""What the kernel says about the machine a generator runs on, and what the garbage collector did, second by second.

Files of /proc and the control group stay open and are read at their start again (proc(5), cgroups(7)); where one does
not exist, its figure is None. Counters there only grow: a figure is the difference to the reading before, over the
time between.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

READ_BYTES = 4096
KEPT_PAUSES = 10_000
"""Garbage collections kept until taken; without a taker the oldest go."""

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class CpuTicks:
    """The CPU time of all cores together since boot, in clock ticks."""

    total: int
    busy: int  # in use, or taken by the hypervisor
    interrupts: int  # of the busy ones
    steal: int  # likewise: what the hypervisor took


def cpu_ticks(numbers: Sequence[int]) -> CpuTicks | None:
    """From the figures of the first line of /proc/stat (proc(5)); None where that does not tell all of it."""
    if len(numbers) < 8:
        return None
    user, nice, system, idle, waiting, irq, soft, steal = numbers[:8]
    busy = user + nice + system + irq + soft + steal
    return CpuTicks(busy + idle + waiting, busy, irq + soft, steal)


@dataclass(frozen=True, slots=True)
class MachineSecond:
    """One reading. Shares are of the time since the reading before; None where the system does not tell."""

    descriptor_limit: int | None
    wait_share: float | None  # this thread was ready to run and had no core
    steal_share: float | None  # of all cores' time, taken by the hypervisor
    throttled_share: float | None  # the control group's CPU quota held it back; of one core's time
    machine_share: float | None  # of all cores' time, in use
    ports: int | None
    port_limit: int | None


class Machine:
    """Reads them; make it on the thread whose waiting is meant.

    :param root: where /proc and /sys are, for tests.
    """

    def __init__(self, root: Path = Path("/"), *, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._wait = _Kept(root / "proc/thread-self/schedstat")
        self._stat = _Kept(root / "proc/stat")
        self._sockets = [_Kept(root / "proc/net/sockstat"), _Kept(root / "proc/net/sockstat6")]
        self._quota = _quota_file(root)
        low_high = _Kept(root / "proc/sys/net/ipv4/ip_local_port_range").numbers()
        self._port_limit = low_high[1] - low_high[0] + 1 if len(low_high) == 2 else None
        self._before = self._counters()

    def read(self) -> MachineSecond:
        """The figures since the last call."""
        before, self._before = self._before, self._counters()
        now = self._before
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        wall = max(now.at_s - before.at_s, 1e-6)
        total = None if now.total is None or before.total is None else now.total - before.total
        return MachineSecond(
            descriptor_limit=None if soft == resource.RLIM_INFINITY else soft,
            wait_share=_grown(before.wait_s, now.wait_s, wall),
            steal_share=_grown(before.steal, now.steal, total),
            throttled_share=_grown(before.throttled_s, now.throttled_s, wall),
            machine_share=_grown(before.busy, now.busy, total),
            ports=self._ports(),
            port_limit=self._port_limit,
        )

    def close(self) -> None:
        """Close the files."""
        for kept in (self._wait, self._stat, self._quota, *self._sockets):
            kept.close()

    def _counters(self) -> _Counters:
        wait = self._wait.numbers()
        cpu = cpu_ticks(self._stat.line("cpu "))
        throttled_us = self._quota.line("throttled_usec ")  # version 2
        throttled_ns = self._quota.line("throttled_time ")  # version 1
        throttled = throttled_us[0] / 1e6 if throttled_us else throttled_ns[0] / 1e9 if throttled_ns else None
        return _Counters(
            at_s=self._clock(),
            wait_s=wait[1] / 1e9 if len(wait) >= 2 else None,
            steal=None if cpu is None else cpu.steal,
            busy=None if cpu is None else cpu.busy,
            total=None if cpu is None else cpu.total,
            throttled_s=throttled,
        )

    def _ports(self) -> int | None:
        """TCP sockets of the machine, those included that only wait for the last packet: each may hold a local port."""
        found = [kept.words("TCP:") + kept.words("TCP6:") for kept in self._sockets]
        if not found[0]:
            return None
        return sum(int(words[words.index(key) + 1]) for words in found for key in ("inuse", "tw") if key in words)


class GcPauses:
    """How long each garbage collection held the interpreter; it stops every thread, whichever set it off."""

    def __init__(self, *, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._begun = 0.0
        self._pauses: deque[tuple[float, float]] = deque(maxlen=KEPT_PAUSES)

    def start(self) -> None:
        """Begin. For the whole process."""
        if self._saw not in gc.callbacks:
            gc.callbacks.append(self._saw)

    def stop(self) -> None:
        """End."""
        with contextlib.suppress(ValueError):
            gc.callbacks.remove(self._saw)

    def take(self) -> list[tuple[float, float]]:
        """When each collection since the last take began, and how long it took, in seconds on the clock."""
        taken = []
        while self._pauses:
            taken.append(self._pauses.popleft())
        return taken

    def _saw(self, phase: str, _: dict[str, Any]) -> None:
        if phase == "start":
            self._begun = self._clock()
        else:
            self._pauses.append((self._begun, self._clock() - self._begun))


@dataclass(frozen=True, slots=True)
class _Counters:
    at_s: float
    wait_s: float | None
    steal: int | None
    busy: int | None
    total: int | None
    throttled_s: float | None


class _Kept:
    """A small kernel file, opened once. Where it does not exist it is empty."""

    def __init__(self, path: Path | None) -> None:
        self._file: int | None = None
        if path is not None:
            with contextlib.suppress(OSError):
                self._file = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))

    def text(self) -> str:
        if self._file is None:
            return ""
        try:
            return os.pread(self._file, READ_BYTES, 0).decode("ascii", "replace")
        except OSError:
            return ""

    def numbers(self) -> list[int]:
        """All numbers of a file of numbers."""
        return [int(word) for word in self.text().split()]

    def words(self, name: str) -> list[str]:
        """The words behind `name` on the line that starts with it."""
        for line in self.text().splitlines():
            if line.startswith(name):
                return line[len(name) :].split()
        return []

    def line(self, name: str) -> list[int]:
        """The numbers behind `name` on the line that starts with it."""
        return [int(word) for word in self.words(name)]

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _quota_file(root: Path) -> _Kept:
    """`cpu.stat` of this process' control group, of either version; inside a container its own is the mount's root."""
    groups = [
        line.split(":", 2) for line in _Kept(root / "proc/self/cgroup").text().splitlines() if line.count(":") >= 2
    ]
    mount = root / "sys/fs/cgroup"
    candidates: list[Path] = []
    for _, controllers, group in groups:
        inside = group.lstrip("/")
        if not controllers:
            candidates += [mount / inside / "cpu.stat", mount / "cpu.stat"]
        elif "cpu" in controllers.split(","):
            candidates[:0] = [mount / controllers / inside / "cpu.stat", mount / controllers / "cpu.stat"]
    return _Kept(next((path for path in candidates if path.is_file()), None))


def _grown(before: float | None, now: float | None, over: float | None) -> float | None:
    if before is None or now is None or not over:
        return None
    return max(0.0, (now - before) / over)

"""How much CPU other programs on this machine take while the run's own sandbox is on it, second by second.

A sandbox shares its cores with whoever else works on the machine, and answers later for it. Whether a missed latency
objective is the target's doing can then be told only by who had the CPU: of all that is in use (proc(5), /proc/stat),
what this process and its descendants used (/proc/PID/stat) is the run's own, time in interrupts counts as its own too,
and the rest, with what the hypervisor took, is others'. A process that ends between two readings takes its last second
with it, which then counts as others'.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.load.machine import cpu_ticks
from harness.record.manifest import Neighbours
from harness.run.looking import looking

EVERY_S = 1.0
FULL = 0.9
"""Of the machine's CPU time in use: from there on, who works takes it from somebody."""
TAKEN = 0.1
"""Of the machine's CPU time in others' hands, from which on they are told."""


@dataclass(frozen=True, slots=True)
class CpuReading:
    """Counters, in clock ticks since boot. used: all in use or taken away. shared: of it, what may be somebody's:
    neither idle nor in interrupts. own: by process."""

    total: int
    used: int
    shared: int
    own: dict[int, int]


@dataclass(frozen=True, slots=True)
class CpuSecond:
    """Between two readings, of the machine's CPU time: in use, and others'."""

    ended_at: float  # epoch seconds
    used: float
    others: float

    @property
    def crowded(self) -> bool:
        return self.used >= FULL and self.others >= TAKEN


def between(before: CpuReading, now: CpuReading, ended_at: float) -> CpuSecond | None:
    """What happened from one reading to the next; None where no time went by."""
    total = now.total - before.total
    if total <= 0:
        return None
    own = sum(max(0, ticks - before.own.get(process, 0)) for process, ticks in now.own.items())
    others = max(0, now.shared - before.shared - own)
    return CpuSecond(ended_at, (now.used - before.used) / total, others / total)


def summary(seconds: Sequence[CpuSecond], start: float, end: float) -> Neighbours | None:
    """Of the readings in a stretch (epoch seconds); None without any."""
    chosen = [one for one in seconds if start < one.ended_at <= end]
    if not chosen:
        return None
    crowded = [one.others for one in chosen if one.crowded]
    share = sum(crowded) / len(crowded) if crowded else 0.0
    return Neighbours(seconds=len(chosen), crowded=len(crowded), share=round(share, 4))


def read(root: Path = Path("/proc"), pid: int | None = None) -> CpuReading:
    """One reading. :raises OSError: there is no such /proc. :raises ValueError: it says something else."""
    cpu = cpu_ticks([int(word) for word in (root / "stat").read_text(encoding="ascii").partition("\n")[0].split()[1:]])
    if cpu is None:
        raise ValueError("/proc/stat does not tell all of the CPU's time")
    own = _own(root, os.getpid() if pid is None else pid)
    return CpuReading(cpu.total, cpu.busy, cpu.busy - cpu.interrupts, own)


def _own(root: Path, pid: int) -> dict[int, int]:
    """Ticks of a process and its descendants."""
    ticks, children = dict[int, int](), defaultdict[int, list[int]](list)
    for entry in os.scandir(root):
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):  # it ended meanwhile
            # The name, in brackets, may hold anything; what follows its last bracket begins with the state.
            rest = Path(entry.path, "stat").read_bytes().rpartition(b")")[2].split()
            number = int(entry.name)
            ticks[number] = int(rest[11]) + int(rest[12])
            children[int(rest[1])].append(number)
    own, open_ones = dict[int, int](), [pid]
    while open_ones:
        one = open_ones.pop()
        if one in ticks and one not in own:
            own[one] = ticks[one]
            open_ones += children[one]
    return own


@contextlib.contextmanager
def watched(root: Path = Path("/proc")) -> Iterator[list[CpuSecond]]:
    """The seconds from here on, as they come; none where the system does not tell."""
    try:
        before = read(root)
    except (OSError, ValueError):
        yield []
        return

    def look() -> CpuSecond | None:
        nonlocal before
        then, before = before, read(root)
        return between(then, before, time.time())

    with looking(look, EVERY_S, "neighbours") as seconds:
        yield seconds

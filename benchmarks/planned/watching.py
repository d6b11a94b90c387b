"""CPU and memory of processes while they work, second by second (psutil, so proc(5) here)."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import psutil

from harness.run.looking import looking

EVERY_S = 1.0


@dataclass(frozen=True, slots=True)
class Look:
    """At one instant (epoch seconds): CPU seconds and resident bytes of each process, by its id."""

    at: float
    cpu_s: dict[int, float]
    resident: dict[int, int]


def watched(root: int, beside: Sequence[int]) -> contextlib.AbstractContextManager[list[Look]]:
    """Looks at a process and its descendants, and at those beside it, as they come."""
    return looking(lambda: look(root, beside), EVERY_S, "watching")


def look(root: int, beside: Sequence[int]) -> Look:
    """One. Who has ended is not in it."""
    processes = [psutil.Process(pid) for pid in beside if psutil.pid_exists(pid)]
    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(root)
        processes += [parent, *parent.children(recursive=True)]
    found = Look(time.time(), {}, {})
    for one in processes:
        with contextlib.suppress(psutil.Error), one.oneshot():
            used = one.cpu_times()
            found.cpu_s[one.pid] = used.user + used.system
            found.resident[one.pid] = one.memory_info().rss
    return found


@dataclass(frozen=True, slots=True)
class Span:
    """What the looks say of a stretch of time."""

    looks: Sequence[Look]
    start: float
    end: float

    def cores(self, pids: Iterable[int]) -> float:
        """CPU of these processes together, mean. :raises SystemExit: nobody looked."""
        inside = self._inside()
        begun, took = inside[0].cpu_s, inside[-1].at - inside[0].at
        return sum(max(one.cpu_s.get(pid, 0.0) for one in inside) - begun.get(pid, 0.0) for pid in pids) / took

    def most_mb(self, pids: Iterable[int]) -> float:
        """Resident memory of these processes together, at most."""
        chosen = tuple(pids)
        return max(sum(one.resident.get(pid, 0) for pid in chosen) for one in self._inside()) / 1e6

    def others(self, pids: Iterable[int]) -> set[int]:
        """Processes that were seen, and are none of these."""
        return {pid for one in self._inside() for pid in one.cpu_s} - set(pids)

    def _inside(self) -> list[Look]:
        found = [one for one in self.looks if self.start <= one.at <= self.end]
        if len(found) < 2:
            raise SystemExit(f"{len(found)} looks at the processes in {self.end - self.start:.0f} s: nothing to tell")
        return found

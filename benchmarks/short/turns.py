"""By turns: the process' CPU time for one of ours, then for the reference, again and again."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import platform
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from replay.process import replaying

from short.judging import Turn

RECORDING = Path(__file__).with_name("few.gz")
"""Answers of a sandbox to three people (`replay/record.py --few 3`)."""

Cost = Callable[[], float]
"""Does the work once and says what it cost."""


def by_turns(ours: Cost, reference: Cost, turns: int) -> list[Turn]:
    """One turn of each to warm up, then so many that count."""
    ours()
    reference()
    gc.collect()
    gc.freeze()  # what is there by now is nobody's garbage
    return [Turn(ours(), reference()) for _ in range(turns)]


def cpu(work: Callable[[], object], times: int = 1) -> Cost:
    """CPU seconds of this process for so many times of it, all threads."""

    def cost() -> float:
        begun = time.process_time()
        for _ in range(times):
            work()
        return time.process_time() - begun

    return cost


def cpu_of(pid: int) -> float:
    """CPU seconds of another process, to the nanosecond where Linux tells."""
    if platform.system() == "Linux":
        return time.clock_gettime((~pid << 3) | 2)  # as clock_getcpuclockid() of glibc makes it
    import psutil

    used = psutil.Process(pid).cpu_times()
    return float(used.user + used.system)


@functools.cache
def cores() -> tuple[int, int]:
    """Of what answers, and of what is measured: the first and the last that we might use before anything was pinned."""
    there = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    return there[0], there[-1]


def pin(core: int, pid: int = 0) -> None:
    """To one core, where that can be asked for."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(pid, {core})


@contextlib.contextmanager
def replay(people: int, core: int) -> Iterator[str]:
    """A target that answers from the recording, in a process of its own; its URL."""
    with replaying(RECORDING, people, {}, core=core) as url:
        yield url

"""A fixed piece of work, done before and after the load: how fast is this machine when nobody asks anything of it?

Two runs differ by their target or by their machine. The work is the same for ever, so its time says which: hashing on
all cores at once (a neighbour on any of them shows), and round trips over loopback (the kernel's share). Together about
a tenth of a second. `reports.environment` compares.
"""

from __future__ import annotations

import hashlib
import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import fmean
from typing import Literal

from harness.load.child_process import cores
from harness.record.manifest import Canary

HASHED = bytes(range(256)) * 4096
"""One MiB: large enough that hashing it gives up the interpreter's lock, so that threads use all cores."""
HASHES = 6
"""A thread and repetition."""
REPEATS = 21
"""Enough that the scheduler has spread the threads long before the last: for the first of them it may put all of them
on one core, and a piece of work is over before it looks again."""
MOST_THREADS = 16
TRIPS = 1_000
"""A core."""
MOST_CORES = 4
PAYLOAD = b"x" * 64


def sing(at: Literal["start", "end"], now: Callable[[], float] = time.perf_counter) -> Canary:
    """Do the work once. Harmless, and on loopback only. :raises OSError: there is no loopback."""
    return Canary(at=at, cpu_ms=round(_hashing(now), 3), loopback_us=round(_trips(now), 1))


def _hashing(now: Callable[[], float]) -> float:
    """Milliseconds for a fixed number of hashes on every core at once: of each thread the mean of its repetitions'
    middle half, and of the threads the slowest. They stay for all repetitions. A pool that hands out one repetition
    after the other measures how its threads are woken: on an idle machine two of them share a core now and then, and
    the same work takes twice as long."""
    threads = min(MOST_THREADS, cores())
    together = threading.Barrier(threads)
    took: list[list[float]] = [[] for _ in range(threads)]

    def work(mine: list[float]) -> None:
        _hash()  # caches warm
        together.wait(5.0)
        for _ in range(REPEATS):
            begun = now()
            _hash()
            mine.append((now() - begun) * 1000)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, took))
    return max(_middle(mine) for mine in took)


def _hash() -> None:
    for _ in range(HASHES):
        hashlib.sha256(HASHED).digest()


def _middle(took: list[float]) -> float:
    """The mean of the middle half: neither luck nor hiccups."""
    took = sorted(took)
    return fmean(took[len(took) // 4 : -len(took) // 4])


def _trips(now: Callable[[], float]) -> float:
    """Microseconds of one round trip between two threads on one core, on the best of the cores."""
    with ThreadPoolExecutor(1) as pool:  # a thread of its own, to be bound to a core
        return min(pool.submit(_trips_on, core, now).result() for core in _some_cores())


def _some_cores() -> list[int | None]:
    """None where threads cannot be bound: there the figure depends on where they are put."""
    if not hasattr(os, "sched_setaffinity"):
        return [None]
    return list(sorted(os.sched_getaffinity(0))[:MOST_CORES])


def _trips_on(core: int | None, now: Callable[[], float]) -> float:
    """Both ends on one core: a trip between two costs what waking an idle one costs, 13 or 60 us of the same machine
    as the scheduler likes."""
    if core is not None:
        os.sched_setaffinity(0, {core})  # this thread's, and of those that it begins
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5.0)
        echo = threading.Thread(target=_echo, args=(server,), daemon=True)
        echo.start()
        took = []
        with socket.create_connection(server.getsockname(), timeout=5.0) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(TRIPS):
                begun = now()
                client.sendall(PAYLOAD)
                left = len(PAYLOAD)
                while left:
                    left -= len(client.recv(left)) or left
                took.append((now() - begun) * 1e6)
        echo.join(5.0)
    return _middle(took)


def _echo(server: socket.socket) -> None:
    peer, _ = server.accept()
    with peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := peer.recv(len(PAYLOAD)):
            peer.sendall(data)

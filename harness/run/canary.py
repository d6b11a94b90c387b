"""A fixed piece of work, done before and after the load: how fast is this machine when nobody asks anything of it?

Two runs differ by their target or by their machine. The work is the same for ever, so its time says which: hashing on
all cores at once (a neighbour on any of them shows), and round trips over loopback (the kernel's share, and how soon a
woken thread gets a core). Together about a third of a second. `reports.environment` compares.
"""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import median
from typing import Literal

from harness.load.child_process import cores
from harness.record.manifest import Canary

HASHED = bytes(range(256)) * 4096
"""One MiB: large enough that hashing it gives up the interpreter's lock, so that threads use all cores."""
HASHES = 6
"""A thread and repetition."""
REPEATS = 9
MOST_THREADS = 16
TRIPS = 1_000
PAYLOAD = b"x" * 64


def sing(at: Literal["start", "end"], now: Callable[[], float] = time.perf_counter) -> Canary:
    """Do the work once. Harmless, and on loopback only. :raises OSError: there is no loopback."""
    return Canary(at=at, cpu_ms=round(_hashing(now), 3), loopback_us=round(_trips(now), 1))


def _hashing(now: Callable[[], float]) -> float:
    """Milliseconds for a fixed number of hashes on every core at once, the median of the repetitions."""
    threads = min(MOST_THREADS, cores())
    took = []
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(_hash, range(threads)))  # threads begin, caches warm
        for _ in range(REPEATS):
            begun = now()
            list(pool.map(_hash, range(threads)))
            took.append((now() - begun) * 1000)
    return median(took)


def _hash(_: int) -> None:
    for _ in range(HASHES):
        hashlib.sha256(HASHED).digest()


def _trips(now: Callable[[], float]) -> float:
    """Microseconds of one round trip between two threads, on average over the middle half: neither luck nor hiccups."""
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
    took.sort()
    middle = took[len(took) // 4 : -len(took) // 4]
    return sum(middle) / len(middle)


def _echo(server: socket.socket) -> None:
    peer, _ = server.accept()
    with peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while data := peer.recv(len(PAYLOAD)):
            peer.sendall(data)

"""How much CPU the process has that answers at a target's port, where it is on this machine (proc(5)).

A server that works in one process is at its end when that process has a core to itself, however idle the others are:
the machine's CPU alone does not show it. Children of the process are not counted with it; they have their own cores.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from harness.core.target_guard import is_loopback
from harness.run.looking import looking

EVERY_S = 1.0
LISTENING = "0A"
"""State of a listening socket in /proc/net/tcp."""


@dataclass(frozen=True, slots=True)
class CoreSecond:
    """Between two readings: CPU of the process' threads together, in cores."""

    ended_at: float  # epoch seconds
    cores: float


def port_here(url: str) -> int | None:
    """The port of a target on loopback; None for any other."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if not is_loopback(parts.hostname or ""):
        return None
    return port or (443 if parts.scheme == "https" else 80)


def listening(port: int, root: Path = Path("/proc")) -> int | None:
    """The process that listens there; None where there is none, or it may not be seen."""
    wanted = {f"socket:[{inode}]" for inode in _inodes(port, root)}
    if not wanted:
        return None
    for entry in os.scandir(root):
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            for descriptor in os.scandir(Path(entry.path, "fd")):
                with contextlib.suppress(OSError):
                    if str(Path(descriptor.path).readlink()) in wanted:
                        return int(entry.name)
    return None


def _inodes(port: int, root: Path) -> Iterator[str]:
    for table in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in (root / "net" / table).read_text(encoding="ascii").splitlines()[1:]:
                words = line.split()
                if len(words) > 9 and words[3] == LISTENING and int(words[1].rpartition(":")[2], 16) == port:
                    yield words[9]


def ticks(process: int, root: Path = Path("/proc")) -> int:
    """CPU of it and of all its threads, in clock ticks. :raises OSError: it is gone. :raises ValueError: unreadable."""
    rest = (root / str(process) / "stat").read_bytes().rpartition(b")")[2].split()
    return int(rest[11]) + int(rest[12])


def mean(seconds: Sequence[CoreSecond], start: float, end: float) -> float | None:
    """In cores, over a stretch (epoch seconds); None without a reading in it."""
    chosen = [one.cores for one in seconds if start < one.ended_at <= end]
    return round(sum(chosen) / len(chosen), 4) if chosen else None


@contextlib.contextmanager
def target_cpu(url: str, root: Path = Path("/proc")) -> Iterator[list[CoreSecond]]:
    """The seconds from here on, as they come; none where the target is elsewhere or cannot be seen."""
    watched, before = 0, (0, 0.0)
    with contextlib.suppress(OSError, ValueError):
        if (port := port_here(url)) is not None and (process := listening(port, root)) is not None:
            before, watched = (ticks(process, root), time.monotonic()), process
    if not watched:
        yield []
        return
    rate = os.sysconf("SC_CLK_TCK")

    def look() -> CoreSecond:
        nonlocal before
        (used, then), before = before, (ticks(watched, root), time.monotonic())
        return CoreSecond(time.time(), (before[0] - used) / rate / max(before[1] - then, 1e-6))

    with looking(look, EVERY_S, "target cpu") as seconds:
        yield seconds

"""To be served soon, not for longer: what a generator asks of the kernel.

Beside a target on the same cores a generator waits its turn, whatever little it needs: milliseconds in which a finished
reply lies unread, and that the record would have to own up to. Linux (6.12 and later, sched(7): `sched_runtime` of a
normal thread) lets a thread ask for short turns. Its share of the processor stays the same; it is let in sooner. Needs
no privilege; elsewhere nothing happens.

Linux also shares the processor among sessions (sched(7), "The autogroup feature"), and each of a Postgres's connections
is a session of its own: a generator in a session of its own is one of twenty. Where it may, it goes before them.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
from pathlib import Path

TURN_NS = 100_000
"""The shortest turn that the kernel grants."""
SESSION_NICE = -10
_AUTOGROUP = Path("/proc/self/autogroup")
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}
_SCHED_NORMAL = 0
_SIZE = 56
_LIBC = ctypes.CDLL(None)


def go_first() -> bool:
    """Put this process's session before others, if it leads one: nobody else's is touched. False where it may not."""
    if os.getsid(0) != os.getpid():
        return False
    try:
        _AUTOGROUP.write_text(str(SESSION_NICE), encoding="ascii")
    except OSError:
        return False
    return True


def be_prompt() -> bool:
    """Ask for short turns for the calling thread and the threads it starts. False where there is no such thing."""
    number = _SCHED_SETATTR.get(platform.machine()) if sys.platform == "linux" else None
    if number is None:
        return False
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    # struct sched_attr: size, policy, flags, nice, priority, runtime, deadline, period, two bounds of utilisation.
    attributes = struct.pack("=IIQiIQQQII", _SIZE, _SCHED_NORMAL, 0, nice, 0, TURN_NS, 0, 0, 0, 0)
    refused: int = _LIBC.syscall(number, 0, attributes, 0)
    return refused == 0

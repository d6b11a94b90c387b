"""Child processes that cannot outlive us: started in a session of their own, tied to our life, killed as a group.

The one place of `harness` where a process is started. The tie is the starter's doing and survives the exec, so neither
sandbox nor proxy needs to know of it; it holds as long as the *thread* that started them (prctl(2), PR_SET_PDEATHSIG).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

from harness.core.interrupts import INTERRUPTS

MANY = 10_240
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)  # loaded here: between fork and exec nothing may be
_started: list[subprocess.Popen[str]] = []


def start(
    command: Sequence[str],
    *,
    environ: Mapping[str, str],
    stdout: int | IO[Any] | None = subprocess.PIPE,
    stderr: int | IO[Any] | None = None,
) -> subprocess.Popen[str]:
    """Start a child that the terminal's Ctrl-C does not reach and that is killed when we die (Linux)."""
    with INTERRUPTS.held():  # from the fork on, somebody has to know of the child
        process = subprocess.Popen(
            command,
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
            start_new_session=True,
            preexec_fn=_tie_to(os.getpid()) if sys.platform == "linux" else None,
        )
        _started.append(process)
    return process


def end(process: subprocess.Popen[str], *, patience_s: float) -> None:
    """Ask the child to leave (SIGTERM), wait, then kill its whole group."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience_s)
    kill_group(process)
    process.wait()
    with contextlib.suppress(ValueError):
        _started.remove(process)


def end_rest(patience_s: float = 10.0) -> None:
    """End what is still there of everything started: who started it was cut short before looking after it."""
    rest = [process for process in _started if process.poll() is None]
    for process in rest:
        process.terminate()
    for process in rest:
        end(process, patience_s=patience_s)
    _started.clear()


def kill_group(process: subprocess.Popen[str]) -> None:
    """Kill whatever is left of the child's session, grandchildren included."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def raise_descriptor_limit() -> int:
    """Raise the soft limit of open files to the hard one, for us and our children; returns it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MANY if hard == resource.RLIM_INFINITY else hard  # macOS refuses "unlimited" as a soft limit
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _tie_to(parent: int) -> Callable[[], None]:
    def tie() -> None:  # in the child, between fork and exec
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the kernel was told
            os._exit(0)

    return tie

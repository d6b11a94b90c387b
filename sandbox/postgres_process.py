"""A child process that ends with us: started so that the kernel stops it when we die, stopped with rising force."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

from sandbox.errors import SandboxError

STOP_LIMIT_S = 10.0
PR_SET_PDEATHSIG = 1


def die_with_parent() -> Callable[[], None] | None:
    """For the child, after it has changed its user (which clears the setting): fast shutdown when we are gone."""
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def arm() -> None:
        prctl(PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)  # we died between fork and prctl

    return arm


def popen_from_lasting_thread(popen: Callable[[], subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """Start a process from a thread that lives as long as the process does.

    The death signal follows the thread that forked, not the whole parent: from an executor's thread the server would
    be shut down as soon as that thread is retired.
    """
    started = threading.Event()
    result: list[subprocess.Popen[bytes]] = []
    failure: list[BaseException] = []

    def keep() -> None:
        try:
            process = popen()
        except BaseException as error:
            failure.append(error)
            return
        else:
            result.append(process)
        finally:
            started.set()
        process.wait()

    threading.Thread(target=keep, name="postgres-keeper", daemon=True).start()
    started.wait()
    if failure:
        raise SandboxError(f"PostgreSQL could not be run: {failure[0]}", remedy="see the reason above") from failure[0]
    return result[0]


def end(process: subprocess.Popen[bytes], first: signal.Signals) -> None:
    """Ask with `first` (SIGINT: fast shutdown), then for immediate shutdown, then use force."""
    for attempt in (first, signal.SIGQUIT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(attempt)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_LIMIT_S)
            return

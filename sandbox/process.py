"""What a process of the sandbox does at its start and about its children: signals, parent's death, limits, collector.

On Linux the kernel tells a process when the thread that started it has died (`PR_SET_PDEATHSIG`); elsewhere only an
orderly exit stops what we started.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from sandbox.errors import SandboxError

STOP_LIMIT_S = 10.0
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1


class Stopped(BaseException):
    """A signal asked for the end."""


def unwind_on_signals() -> None:
    """Have signals raise `Stopped` in the main thread, once: later ones must not disturb the cleaning up."""
    for number in ENDING:
        signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> NoReturn:
    for later in ENDING:
        signal.signal(later, signal.SIG_IGN)
    raise Stopped


def raise_descriptor_limit() -> None:
    """Let this process open as many sockets as the system allows it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def freeze_start_up() -> None:
    """What start-up left behind lives as long as the process; looking through it again costs requests time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


# --- a parent's death


def end_with_parent(parent: int) -> None:
    """Have this process get SIGTERM when its parent dies. :raises SystemExit: when it is dead already.

    parent: its process id, learned before anything else was done.
    """
    if not _arm(_prctl(), parent, signal.SIGTERM):
        raise SystemExit(0)


def for_child_to_end_with_us() -> Callable[[], None] | None:
    """For `preexec_fn`, after the child has changed its user (which clears the setting): it gets SIGINT at our end."""
    prctl = _prctl()
    if prctl is None:
        return None
    us = os.getpid()

    def arm() -> None:
        if not _arm(prctl, us, signal.SIGINT):
            os._exit(1)  # we died between fork and prctl

    return arm


def _prctl() -> Callable[..., int] | None:
    """Loaded apart from its use: between fork and exec nothing may be imported or loaded."""
    return ctypes.CDLL(None, use_errno=True).prctl if sys.platform.startswith("linux") else None


def _arm(prctl: Callable[..., int] | None, parent: int, number: signal.Signals) -> bool:
    """Ask the kernel for `number` at the parent's death; False when the parent died before it was told."""
    if prctl is not None:
        prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    return os.getppid() == parent


# --- children


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
    """Ask with `first` (SIGINT: PostgreSQL's fast shutdown), then for immediate shutdown, then use force."""
    for attempt in (first, signal.SIGQUIT, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(attempt)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_LIMIT_S)
            return

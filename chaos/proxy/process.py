"""What a process of the proxy's needs of its system: a loop, descriptors, a quiet collector, an end with its parent."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1


def new_loop() -> asyncio.AbstractEventLoop:
    """uvloop's, where there is one."""
    with contextlib.suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop()  # type: ignore[no-any-return]
    return asyncio.new_event_loop()


def raise_descriptor_limit() -> None:
    """Two descriptors a connection: take what the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def freeze_garbage() -> None:
    """Connections are freed by counting; looking for cycles in what start-up left behind only costs latency."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


def end_with_parent() -> None:
    """Have the kernel send SIGTERM when the parent dies (Linux).

    :raises SystemExit: it is dead already.
    """
    parent = os.getppid()
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    if os.getppid() != parent:
        raise SystemExit(0)

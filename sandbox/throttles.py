"""What the throttles do: work on one core, and what each transaction begins with."""

from __future__ import annotations

import asyncio
import hashlib
import time
from concurrent.futures import ThreadPoolExecutor

from sandbox.switches import Switches

_LOCK = 739_211
_ROUNDS = 200
"""Of a key derivation in between two looks at the clock: some tenths of a millisecond."""


class OneCore:
    """Works off one request after the other on a thread of its own. The work is real: it takes CPU, and waits while the
    machine has none; it does not hold the interpreter, so the sandbox's loop goes on meanwhile."""

    def __init__(self, milliseconds: int) -> None:
        self._seconds = milliseconds / 1000
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="throttle")

    async def work(self) -> None:
        """Wait for one's turn, and through it. Whoever leaves the line has not begun."""
        await asyncio.get_running_loop().run_in_executor(self._thread, _burn, self._seconds)


def _burn(seconds: float) -> None:
    """Use so much CPU time of this thread."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        hashlib.pbkdf2_hmac("sha256", b"throttle", b"salt", _ROUNDS)


def transaction_begin(switches: Switches) -> str:
    """Statements behind `begin`, each with its semicolon before it; empty while nothing is throttled."""
    told = ""
    if switches.throttle_lock_ms:
        told += f"; select pg_advisory_xact_lock({_LOCK}); select pg_sleep({switches.throttle_lock_ms / 1000})"
    if switches.throttle_transaction_ms:
        told += f"; select pg_sleep({switches.throttle_transaction_ms / 1000})"
    return told

"""What INT, TERM and HUP do to a command: each is one exception, `Interrupted`, raised once in the main thread.

USR2, the kill switch, does the same wherever no load is made; a run under load has a handler of its own for it.

A command is cleaned up by unwinding, so a second signal must not cut the first one's unwinding short: it is noted, and
raised only when the first is so long ago that something must be stuck. Where an exception would be worse than waiting
(between a fork and the `try` that looks after the child), signals are held until the block is over.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType
from typing import Any

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGUSR2")
SIGNALS = tuple(getattr(signal, name) for name in _NAMES if hasattr(signal, name))
AGAIN_S = 20.0
"""After so many seconds a further signal cuts short what the first one left to be cleaned up."""

AT_ONCE_S = 0.01

Listener = Callable[[int, FrameType | None], None]
Unraisable = Callable[["sys.UnraisableHookArgs"], Any]


class Interrupted(KeyboardInterrupt):
    """A signal asked for the end. A KeyboardInterrupt, so that event loops let it through as they let Ctrl-C through.

    stage, record: what was under way, and the run directory that says so; filled in on the way out.
    """

    def __init__(self, number: int = signal.SIGINT) -> None:
        self.signal = signal.Signals(number).name
        self.stage = ""
        self.record = ""
        self.remedy = ""
        super().__init__(self.signal)

    def while_(self, stage: str, *, record: str = "", remedy: str = "") -> None:
        """Say what was under way, unless somebody nearer has said it."""
        if not self.stage:
            self.stage, self.record, self.remedy = stage, record, remedy

    def __str__(self) -> str:
        lines = [f"interrupted by {self.signal} {self.stage}".rstrip()]
        lines += [f"  {name}: {text}" for name, text in (("where", self.record), ("remedy", self.remedy)) if text]
        return "\n".join(lines)


class Interrupts:
    """The signals of this process. Handlers run in the main thread only, so there is nothing to lock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._raised_s: float | None = None
        self._waiting: int | None = None
        self._held = 0
        self.heard = 0

    def hear(self, number: int, frame: FrameType | None = None) -> None:
        """The handler."""
        self.heard += 1
        now = self._clock()
        if self._raised_s is not None and now - self._raised_s < AGAIN_S:
            return
        if self._held:
            self._waiting = number
            return
        self._raised_s = now
        raise Interrupted(number)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """No exception within the block; one behind it, where a signal came. Harmless in other threads."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            number, self._waiting = self._waiting, self._waiting if self._held else None
            if number is not None and not self._held:
                self._raised_s = self._clock()
                raise Interrupted(number)

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Signals come here within the block. HUP stays ignored for who was started to survive it (`nohup`)."""
        self._raised_s = self._waiting = None
        self.heard = 0
        logging.getLogger("asyncio").addFilter(_is_news)  # for good: a loop says it when its task is collected
        before = sys.unraisablehook
        sys.unraisablehook = partial(self._swallowed, before)
        try:
            with listening(self.hear):
                yield
        finally:
            sys.unraisablehook = before

    def _swallowed(self, others: Unraisable, unraisable: sys.UnraisableHookArgs) -> None:
        """An exception came where Python takes none: in a finalizer, or in what a weak reference calls. Ours is raised
        once more behind it; from within here it would be swallowed, too."""
        if not isinstance(unraisable.exc_value, Interrupted):
            others(unraisable)
            return
        self._raised_s = None
        number = signal.Signals[unraisable.exc_value.signal]
        again = threading.Timer(AT_ONCE_S, os.kill, (os.getpid(), number))
        again.daemon = True
        again.start()


def _is_news(record: logging.LogRecord) -> bool:
    """Not that a task of a loop was where the signal came: whoever ran the loop has it, too, and says it."""
    # asyncio says `exc_info=False` where there is no exception, and the record keeps that.
    return not record.exc_info or not isinstance(record.exc_info[1], KeyboardInterrupt)


INTERRUPTS = Interrupts()


@contextlib.contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """The signals go to `listener` within the block, and to whom they went before afterwards."""
    before = {}
    try:
        for number in SIGNALS:
            if number != signal.SIGINT and signal.getsignal(number) is signal.SIG_IGN:
                continue
            before[number] = signal.signal(number, listener)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def ignore() -> None:
    """The very end of the process: the exit code is settled, and nothing is left that a signal could end sooner."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)

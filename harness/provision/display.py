"""How the work looks while it goes on: a bar in a terminal, a plain line now and then elsewhere. Always on stderr."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from harness.core.visible import visible_lines

PLAIN_EVERY_S = 5.0


class Display:
    """Shows one piece of work after the other."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
        self._progress: Progress | None = None
        self._task = TaskID(0)
        self._what, self._done, self._total = "", 0, 0
        self._shown_at = 0.0

    def say(self, text: str) -> None:
        """A line that stays."""
        if self._console.is_terminal:
            self._console.print(visible_lines(text), markup=False, soft_wrap=True)
        else:
            self._console.print(f"{time.strftime('%H:%M:%S')} {visible_lines(text)}", markup=False, soft_wrap=True)

    @contextmanager
    def work(self, what: str, total: int | None = None) -> Iterator[None]:
        """Until the end of the block, `what` is going on; `total` steps are expected, None when nobody knows."""
        self._what, self._done, self._total = what, 0, total or 0
        if not self._console.is_terminal:
            self._shown_at = time.monotonic()
            yield
            return
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeRemainingColumn(), console=self._console, transient=True) as progress:
            self._task = progress.add_task(what, total=total)
            self._progress = progress
            try:
                yield
            finally:
                self._progress = None

    def advance(self, steps: int = 1) -> None:
        """So many steps more are done."""
        self._done += steps
        if self._progress is not None:
            self._progress.update(self._task, advance=steps, description=self._what)
        elif self._due():
            self.say(f"{self._what}: {self._count()}")

    def trouble(self, text: str) -> None:
        """Something went wrong and is being tried again."""
        if self._progress is not None:
            self._progress.update(self._task, description=f"{self._what} ({text})")
        elif self._due():
            self.say(f"{self._what}: {self._count()}; {text}")

    def _count(self) -> str:
        return f"{self._done:,} of {self._total:,}" if self._total else f"{self._done:,}"

    def _due(self) -> bool:
        now = time.monotonic()
        if now - self._shown_at < PLAIN_EVERY_S:
            return False
        self._shown_at = now
        return True

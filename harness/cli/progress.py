"""How a run looks while it runs: one updating block in a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console, Group
from rich.live import Live as Screen
from rich.table import Table
from rich.text import Text

from harness.core.counted import counted
from harness.core.secret_filter import WORDS
from harness.core.visible import visible, visible_lines

PLAIN_EVERY_S = 5.0


def watcher() -> PlainWatcher | ScreenWatcher:
    """The one that fits where stderr goes."""
    console = Console(stderr=True, highlight=False)
    return ScreenWatcher(console) if console.is_terminal else PlainWatcher(console)


class PlainWatcher:
    """Lines for logs: no colour, no cursor movement, each complete in itself."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = -PLAIN_EVERY_S

    def __enter__(self) -> PlainWatcher:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def stage(self, text: str) -> None:
        """Something new begins."""
        self._line(shown(text))

    def problem(self, text: str) -> None:
        """Something is wrong with the harness itself."""
        self._line(f"problem: {shown(text)}")

    def detail(self, text: str) -> None:
        """A line of the run's log, which has its own time."""
        self._console.print(shown(text), markup=False, soft_wrap=True)

    def progress(self, facts: Mapping[str, Any]) -> None:
        """Where the run stands; most calls print nothing."""
        if time.monotonic() - self._last < PLAIN_EVERY_S:
            return
        self._last = time.monotonic()
        self._line(f"{headline(facts)}{closest(facts['slos'])}")

    def _line(self, text: str) -> None:
        self._console.print(f"{time.strftime('%H:%M:%S')} {text}", markup=False, soft_wrap=True)


class ScreenWatcher:
    """A block that stays in place: headline and one row per latency SLO."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._screen = Screen(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> ScreenWatcher:
        self._screen.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._screen.stop()

    def stage(self, text: str) -> None:
        """Something new begins; stays above the block."""
        self._console.print(Text(shown(text), style="bold"))

    def problem(self, text: str) -> None:
        """Something is wrong with the harness itself; stays above the block."""
        self._console.print(Text(f"problem: {shown(text)}", style="red"))

    def detail(self, text: str) -> None:
        """A line of the run's log; stays above the block."""
        self._console.print(Text(shown(text), style="dim"))

    def progress(self, facts: Mapping[str, Any]) -> None:
        """Redraw the block."""
        table = Table(box=None)
        for column in ("SLO", "so far", "limit", "samples"):
            table.add_column(column, justify="left" if column == "SLO" else "right")
        for name, value, limit, samples in facts["slos"]:
            style = "" if value is None else ("red" if value >= limit else "green")
            so_far = "-" if value is None else f"{value:.0f} ms{' !' if value >= limit else ''}"
            table.add_row(Text(visible(name)), Text(so_far, style=style), f"{limit:.0f} ms", str(samples))
        self._screen.update(Group(Text(headline(facts)), table), refresh=True)


def shown(text: str) -> str:
    """Somebody's words without secrets, before a terminal's width may part them; their lines stay lines."""
    return visible_lines(WORDS.text(text.strip()))


def headline(facts: Mapping[str, Any]) -> str:
    """One line: where on the time axis, how much is going on, how much failed."""
    at = facts["at_s"]
    where = "starting" if at < 0 else f"{at:.0f} of at most {facts['end_s']:.0f} s"
    return (
        f"{where} | {counted(facts['sessions'], 'session')} open, {facts['left']} to come"
        f" | {facts['per_second']:.0f} attempts/s | {counted(facts['attempts'], 'attempt')}, {facts['failed']} failed"
        f"{chaos(facts.get('chaos', ()))}"
    )


def _plural(number: int, one: str) -> str:
    return f"{number} {one if number == 1 else one + 's'}"


def chaos(standing: Sequence[Sequence[Any]]) -> str:
    """What goes wrong on purpose now, and how many it hit so far; empty when nothing does."""
    listed = [f"{name} ({hits} hit, {left:.0f} s left)" for name, hits, left in standing]
    return f" | chaos: {', '.join(listed)}" if listed else ""


def closest(slos: Sequence[Sequence[Any]]) -> str:
    """The latency SLO nearest to its limit, or every one that is over it; empty before the first sample."""
    standing = sorted(((value / limit, name, value, limit) for name, value, limit, _ in slos if value), reverse=True)
    over = [slo for slo in standing if slo[0] >= 1]
    near = [f"{visible(name)} {value:.0f}/{limit:.0f} ms" for _, name, value, limit in over or standing[:1]]
    return (" | over the limit: " if over else " | closest: ") + ", ".join(near) if near else ""

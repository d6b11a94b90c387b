"""Whether a phone has a network and whether its app is on screen: state, planned outages, who wants to know. (pure)

Clock values are seconds of whatever clock the caller uses, and never run backwards. Nothing here waits: whoever owns
a loop calls `advance` at `next_change`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum


class NetworkChange(Enum):
    """What the app notices: `offline`, `online`, `visibilitychange`; and its end, of which it notices nothing."""

    OFFLINE = "offline"
    ONLINE = "online"
    HIDDEN = "hidden"
    VISIBLE = "visible"
    KILLED = "killed"  # the system ended the app: no event reached the page


Watcher = Callable[[NetworkChange], None]


@dataclass(frozen=True, slots=True)
class Outage:
    """A time without network: from `start` on, for `seconds`."""

    start: float
    seconds: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.start) and math.isfinite(self.seconds) and self.seconds > 0):
            raise ValueError(f"an outage of {self.seconds:g} s from {self.start:g} on cannot be; give positive seconds")

    @property
    def end(self) -> float:
        return self.start + self.seconds


class NetworkState:
    """One phone's connectivity and visibility.

    online: requests can leave. visible: the app is on screen; timers of its screens poll only then.
    Watchers are called in the order in which they came, after the state has changed, and only for real changes.
    """

    __slots__ = ("_gaps", "_inside", "_lasting", "_later", "_lost_at", "_outages", "_watchers", "online", "visible")

    def __init__(self, later: Callable[[], float] = lambda: 0.0) -> None:
        """later: seconds by which the app takes the network for back after a planned outage, each time anew."""
        self._later = later
        self.online = True
        self.visible = True
        self._outages: list[Outage] = []  # apart, in order; the first is under way while `_inside`
        self._inside = False
        self._gaps: list[tuple[float, float]] = []  # closed offline times of this session
        self._lost_at: float | None = None
        self._watchers: list[Watcher] = []
        self._lasting: list[Watcher] = []

    # ---- who wants to know ----------------------------------------------------------------------------------

    def watch(self, watcher: Watcher, *, lasting: bool = False) -> Callable[[], None]:
        """Have every change reported; call what this returns to end it (twice does no harm).

        Only `lasting` watchers outlive the page.
        """
        self._watchers.append(watcher)
        if lasting:
            self._lasting.append(watcher)

        kept = [watcher]  # once: whoever is told of changes holds the way to end it, too

        def unwatch() -> None:
            if kept and (one := kept.pop()) in self._watchers:
                self._watchers.remove(one)

        return unwatch

    def _tell(self, change: NetworkChange) -> None:
        failed: Exception | None = None
        for watcher in tuple(self._watchers):
            try:
                watcher(change)
            except Exception as error:
                failed = failed or error
        if failed is not None:  # everybody has been told
            raise failed

    # ---- what happens ---------------------------------------------------------------------------------------

    def lose(self, now: float) -> None:
        """The network goes: what is under way breaks, what is tried fails at once."""
        if self.online:
            self.online = False
            self._lost_at = now
            self._tell(NetworkChange.OFFLINE)

    def regain(self, now: float) -> None:
        """The network is back: the browser fires `online`."""
        if not self.online:
            self.online = True
            if self._lost_at is not None:
                self._gaps.append((self._lost_at, now))
                self._lost_at = None
            self._tell(NetworkChange.ONLINE)

    def hide(self) -> None:
        """The app goes to the background."""
        if self.visible:
            self.visible = False
            self._tell(NetworkChange.HIDDEN)

    def show(self) -> None:
        """The app comes back on screen."""
        if not self.visible:
            self.visible = True
            self._tell(NetworkChange.VISIBLE)

    def kill(self) -> None:
        """The system ends the app without a word to the page. The network stays what it is."""
        self._tell(NetworkChange.KILLED)
        self._watchers = list(self._lasting)

    def reset(self) -> None:
        """The page is gone; the next session starts connected and on screen, with nothing planned."""
        self._watchers = list(self._lasting)
        self.online = self.visible = True
        self._outages.clear()
        self._gaps.clear()
        self._lost_at = None
        self._inside = False

    # ---- planned outages ------------------------------------------------------------------------------------

    def plan(self, outage: Outage) -> None:
        """Add an outage; times that touch or overlap become one. One that is over when another runs is dropped."""
        if self._inside and outage.end < self._outages[0].start:
            return
        start, end = outage.start, outage.end + self._later()
        apart = []
        for other in self._outages:
            if other.end < start or end < other.start:
                apart.append(other)
            else:
                start, end = min(start, other.start), max(end, other.end)
        self._outages = sorted([*apart, Outage(start, end - start)], key=lambda planned: planned.start)

    def next_change(self) -> float | None:
        """When the plan next loses or regains the network; None when it never does."""
        if not self._outages:
            return None
        first = self._outages[0]
        return first.end if self._inside else first.start

    def advance(self, now: float) -> None:
        """Do what the plan has for the time up to `now`, in order."""
        while (due := self.next_change()) is not None and due <= now:
            if self._inside:
                self._inside = False
                self._outages.pop(0)
                self.regain(due)
            else:
                self._inside = True
                self.lose(due)

    def end_outage(self, now: float) -> None:
        """The outage under way ends now, whatever was planned."""
        if self._inside:
            self._inside = False
            self._outages.pop(0)
            self.regain(now)

    # ---- for the record -------------------------------------------------------------------------------------

    def offline_seconds(self, begun: float, ended: float) -> float:
        """How much of the time from `begun` to `ended` had no network."""
        gaps = list(self._gaps)
        if self._lost_at is not None:
            gaps.append((self._lost_at, math.inf))
        return sum(max(0.0, min(ended, end) - max(begun, start)) for start, end in gaps)

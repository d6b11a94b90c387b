"""What a page remembers of its reads, and when it reads again: the rules of react-query. (pure)

Contract 0.2 (defaults), 2.6, 4, 5.1, 6.2, 6.7 (rules of single reads), 10.2 (what a refocus costs). A cache lives as
long as one page load and survives screens; the next page load starts empty. Where the contract is silent the library's
own behaviour counts (TanStack Query 5): data is stale once its stale time has passed, a failure leaves data and age as
they were, an entry nobody shows is forgotten after the longest gc time anybody asked for, counted from the moment the
last screen left it or its last fetch ended, whichever is later.

Times are seconds of one clock that does not run backwards; the caller passes `now`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Key: TypeAlias = tuple[str, ...]

DEFAULT_STALE_S = 15.0
DEFAULT_GC_S = 600.0
ROUNDING_S = 1e-6


@dataclass(frozen=True, slots=True)
class Rules:
    """How one reader wants a read handled. Seconds."""

    stale_s: float = DEFAULT_STALE_S
    gc_s: float = DEFAULT_GC_S
    on_focus: bool = True
    on_reconnect: bool = True


FEED = Rules(stale_s=300.0, on_focus=False)
HOME_DECK = Rules(stale_s=600.0, gc_s=1800.0)
LANDING_DECK = Rules(stale_s=600.0)
FRIENDS_WATCHING = Rules(stale_s=120.0)  # not in the contract: the app's public source has two minutes
CONVERSATIONS = Rules(stale_s=60.0)
SEARCH = Rules(stale_s=1800.0, gc_s=3600.0)
DIARY_STATS = Rules(stale_s=300.0)
TITLE = Rules(stale_s=60.0)  # not in the contract: the app's public source has one minute
DEFAULT = Rules()


@dataclass(slots=True)
class _Entry:
    readers: list[Rules] = field(default_factory=list)
    updated_at: float | None = None  # the last success
    value: Any = None
    invalid: bool = False
    in_flight: bool = False
    gc_s: float = 0.0
    idle_since: float = 0.0

    def stale(self, stale_s: float, now: float) -> bool:
        return self.invalid or self.updated_at is None or now - self.updated_at >= stale_s


class QueryCache:
    """The reads of one page load.

    Every method that answers "fetch this" has marked the key as being fetched: the caller does so and ends it with
    `succeeded` or `failed`. Until then nobody is told to fetch it again (single flight), but for `invalidate`: then the
    earlier fetch is not to be ended any more.
    """

    __slots__ = ("_due", "_entries", "_on_focus", "_stale_factor")

    def __init__(self, stale_factor: float = 1.0, *, on_focus: bool = True) -> None:
        """stale_factor: times every reader's stale time. on_focus: False: nothing is read again for a focus."""
        self._entries: dict[Key, _Entry] = {}
        self._stale_factor = stale_factor
        self._on_focus = on_focus
        self._due = math.inf  # nothing is forgotten before

    # ---- readers --------------------------------------------------------------------------------------------

    def mount(self, key: Key, rules: Rules, now: float) -> bool:
        """A screen begins to show this. True: fetch it now; False: it is fresh, or somebody is fetching it."""
        entry = self._entry(key, rules, now)
        entry.readers.append(rules)
        return self._launch(entry, stale=self._stale(entry, rules, now))

    def unmount(self, key: Key, rules: Rules, now: float) -> None:
        """The screen that mounted it with `rules` is left."""
        entry = self._entries.get(key)
        if entry is not None and rules in entry.readers:
            entry.readers.remove(rules)
            self._idle(entry, now)

    def shown(self, key: Key) -> bool:
        """Whether any screen shows it."""
        entry = self._entries.get(key)
        return entry is not None and bool(entry.readers)

    def prefetch(self, key: Key, rules: Rules, now: float) -> bool:
        """Fetch ahead what no screen shows yet; True when it has to be fetched."""
        entry = self._entry(key, rules, now)
        return self._launch(entry, stale=self._stale(entry, rules, now))

    def poll(self, key: Key, now: float) -> bool:
        """A reader's interval is over: fetched whatever its age, unless a fetch is under way or nobody shows it."""
        entry = self._entries.get(key)
        return entry is not None and bool(entry.readers) and self._launch(entry, stale=True)

    # ---- events of the tab ----------------------------------------------------------------------------------

    def focused(self, now: float) -> list[Key]:
        """The tab is visible again: what is shown, stale and wants it, in the order it was first shown."""
        return self._wake(now, focus=True) if self._on_focus else []

    def reconnected(self, now: float) -> list[Key]:
        """The browser is online again."""
        return self._wake(now, focus=False)

    def invalidate(self, prefix: Key, now: float) -> list[Key]:
        """A write changed everything under `prefix`: shown keys are fetched now, the others when next shown.

        A fetch under way of something shown is overtaken: what it brings may be from before the write, and is not to
        be handed in. Only the very first fetch is not, nor one that nobody shows: there the library joins, or waits,
        and takes its answer for fresh (TanStack Query 5, `Query.fetch` and `invalidate`).
        """
        due = []
        for key, entry in self._entries.items():
            if key[: len(prefix)] == prefix:
                entry.invalid = entry.updated_at is not None
                if entry.readers and (entry.invalid or not entry.in_flight):
                    entry.in_flight = True
                    due.append(key)
        return due

    # ---- ends of fetches ------------------------------------------------------------------------------------

    def succeeded(self, key: Key, value: Any, now: float) -> None:
        """The fetch brought `value`."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.value, entry.updated_at, entry.invalid = value, now, False
            self._ended(entry, now)

    def written(self, key: Key, now: float) -> None:
        """The app wrote into what it remembers, from a message of the channel or for a write of its own: that is as
        good as an answer. A fetch under way goes on."""
        entry = self._entries.get(key)
        if entry is not None:
            entry.updated_at, entry.invalid = now, False

    def failed(self, key: Key, now: float) -> None:
        """The fetch failed for good or was given up: older data stays what it was."""
        entry = self._entries.get(key)
        if entry is not None:
            self._ended(entry, now)

    def value(self, key: Key, now: float) -> Any:
        """What is remembered, stale or not; None when nothing is."""
        self._collect(now)
        entry = self._entries.get(key)
        return None if entry is None else entry.value

    def clear(self) -> None:
        """Nothing is remembered any more."""
        self._entries.clear()

    # ---- inside ---------------------------------------------------------------------------------------------

    def _entry(self, key: Key, rules: Rules, now: float) -> _Entry:
        self._collect(now)
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _Entry()  # whoever asked fetches it: not idle before that has ended
        if rules.gc_s > entry.gc_s:
            entry.gc_s = rules.gc_s
        return entry

    def _launch(self, entry: _Entry, *, stale: bool) -> bool:
        if entry.in_flight or not stale:
            return False
        entry.in_flight = True
        return True

    def _wake(self, now: float, *, focus: bool) -> list[Key]:
        due = []
        for key, entry in self._entries.items():
            wants = (rules for rules in entry.readers if (rules.on_focus if focus else rules.on_reconnect))
            if any(self._stale(entry, rules, now) for rules in wants) and self._launch(entry, stale=True):
                due.append(key)
        return due

    def _stale(self, entry: _Entry, rules: Rules, now: float) -> bool:
        return entry.stale(rules.stale_s * self._stale_factor, now)

    def _ended(self, entry: _Entry, now: float) -> None:
        entry.in_flight = False
        self._idle(entry, now)

    def _idle(self, entry: _Entry, now: float) -> None:
        entry.idle_since = now
        self._due = min(self._due, now + entry.gc_s - ROUNDING_S)

    def _collect(self, now: float) -> None:
        if now < self._due:
            return
        self._due = math.inf
        idle = [(key, entry) for key, entry in self._entries.items() if not entry.readers and not entry.in_flight]
        for key, entry in idle:
            if now - entry.idle_since >= entry.gc_s:
                del self._entries[key]
            else:
                self._idle(entry, entry.idle_since)

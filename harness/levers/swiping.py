"""What the swipe events of one person should have been: events and requests, from what they did. (pure)

Contract 3.8 and 3.9, differences P1. The look at a card begins with one event, a gesture is another; both wait in the
memory of their page. They leave when the batch is full, when the first of them has waited long enough, and all at once
when the app goes to the background: another app on screen, or this one closed. Whoever goes to another screen sends
nothing: what was held is stored, what is under way as well, and goes out as the swipe page next opens, 25 a request.

What this leaves out: phones without a network, and requests that fail. Where there are such, more is sent than it says.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from harness.core.actions import UserAction
from harness.core.client_settings import ClientSettings

Action = tuple[float, str, str, int, float]
"""A line of the actions table: instant in seconds, action, subject, number, seconds."""
STORED = 200
"""Events that a phone stores; the oldest go first."""
CHUNK = 25
"""Stored events a request, whatever a page's batch is."""
LATE_S = 1.0
"""How long a page that was left keeps the end of the look at its last card."""
LOOK_S = 1.2
"""A shorter look is not told of."""
LAST_S = 1.0
"""How long an app that was closed still waits for an answer."""
SWIPE = "swipe"


class What(Enum):
    """What becomes of events at a moment."""

    OPENS = "the swipe page opens"
    RECORDS = "it records events"
    HIDES = "the app goes to the background"
    LEAVES = "the person goes to another screen"
    LOOKED = "and the page that was left tells of the look at its last card"
    CLOSES = "the app is closed on the page"
    DIES = "the system ends it"


@dataclass(frozen=True, slots=True)
class Moment:
    """at: seconds. events: how many it records."""

    at: float
    what: What
    events: int = 0


@dataclass(frozen=True, slots=True)
class Sent:
    """What a target should have had. requests: with events. events: each once, however often it was sent."""

    requests: int = 0
    events: int = 0

    def __add__(self, other: Sent) -> Sent:
        return Sent(self.requests + other.requests, self.events + other.events)


def moments_of(actions: Iterable[Action]) -> list[Moment]:
    """Of one person's actions, in order, all their sessions.

    A card that comes up is an event, a gesture and a note are one each. The look at the last card is told of when the
    page is left after nothing moved on it for 1.2 s.
    """
    found: list[Moment] = []
    page: _Page | None = None
    for at, action, subject, number, _ in actions:
        if action == UserAction.OPEN and subject == SWIPE:
            if page is not None:
                found.append(Moment(at, What.LEAVES))
            found.append(Moment(at, What.OPENS))
            page = _Page(at)
        elif page is None:
            continue
        elif action == UserAction.LEAVE and subject == SWIPE:
            found.append(Moment(at, What.LEAVES))
            if page.cards and at - page.drawn >= LOOK_S:
                found.append(Moment(at, What.LOOKED, 1))
            page = None
        elif action in _ENDS:
            found.append(Moment(at, _ENDS[action]))
            page = None
        elif action == UserAction.AWAY:
            found.append(Moment(at, What.HIDES))
        elif action == UserAction.BACK:
            page.drawn = at
        elif events := page.records(at, action, number):
            found.append(Moment(at, What.RECORDS, events))
    return found


_ENDS: Mapping[str, What] = {UserAction.CLOSED: What.CLOSES, UserAction.KILLED: What.DIES}


@dataclass(slots=True)
class _Page:
    """The swipe page. drawn: when something last moved on it. cards: on the stack."""

    drawn: float
    cards: int = 0

    def records(self, at: float, action: str, number: int) -> int:
        """Events of what happened at that instant."""
        events = 0
        if action == UserAction.CARDS:
            events = int(not self.cards and number > 0)
            self.cards += number
        elif action == UserAction.GESTURE:
            self.cards -= 1
            events = 1 + (self.cards > 0)
        elif action == UserAction.NOTE:
            events = 1
        if events:
            self.drawn = at
        return events


def sent(moments: Iterable[Moment], settings: ClientSettings, under_way_s: float = 0.0) -> Sent:
    """Of one person. under_way_s: how long a request takes, which is the target's doing."""
    phone = _Phone(settings, under_way_s)
    for moment in moments:
        phone.comes(moment)
    phone.over()
    return Sent(phone.requests, phone.events)


@dataclass(slots=True)
class _Loop:
    """Stored events that go out one request after the other, since `begun`."""

    begun: float
    events: int


@dataclass(slots=True)
class _Phone:
    settings: ClientSettings
    under_way_s: float
    requests: int = 0
    events: int = 0
    held: int = 0
    since: float = 0.0
    late: float | None = None  # when the look at a last card leaves
    flying: list[tuple[float, int]] = field(default_factory=list)  # when they are answered, and of how many events
    stored: list[bool] = field(default_factory=list)  # oldest first: whether it was sent before
    loop: _Loop | None = None

    def comes(self, moment: Moment) -> None:
        at = moment.at
        self._timers(at)
        match moment.what:
            case What.OPENS:
                self.loop = _Loop(at, len(self.stored)) if self.stored else None
            case What.RECORDS:
                self._record(at, moment.events)
            case What.HIDES:
                self._send(at)
            case What.LEAVES:
                self._store(at)
            case What.LOOKED:
                self.late = at + min(self.settings.batch_wait_s, LATE_S)
            case What.CLOSES:
                self._send(at)
                self._store(at + LAST_S)
                self.late = None
            case What.DIES:
                self._end_loop(at)
                self.held, self.flying, self.late = 0, [], None

    def over(self) -> None:
        """Nothing more happens: what has a timer leaves."""
        self._timers(math.inf)
        self._end_loop(math.inf)

    def _timers(self, now: float) -> None:
        if self.held and now - self.since >= self.settings.batch_wait_s:
            self._send(self.since + self.settings.batch_wait_s)
        if self.late is not None and self.late <= now:
            self.requests, self.events, self.late = self.requests + 1, self.events + 1, None

    def _record(self, at: float, events: int) -> None:
        for _ in range(events):
            self.since = self.since if self.held else at
            self.held += 1
            if self.held >= self.settings.batch_size:
                self._send(at)

    def _send(self, at: float) -> None:
        if self.held:
            self.requests, self.events = self.requests + 1, self.events + self.held
            self.flying.append((at + self.under_way_s, self.held))
            self.held = 0

    def _store(self, at: float) -> None:
        """The page goes: what is under way may have arrived, and is stored nevertheless."""
        self._end_loop(at)
        copies = sum(events for until, events in self.flying if until > at)
        self.stored = [*self.stored, *[True] * copies, *[False] * self.held][-STORED:]
        self.held, self.flying = 0, []

    def _end_loop(self, at: float) -> None:
        """A loop that its page cuts short has taken nothing out: all of it goes out once more."""
        if self.loop is None:
            return
        chunks = math.ceil(self.loop.events / CHUNK)
        gone, whole = chunks, True
        if self.under_way_s > 0 and at < self.loop.begun + chunks * self.under_way_s:
            gone, whole = 1 + int((at - self.loop.begun) / self.under_way_s), False
        left = min(gone * CHUNK, self.loop.events)
        self.requests += gone
        self.events += self.stored[:left].count(False)
        self.stored = self.stored[self.loop.events :] if whole else [*[True] * left, *self.stored[left:]]
        self.loop = None

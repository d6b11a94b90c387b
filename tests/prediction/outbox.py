"""How many requests the swipe events of a session make: contract 3.8, at its mean where it throws dice. (pure)"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

TIMER_S = 1.0
CHUNK = 25
SLACK_S = 0.05


@dataclass(frozen=True)
class Moment:
    """What happens to the buffer: events (so many of them), mount, leave, hide, back, offline, online, gone."""

    at: float
    what: str
    number: int = 0


class Buffer:
    """Replays the moments. Answers are taken as instant and good while online, requests fail at once while not. What is
    recorded offline waits for the network and the window, and is lost with its page."""

    def __init__(self, queued: int) -> None:
        self.times: list[float] = []  # of the requests
        self.queued = queued
        self._held = 0
        self._timer: float | None = None
        self._online = True
        self._shown = True
        self._waits = 0
        self._failed = 0
        self._wait_until = 0.0
        self._queue_timer: float | None = None

    @property
    def requests(self) -> int:
        return len(self.times)

    def run(self, moments: Sequence[Moment]) -> None:
        for moment in sorted(moments, key=lambda one: one.at):
            self._timers(moment.at)
            getattr(self, f"_on_{moment.what}")(moment)

    def _timers(self, until: float) -> None:
        while True:
            due = [timer for timer in (self._timer, self._queue_timer) if timer is not None and timer <= until]
            if not due:
                return
            at = min(due)
            if self._timer == at:
                self._timer = None
                self._flush(at, CHUNK)
            else:
                self._queue_timer = None
                self._drain(at)

    def _on_events(self, moment: Moment) -> None:
        if not self._online:
            self._waits += moment.number
            return
        self._held += moment.number
        if self._held >= CHUNK:
            self._flush(moment.at, CHUNK)
        elif self._timer is None:
            self._timer = moment.at + TIMER_S

    def _on_mount(self, moment: Moment) -> None:
        self._drain(moment.at)

    def _on_leave(self, moment: Moment) -> None:
        self.queued += self._held
        self._held, self._timer, self._waits = 0, None, 0

    def _on_back(self, moment: Moment) -> None:
        self._shown = True
        self._resume(moment.at)

    def _resume(self, at: float) -> None:
        if self._waits and self._online and self._shown:
            waited, self._waits = self._waits, 0
            for _ in range(waited):
                self._on_events(Moment(at, "events", 1))

    def _on_hide(self, moment: Moment) -> None:
        self._shown = False
        if self._held and self._wait_until <= moment.at:
            self._flush(moment.at, self._held)

    def _on_gone(self, moment: Moment) -> None:
        self._held, self._timer, self._waits = 0, None, 0

    def _on_offline(self, moment: Moment) -> None:
        self._online = False

    def _on_online(self, moment: Moment) -> None:
        self._online = True
        self._resume(moment.at)
        self._drain(moment.at)

    def _flush(self, at: float, most: int) -> None:
        if self._wait_until > at:
            self._timer = self._wait_until + SLACK_S
            return
        sent = min(self._held, most)
        if not sent:
            return
        self._held -= sent
        self._timer = None
        if self._online:
            self.times.append(at)
            self._failed = 0
        else:
            self.queued += sent
            self._bump(at)

    def _drain(self, at: float) -> None:
        if not self.queued:
            return
        if self._wait_until > at:
            self._queue_timer = self._wait_until + SLACK_S
        elif self._online:
            self.times += [at] * math.ceil(self.queued / CHUNK)
            self.queued = 0
            self._failed = 0
        else:
            self._bump(at)

    def _bump(self, at: float) -> None:
        self._failed = min(10, self._failed + 1)
        self._wait_until = at + max(0.25, 0.5 * min(60.0, 2.0 ** (self._failed - 1)))

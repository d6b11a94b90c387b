"""Carries the outbox's flushes to the server: timers, requests, answers; and says when a swipe batch is confirmed.

The outbox decides everything; this shell only has a loop. A swipe batch is one operation, from the earliest gesture
in it until the server listed its events as accepted. Events that were never tried when the run ended still lie on
their phones and belong to no operation; events that were tried and not confirmed end as what the last try was.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from typing import TYPE_CHECKING

from harness.outcome import Outcome
from harness.phone.calls import SWIPE_EVENTS
from harness.phone.outbox import CHUNK, Event, Flush, Outbox, encode, parse_answer

if TYPE_CHECKING:
    from harness.phone.phone import Phone

LAST_FLUSH_S = 1.0
"""How long a page in the background keeps running before it is gone; phones freeze it after moments."""


class Courier:
    """One phone's way out for swipe events. Lives as long as the phone, mounted while the swipe page is open."""

    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        self._outbox = Outbox(phone.storage, random.Random(f"courier {phone.person.email} {phone.kit.seed}"))
        self._timer: asyncio.TimerHandle | None = None
        self._sends: set[asyncio.Task[None]] = set()
        self._intended: dict[str, float] = {}  # event id -> instant of the gesture, until confirmed or refused
        self._tried: dict[str, Outcome] = {}  # event id -> how its last try ended

    def mount(self) -> None:
        """The swipe page opens."""
        self._launch(self._outbox.mount(self._phone.now()))

    def emit(self, event: Event) -> None:
        """A gesture is recorded."""
        now = self._phone.now()
        self._intended[event.client_event_id] = now
        self._launch(self._outbox.emit(event, now))

    async def close_app(self) -> None:
        """The tab goes to the background, sends what it can, and is gone a moment later."""
        if not self._outbox.mounted:
            return
        self._launch(self._outbox.hidden(self._phone.now()))
        if self._sends:
            await asyncio.wait(self._sends, timeout=LAST_FLUSH_S)
        self._outbox.unmount(self._phone.now())
        self._arm()

    def settle(self) -> None:
        """The run is over: batches that were tried and never confirmed end now, as their last try did."""
        owed = sorted(self._tried.items(), key=lambda item: self._intended[item[0]])
        for start in range(0, len(owed), CHUNK):
            first, outcome = owed[start]
            self._ended(outcome, self._intended[first])
        self._tried.clear()

    def _launch(self, flushes: Iterable[Flush]) -> None:
        for flush in flushes:
            task = self._phone.kit.loop.create_task(self._send(flush))
            self._sends.add(task)
            task.add_done_callback(self._sends.discard)
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._outbox.next_deadline()
        if deadline is not None:
            wait = max(0.0, deadline - self._phone.now())
            self._timer = self._phone.kit.loop.call_later(wait, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._launch(self._outbox.tick(self._phone.now()))

    async def _send(self, flush: Flush) -> None:
        reading = await self._phone.request(SWIPE_EVENTS, raw=encode(flush.events))
        answer = parse_answer(reading.status, reading.body) if reading.status else None
        now = self._phone.now()
        if answer is None:
            self._note(flush.events, reading.outcome)
            self._launch(self._outbox.failed(flush, now))
            return
        sent = {event.client_event_id for event in flush.events}
        self._settled(sent & answer.accepted, Outcome.OK)
        self._settled(sent & answer.rejected, Outcome.REJECTED)
        rest = [e for e in flush.events if e.client_event_id not in answer.accepted | answer.rejected]
        self._note(rest, Outcome.SOFT_FAILURE if reading.outcome.good else reading.outcome)
        self._launch(self._outbox.answered(flush, answer, now))

    def _settled(self, ids: Iterable[str], outcome: Outcome) -> None:
        """One operation for what this answer settled; events that an earlier answer settled count no more."""
        instants = [self._intended.pop(id_) for id_ in ids if id_ in self._intended]
        for id_ in ids:
            self._tried.pop(id_, None)
        if instants:
            self._ended(outcome, min(instants))

    def _note(self, events: Iterable[Event], outcome: Outcome) -> None:
        for event in events:
            if event.client_event_id in self._intended:
                self._tried[event.client_event_id] = outcome

    def _ended(self, outcome: Outcome, intended: float) -> None:
        self._phone.kit.observer.operation("swipe_batch", outcome, intended, self._phone.now() - intended)

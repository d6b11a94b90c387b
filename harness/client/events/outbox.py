"""The swipe events' way out of one tab: memory buffer, flights, stored queue, back-off. A state machine. (pure)

Contract 3.8, row for row, oddities included. An event is in exactly one state:

    BUFFER ──flush──▶ IN_FLIGHT ──listed──▶ ACCEPTED | REJECTED
       │                  │ retry, unclassified, failed
       └──page hidden for good, unmount──▶ QUEUED ──(a copy flies)──▶ ACCEPTED | REJECTED
                                              └──beyond 200, or storage refuses──▶ LOST

Queue flights are copies: the entry stays QUEUED until its whole loop is over, so a loop cut short sends again what
the server already has. Two loops may run at once; nothing in the app stops them.

Where the contract is silent: a request that was in flight when the page was hidden or unmounted has handed its
events to the queue, so its late answer moves only the back-off; an answer to a queue loop of an earlier mount moves
nothing at all; an event without a type goes from the buffer straight to the queue.

The look at the last card ends when its page is left, and so its dwell is recorded when that page has already stored
what it had: it lies in the buffer of a page that is gone, which keeps its one-second timer, and which nothing stores.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

from harness.client.events.emission import EmissionRules
from harness.client.events.event_buffer import EventBuffer
from harness.client.events.storage import Storage
from harness.client.events.swipe_event import EventReply, Issue, SwipeEvent, encode, event_reply, for_wire, strict_uuid

__all__ = [
    "EmissionRules",
    "EventReply",
    "Flush",
    "Issue",
    "Outbox",
    "OutboxState",
    "Storage",
    "SwipeEvent",
    "encode",
    "event_reply",
    "strict_uuid",
]

CHUNK = 25
BUFFER_TIMER_S = 1.0
BACKOFF_SLACK_S = 0.05
BACKOFF_TIMER_CAP_S = 65.0


class OutboxState(Enum):
    """Where an event is. The last three are final."""

    BUFFER = "B"
    IN_FLIGHT = "I"
    QUEUED = "Q"
    ACCEPTED = "A"
    REJECTED = "R"
    LOST = "X"


@dataclass(frozen=True, slots=True)
class Flush:
    """One request to make now: POST `encode(flush.events)`, then report `answered` or `failed`.

    events: as they go over the wire; an id that the app's own check refuses has been replaced.
    """

    id: int
    origin: Literal["buffer", "queue"]
    events: tuple[SwipeEvent, ...]


@dataclass(slots=True)
class _Loop:
    """One drain of the stored queue: a snapshot, sent chunk by chunk, what it settled removed at its end."""

    chunks: list[tuple[SwipeEvent, ...]]
    accepted: set[str] = field(default_factory=set)
    rejected: set[str] = field(default_factory=set)


@dataclass(slots=True)
class _Flight:
    """What a flush means to us. `events` under their own ids; a loop is None for a flush of a buffer. left: of a page
    that was left before, so that nobody stores it when the tab goes."""

    events: tuple[SwipeEvent, ...]
    loop: _Loop | None = None
    left: bool = False


class Outbox:
    """One tab's outbox. Inputs carry `now` in seconds of any clock that does not run backwards, shared by all
    outboxes on the same `storage`; outputs are the requests to make at once and `next_deadline`.

    moved: called with each event that enters a state, for a ledger. Copies that fly from the queue do not move.
    batch, wait_s: how many events of a page leave together, and how long the first of them waits for the others.
    """

    def __init__(
        self,
        storage: Storage,
        rng: random.Random,
        moved: Callable[[SwipeEvent, OutboxState], None] | None = None,
        *,
        batch: int = CHUNK,
        wait_s: float = BUFFER_TIMER_S,
    ) -> None:
        self.storage = storage
        self._open = EventBuffer()
        self._left = EventBuffer()
        self.mounted = False
        self._rng = rng
        self._moved = moved or (lambda event, state: None)
        self._flights: dict[int, _Flight] = {}
        self._next_flush = 0
        self._queue_timer: float | None = None
        self._batch, self._wait_s = batch, wait_s

    # ---- inputs ---------------------------------------------------------------------------------------------

    def mount(self, now: float) -> list[Flush]:
        """The swipe page opens: the stored queue is tried. A page that is still open is left first."""
        if self.mounted:
            self.unmount(now)
        self.mounted = True
        return self._drain(now)

    def emit(self, event: SwipeEvent, now: float) -> list[Flush]:
        """The page records an event. Raises RuntimeError outside a mount: the app has no page to record it on."""
        if not self.mounted:
            raise RuntimeError("an event was emitted outside a mount; call mount first")
        return self._add(event, self._open, now)

    def emit_late(self, event: SwipeEvent, now: float) -> list[Flush]:
        """A page that was left a moment ago records an event: the end of the look at its last card."""
        return self._add(event, self._left, now)

    def tick(self, now: float) -> list[Flush]:
        """Fire the timers that are due; call at `next_deadline`, or at any other time."""
        flushes: list[Flush] = []
        for buffer in (self._open, self._left):
            if buffer.due(now):
                flushes += self._flush_buffer(now, buffer, everything=buffer.forced)
        if self._queue_timer is not None and self._queue_timer <= now:
            flushes += self._drain(now)
        return flushes

    def hidden(self, now: float) -> list[Flush]:
        """The tab goes to the background: the whole buffer in one request, however long."""
        if not self.mounted or not self._open.events:
            return []
        if self.storage.wait(now) > 0 and self._open.timer is not None:
            return []  # the pending timer stays what it is
        return self._flush_buffer(now, self._open, everything=True)

    def online(self, now: float) -> list[Flush]:
        """The browser reports a network again: the stored queue is tried, beside any loop already under way."""
        return self._drain(now) if self.mounted else []

    def page_hide(self, now: float) -> None:
        """pagehide or beforeunload: everything unsettled is stored, what is in flight too."""
        flying = [flight for flight in self._flights.values() if flight.loop is None and not flight.left]
        self._store([event for flight in flying for event in flight.events] + self._open.events)
        for flight in flying:
            flight.events = ()
        self._open = EventBuffer()

    def unmount(self, now: float) -> None:
        """The person leaves the swipe page: as `page_hide`, timers stopped, queue loops cut short."""
        self.page_hide(now)
        self.mounted = False
        self._queue_timer = None
        self._flights = {key: flight for key, flight in self._flights.items() if flight.loop is None}

    def answered(self, flush: Flush, answer: EventReply, now: float) -> list[Flush]:
        """A usable answer came. The next chunk, for a queue flush that may go on. A second report is ignored."""
        flight = self._flights.pop(flush.id, None)
        if flight is None:
            return []
        if answer.should_retry:
            self.storage.bump(now, self._rng)
        else:
            self.storage.reset()
        if flight.loop is None:
            self._settle(flight.events, answer)
            return []
        own = {event.client_event_id for event in flight.events}
        flight.loop.accepted |= own & answer.accepted
        flight.loop.rejected |= own & answer.rejected
        if answer.should_retry:
            self._finish(flight.loop)
            return []
        return self._next_chunk(flight.loop)

    def failed(self, flush: Flush, now: float) -> list[Flush]:
        """No usable answer: refused, timed out, broken, or `ok: false`. Never asks for another request."""
        flight = self._flights.pop(flush.id, None)
        if flight is None:
            return []
        self.storage.bump(now, self._rng)
        if flight.loop is None:
            self._store(flight.events)
        else:
            self._finish(flight.loop)
        return []

    # ---- outputs --------------------------------------------------------------------------------------------

    def next_deadline(self) -> float | None:
        """When `tick` has something to do; None when only an input can change anything."""
        timers = (self._open.timer, self._left.timer, self._queue_timer)
        return min((timer for timer in timers if timer is not None), default=None)

    @property
    def buffer(self) -> list[SwipeEvent]:
        """Events of the open page that wait for their request."""
        return list(self._open.events)

    @property
    def in_flight(self) -> tuple[SwipeEvent, ...]:
        """Events of the open page whose only place is a request under way."""
        return self._flying(left=False)

    @property
    def left(self) -> tuple[SwipeEvent, ...]:
        """Events of pages that were left which lie in memory or in a request: the tab's end is theirs."""
        return (*self._flying(left=True), *self._left.events)

    def _flying(self, *, left: bool) -> tuple[SwipeEvent, ...]:
        mine = (one for one in self._flights.values() if one.loop is None and one.left is left)
        return tuple(event for flight in mine for event in flight.events)

    # ---- the buffer -----------------------------------------------------------------------------------------

    def _add(self, event: SwipeEvent, buffer: EventBuffer, now: float) -> list[Flush]:
        buffer.events.append(event)
        self._moved(event, OutboxState.BUFFER)
        if len(buffer.events) >= self._batch:
            return self._flush_buffer(now, buffer)
        if buffer.timer is None:
            # Nobody gathers more on a page that was left, and nobody stores what lies there.
            buffer.wait(now + (self._wait_s if buffer is self._open else min(self._wait_s, BUFFER_TIMER_S)))
        return []

    def _flush_buffer(self, now: float, buffer: EventBuffer, *, everything: bool = False) -> list[Flush]:
        buffer.timer = None
        if not buffer.events:
            return []
        wait = self.storage.wait(now)
        if wait > 0:
            buffer.wait(now + _after(wait), forced=everything)
            return []
        # What a whole batch leaves behind gets no timer: it waits for the next event, hide or unload.
        batch = buffer.take(None if everything else self._batch)
        self._store(event for event in batch if not event.event_type)
        sendable = tuple(event for event in batch if event.event_type)
        for event in sendable:
            self._moved(event, OutboxState.IN_FLIGHT)
        return [self._launch("buffer", sendable, None, left=buffer is self._left)] if sendable else []

    def _settle(self, events: Sequence[SwipeEvent], answer: EventReply) -> None:
        kept = []
        for event in events:
            if event.client_event_id in answer.accepted:
                self._moved(event, OutboxState.ACCEPTED)
            elif event.client_event_id in answer.rejected:
                self._moved(event, OutboxState.REJECTED)
            else:
                kept.append(event)  # asked to retry, or not mentioned at all
        self._store(kept)

    # ---- the queue ------------------------------------------------------------------------------------------

    def _drain(self, now: float) -> list[Flush]:
        self._queue_timer = None
        queue = self.storage.queue
        if not queue:
            return []
        wait = self.storage.wait(now)
        if wait > 0:
            self._queue_timer = now + _after(wait)
            return []
        chunks = [queue[start : start + CHUNK] for start in range(0, len(queue), CHUNK)]
        return self._next_chunk(_Loop(chunks[::-1]))

    def _next_chunk(self, loop: _Loop) -> list[Flush]:
        while loop.chunks:
            sendable = tuple(event for event in loop.chunks.pop() if event.event_type)
            if sendable:
                return [self._launch("queue", sendable, loop)]
        self._finish(loop)
        return []

    def _finish(self, loop: _Loop) -> None:
        for event in self.storage.remove(loop.accepted | loop.rejected):
            accepted = event.client_event_id in loop.accepted
            self._moved(event, OutboxState.ACCEPTED if accepted else OutboxState.REJECTED)

    def _store(self, events: Iterable[SwipeEvent]) -> None:
        kept = tuple(events)
        if not kept:
            return
        for event in kept:
            self._moved(event, OutboxState.QUEUED)
        for event in self.storage.append(kept):
            self._moved(event, OutboxState.LOST)

    def _launch(
        self,
        origin: Literal["buffer", "queue"],
        events: tuple[SwipeEvent, ...],
        loop: _Loop | None,
        *,
        left: bool = False,
    ) -> Flush:
        self._next_flush += 1
        flush = Flush(self._next_flush, origin, tuple(for_wire(event, self._new_id) for event in events))
        self._flights[flush.id] = _Flight(events, loop, left)
        return flush

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))


def _after(wait: float) -> float:
    return min(wait + BACKOFF_SLACK_S, BACKOFF_TIMER_CAP_S)

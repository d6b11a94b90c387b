"""Carries the outbox's flushes to the server: timers, requests, answers; and says when a swipe batch is confirmed.

The outbox decides everything; this shell only has a loop. A swipe batch is one operation, from the earliest gesture
in it until the server listed its events as accepted; time without network is inside it. Events that were never tried
when the run ended still lie on their phones and belong to no operation; events that were tried and not confirmed end
as what the last try was. Events that the phone lost (evicted beyond 200, refused by its storage, in memory when the
app was killed) end as gave_up: nobody will ever send them.

Recording an event is a mutation of the app: without a network it waits (`cache.paused`) and comes into the outbox when
the network is back. What waits so is in no buffer and no queue. Whoever leaves the page without a network loses it: the
next screen's code cannot be loaded, the app loads itself anew, and there is nothing to load (observed: 6 of 6 events).
The target never heard of such an event, and neither was it stored on the phone: it was never promised to anybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from harness.client.api.calls import SWIPE_EVENTS
from harness.client.clock import DeviceClock
from harness.client.context import Mutations, Requests
from harness.client.events.event_key import event_facts
from harness.client.events.outbox import CHUNK, Flush, Outbox, OutboxState, SwipeEvent, encode, event_reply
from harness.client.events.storage import Storage
from harness.client.events.swipe_event import for_wire
from harness.client.network_state import NetworkChange, NetworkState
from harness.client.notes import SessionNotes
from harness.client.rng import LightRandom
from harness.client.write import Write
from harness.core.client_settings import SHIPPED, ClientSettings
from harness.core.ledger import WriteKind
from harness.core.outcome import Outcome

LABELLED = frozenset(("like", "dislike", "skip"))
LAST_FLUSH_S = 1.0
"""How long a page in the background keeps running before it is gone; phones freeze it after moments."""


class EventSender:
    """One phone's way out for swipe events. Lives as long as the phone, mounted while the swipe page is open."""

    def __init__(
        self,
        api: Requests,
        clock: DeviceClock,
        network: NetworkState,
        mode: Mutations,
        notes: SessionNotes,
        *,
        email: str,
        seed: int,
        new_id: Callable[[], str],
        problem: Callable[[BaseException], None],
        settings: ClientSettings = SHIPPED,
    ) -> None:
        """email, seed: what the back-off's random numbers depend on. problem: told of errors in our own code."""
        self.storage = Storage()
        self._api = api
        self._clock = clock
        self._mode = mode
        self._notes = notes
        self._new_id = new_id
        self._problem = problem
        # The word in this key is kept as it was first spelt: recorded seeds give the same draws only with it.
        self._rng = LightRandom(f"\x63ourier {email} {seed}")
        self._settings = settings
        self._outbox = self._new_page()
        self._timer: asyncio.TimerHandle | None = None
        self._sends: dict[asyncio.Task[None], Flush] = {}
        self._intended: dict[str, float] = {}  # event id -> instant of the gesture, until confirmed, refused or lost
        self._tried: dict[str, Outcome] = {}  # event id -> how its last try ended
        self._lost: list[SwipeEvent] = []
        self._held: list[SwipeEvent] = []  # recorded without a network
        self._forgotten: list[SwipeEvent] = []  # and lost with their page
        self._network = network
        network.watch(self._network_changed, lasting=True)

    @property
    def owes(self) -> bool:
        """Whether anything of it is still on its way: stored, in a request, or without an answer."""
        return bool(self.storage.queue or self._sends or self._intended or self._tried or self._timer)

    def keep(self) -> tuple[int, float, bool, int] | None:
        """What a device that owes nothing has to know of its back-off; None: more than a few numbers can say."""
        storage, taken = self.storage, self._rng.taken
        return None if taken is None else (storage.fail_count, storage.next_at, storage.writable, taken)

    def remember(self, kept: tuple[int, float, bool, int]) -> None:
        """What `keep` gave of the same device. For a new one."""
        self.storage.fail_count, self.storage.next_at, self.storage.writable, taken = kept
        self._rng.skip(taken)

    @property
    def mounted(self) -> bool:
        """Whether a swipe page is open."""
        return self._outbox.mounted

    def mount(self) -> None:
        """The swipe page opens."""
        self._forget()
        self._launch(self._outbox.mount(self._clock.now()))

    def unmount(self) -> None:
        """The person leaves the swipe page for another one; requests under way go on."""
        if self._outbox.mounted:
            self._forget()
            self._outbox.unmount(self._clock.now())
            self._count_lost()
            self._arm()

    def emit(self, event: SwipeEvent) -> None:
        """A gesture is recorded. :raises ValueError: for an event that the app cannot make (contract 3.9).
        :raises RuntimeError: no swipe page is open; nothing is noted then.
        """
        if not self._outbox.mounted:
            raise RuntimeError("an event was emitted where no swipe page is open; call mount first")
        self._record(event)
        if self._network.online:
            self._launch(self._outbox.emit(event, self._clock.now()))
            return
        self._held.append(event)
        if len(self._held) == 1:
            self._mode.mutate(self._resume, self._forget)

    def emit_late(self, event: SwipeEvent) -> None:
        """The page that was just left records the end of the look at its last card. :raises ValueError: as `emit`."""
        self._record(event)
        if self._network.online:
            self._launch(self._outbox.emit_late(event, self._clock.now()))
        else:
            self._held.append(event)
            self._forget()

    def _record(self, event: SwipeEvent) -> None:
        if event.event_type == "watchlist" and event.in_watchlist is None:
            raise ValueError("a watchlist event without in_watchlist would take the title off the list; say which")
        if event.dwell_ms is not None and not isinstance(event.dwell_ms, int):
            raise ValueError(f"dwell_ms is {event.dwell_ms!r}; the app rounds to whole milliseconds")
        self._intended[event.client_event_id] = self._clock.now()
        self._notes.write(WriteKind.EVENT, **event_facts(for_wire(event, self._new_id)))

    def _resume(self) -> None:
        """The network is back: what was recorded without it is recorded now, all at once."""
        held, self._held = self._held, []
        for event in held:
            self._launch(self._outbox.emit(event, self._clock.now()))

    def _forget(self) -> None:
        """The page goes while it holds what was recorded without a network."""
        held, self._held = self._held, []
        self._forgotten += held
        self._count_lost()

    async def close_app(self) -> None:
        """The tab goes to the background, sends what it can, and is gone a moment later, its queue stored."""
        if not self._outbox.mounted:
            self._gone()
            return
        try:
            self._launch(self._outbox.hidden(self._clock.now()))
            if self._sends:
                await asyncio.wait(self._sends, timeout=LAST_FLUSH_S)
        finally:
            self.gone()

    def gone(self) -> None:
        """The tab is gone: what its page had not sent is in the queue."""
        if self._outbox.mounted:
            self._forget()
            self._outbox.unmount(self._clock.now())
        self._gone()

    def settle(self) -> None:
        """The run is over: batches that were tried and never confirmed end now, as their last try did."""
        owed = sorted(self._tried.items(), key=lambda item: self._intended[item[0]])
        for start in range(0, len(owed), CHUNK):
            first, outcome = owed[start]
            self._ended(outcome, self._intended[first])
        self._tried.clear()

    # ---- what happens to the device --------------------------------------------------------------------------

    def _network_changed(self, change: NetworkChange) -> None:
        now = self._clock.now()
        if change is NetworkChange.ONLINE:
            self._launch(self._outbox.online(now))
        elif change is NetworkChange.HIDDEN:
            self._launch(self._outbox.hidden(now))
        elif change is NetworkChange.KILLED:
            self._lost += (*self._outbox.in_flight, *self._outbox.buffer)
            self._gone()

    def _gone(self) -> None:
        """The page no longer runs: no answer reaches anybody, no timer fires. What is stored stays."""
        sends, self._sends = self._sends, {}
        for task, flush in sends.items():
            task.cancel()
            self._note(flush.events, Outcome.GAVE_UP)
        self._lost += self._outbox.left
        self._forget()
        self._outbox = self._new_page()
        self._count_lost()
        self._arm()

    def _new_page(self) -> Outbox:
        settings = self._settings
        return Outbox(self.storage, self._rng, self._moved, batch=settings.batch_size, wait_s=settings.batch_wait_s)

    def _moved(self, event: SwipeEvent, state: OutboxState) -> None:
        if state is OutboxState.LOST:
            self._lost.append(event)

    def _written(self, event: SwipeEvent) -> Write:
        return self._notes.written(WriteKind.EVENT, event.client_event_id)

    # ---- sending --------------------------------------------------------------------------------------------

    def _launch(self, flushes: Iterable[Flush]) -> None:
        for flush in flushes:
            task = self._clock.loop.create_task(self._send(flush))
            self._sends[task] = flush
            task.add_done_callback(self._send_over)
        self._count_lost()
        self._arm()

    def _send_over(self, task: asyncio.Task[None]) -> None:
        self._sends.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._problem(error)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._outbox.next_deadline()
        if deadline is not None:
            wait = max(0.0, deadline - self._clock.now())
            self._timer = self._clock.loop.call_later(wait, self._tick)

    def _tick(self) -> None:
        self._timer = None
        self._launch(self._outbox.tick(self._clock.now()))

    async def _send(self, flush: Flush) -> None:
        log = self._notes.log
        writes = {event.client_event_id: self._written(event) for event in flush.events}
        for write in writes.values():
            write.sent()
        reading = await self._api.request(SWIPE_EVENTS, raw=encode(flush.events))
        answer = event_reply(reading.status, reading.data)
        now = self._clock.now()
        if answer is None:
            for write in writes.values():
                write.answered(reading)
            self._note(flush.events, reading.outcome)
            self._launch(self._outbox.failed(flush, now))
            return
        sent = {event.client_event_id for event in flush.events}
        accepted = sent & answer.accepted
        log.wrote(SWIPE_EVENTS.name, sum(_labels(event) for event in flush.events if event.client_event_id in accepted))
        self._settled(accepted, Outcome.OK)
        self._settled(sent & answer.rejected, Outcome.REJECTED)
        rest = [e for e in flush.events if e.client_event_id not in answer.accepted | answer.rejected]
        for id_, write in writes.items():
            write.settled(answer.outcome_of(id_))
        told = reading.outcome in (Outcome.OK, Outcome.REJECTED)  # of the others, not of these
        self._note(rest, Outcome.SOFT_FAILURE if told else reading.outcome)
        self._launch(self._outbox.answered(flush, answer, now))

    # ---- counting -------------------------------------------------------------------------------------------

    def _settled(self, ids: Iterable[str], outcome: Outcome) -> None:
        """One operation for what this answer settled; events that an earlier answer settled count no more."""
        instants = [self._intended.pop(id_) for id_ in ids if id_ in self._intended]
        for id_ in ids:
            self._tried.pop(id_, None)
        if instants:
            self._ended(outcome, min(instants))

    def _note(self, events: Iterable[SwipeEvent], outcome: Outcome) -> None:
        for event in events:
            if event.client_event_id in self._intended:
                self._tried[event.client_event_id] = outcome

    def _count_lost(self) -> None:
        """Lost events end in batches of 25, in the order of their gestures."""
        if not self._lost and not self._forgotten:
            return
        lost, self._lost = self._lost, []
        forgotten, self._forgotten = self._forgotten, []
        for event in lost:
            self._written(event).dropped()
        for event in forgotten:
            self._written(event).forgotten()
        lost += forgotten
        known = {event.client_event_id for event in lost} & self._intended.keys()
        ids = sorted(known, key=self._intended.__getitem__)
        for start in range(0, len(ids), CHUNK):
            self._settled(ids[start : start + CHUNK], Outcome.GAVE_UP)

    def _ended(self, outcome: Outcome, intended: float) -> None:
        self._notes.ended("swipe_batch", outcome, intended)


def _labels(event: SwipeEvent) -> bool:
    """Whether the target labels a feature row for it, in the background (contract 3.5, row 7)."""
    return event.dedupe_key is not None and event.event_type in LABELLED

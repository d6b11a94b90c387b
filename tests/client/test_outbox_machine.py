"""The outbox as a whole (contract 3.8): random interleavings on one device against a model of where events are."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from harness.client.events.outbox import EventReply, Flush, Outbox, OutboxState, Storage, SwipeEvent, strict_uuid


def event(number: int) -> SwipeEvent:
    return SwipeEvent(
        event_type="like",
        client_event_id=str(uuid.UUID(int=number, version=4)),
        session_id=str(uuid.UUID(int=1, version=4)),
        media_item_id=str(uuid.UUID(int=2, version=4)),
    )


def ids(events: Iterable[SwipeEvent]) -> list[str]:
    return [item.client_event_id for item in events]


class Browser(RuleBasedStateMachine):
    """Two tabs on one device, a server that answers as it likes, and a model that predicts where each event is."""

    @initialize(seed=st.integers(0, 2**32))
    def start(self, seed: int) -> None:
        self.now, self.emitted = 0.0, 0
        self.storage = Storage()
        self.tabs = [Outbox(self.storage, random.Random(seed + n), self._moved) for n in (0, 1)]
        # The model: ids by place, and what each request under way carries.
        self.buffers: list[list[str]] = [[], []]
        self.flying: list[dict[int, list[str]]] = [{}, {}]
        self.queue: list[str] = []
        self.final: dict[str, OutboxState] = {}
        self.seen_final: dict[str, OutboxState] = {}
        self.requests: list[tuple[int, Flush]] = []
        self.loops: dict[tuple[int, int], dict[str, list[str]]] = {}

    def _moved(self, item: SwipeEvent, state: OutboxState) -> None:
        if state in (OutboxState.ACCEPTED, OutboxState.REJECTED, OutboxState.LOST):
            assert item.client_event_id not in self.seen_final, "a final state was left"
            self.seen_final[item.client_event_id] = state

    def _stored(self, fresh: list[str]) -> None:
        if not self.storage.writable:
            self.final.update(dict.fromkeys(fresh, OutboxState.LOST))
            return
        self.queue += fresh
        self.final.update(dict.fromkeys(self.queue[:-200], OutboxState.LOST))
        self.queue = self.queue[-200:]

    def _sent(self, tab: int, flushes: list[Flush], *, continues: Flush | None = None, whole: bool = False) -> None:
        """Every request is one that the rules allow, and the model follows."""
        for flush in flushes:
            assert self.tabs[tab].mounted
            assert self.storage.wait(self.now) == 0.0
            carried = ids(flush.events)
            assert all(map(strict_uuid, carried))
            assert carried
            if flush.origin == "buffer":
                assert continues is None
                assert carried == self.buffers[tab][: len(carried)], "oldest first"
                assert len(carried) == min(25, len(self.buffers[tab])) or (
                    whole and len(carried) == len(self.buffers[tab])
                )
                del self.buffers[tab][: len(carried)]
                self.flying[tab][flush.id] = carried
            else:
                if continues is None:
                    loop = {"left": list(self.queue), "accepted": [], "rejected": []}
                else:
                    loop = self.loops.pop((tab, continues.id))
                assert carried == loop["left"][:25], "oldest first, 25 at a time, from the snapshot"
                loop["left"] = loop["left"][25:]
                self.loops[tab, flush.id] = loop
            self.requests.append((tab, flush))

    @rule(tab=st.integers(0, 1))
    def mount(self, tab: int) -> None:
        if self.tabs[tab].mounted:
            self.unmount(tab)
        self._sent(tab, self.tabs[tab].mount(self.now))

    @rule(tab=st.integers(0, 1), count=st.sampled_from([1, 2, 24, 25, 60, 180]))
    def emit(self, tab: int, count: int) -> None:
        if not self.tabs[tab].mounted:
            self.mount(tab)
        for _ in range(count):
            self.emitted += 1
            item = event(self.emitted)
            self.buffers[tab].append(item.client_event_id)
            due = len(self.buffers[tab]) >= 25 and self.storage.wait(self.now) == 0.0
            flushes = self.tabs[tab].emit(item, self.now)
            assert bool(flushes) == due
            self._sent(tab, flushes)

    @rule(seconds=st.sampled_from([0.01, 0.3, 1.0, 5.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds
        for tab, outbox in enumerate(self.tabs):
            deadline = outbox.next_deadline()
            flushes = outbox.tick(self.now)
            if deadline is None or deadline > self.now:
                assert not flushes
            self._sent(tab, flushes, whole=True)
            assert (outbox.next_deadline() or self.now + 1) > self.now, "a timer that is due has fired"

    @rule(tab=st.integers(0, 1))
    def hidden(self, tab: int) -> None:
        flushes = self.tabs[tab].hidden(self.now)
        waiting = self.tabs[tab].mounted and self.buffers[tab]
        if waiting and self.storage.wait(self.now) == 0.0:
            assert ids(flushes[0].events) == self.buffers[tab]
        self._sent(tab, flushes, whole=True)

    @rule(tab=st.integers(0, 1))
    def online(self, tab: int) -> None:
        flushes = self.tabs[tab].online(self.now)
        assert bool(flushes) == bool(self.tabs[tab].mounted and self.queue and self.storage.wait(self.now) == 0.0)
        self._sent(tab, flushes)

    def _left(self, tab: int) -> None:
        flying = [item for carried in self.flying[tab].values() for item in carried]
        self.flying[tab] = {key: [] for key in self.flying[tab]}
        self._stored(flying + self.buffers[tab])
        self.buffers[tab] = []

    @rule(tab=st.integers(0, 1))
    def page_hide(self, tab: int) -> None:
        self.tabs[tab].page_hide(self.now)
        self._left(tab)

    @rule(tab=st.integers(0, 1))
    def unmount(self, tab: int) -> None:
        self.tabs[tab].unmount(self.now)
        self._left(tab)
        self.loops = {key: loop for key, loop in self.loops.items() if key[0] != tab}
        assert self.tabs[tab].next_deadline() is None

    @rule(writable=st.sampled_from([True, True, False]))
    def storage_changes(self, writable: bool) -> None:
        self.storage.writable = writable

    def _loop_ends(self, tab: int, flush: Flush) -> None:
        loop = self.loops.pop((tab, flush.id), None)
        if loop is None or not self.storage.writable:
            return
        for item in [*loop["rejected"], *loop["accepted"]]:  # accepted last: it beats rejected
            if item in self.queue:
                self.final[item] = OutboxState.ACCEPTED if item in loop["accepted"] else OutboxState.REJECTED
        gone = {*loop["accepted"], *loop["rejected"]}
        self.queue = [item for item in self.queue if item not in gone]

    @precondition(lambda self: self.requests)
    @rule(data=st.data(), should_retry=st.booleans())
    def answered(self, data: st.DataObject, should_retry: bool) -> None:
        tab, flush = self.requests.pop(data.draw(st.integers(0, len(self.requests) - 1)))
        verdicts = random.Random(data.draw(st.integers(0, 2**16)))
        lists: dict[str, set[str]] = {"accepted": set(), "rejected": set(), "retry": set(), "silent": set()}
        for item in ids(flush.events):
            lists[verdicts.choice(list(lists))].add(item)
        accepted, rejected, retry = (frozenset(lists[name]) for name in ("accepted", "rejected", "retry"))
        answer = EventReply(accepted, rejected, retry, should_retry)
        kept = []
        for item in self.flying[tab].pop(flush.id, []):
            if item in lists["accepted"]:
                self.final[item] = OutboxState.ACCEPTED
            elif item in lists["rejected"]:
                self.final[item] = OutboxState.REJECTED
            else:
                kept.append(item)
        self._stored(kept)
        loop = self.loops.get((tab, flush.id))
        if loop is not None:
            loop["accepted"] += [item for item in ids(flush.events) if item in lists["accepted"]]
            loop["rejected"] += [item for item in ids(flush.events) if item in lists["rejected"]]
        goes_on = loop is not None and bool(loop["left"]) and not should_retry
        flushes = self.tabs[tab].answered(flush, answer, self.now)
        assert bool(flushes) == goes_on
        if goes_on:
            # A storage that refuses writes cannot reset its back-off; the app's loop goes on all the same.
            if not self.storage.writable:
                self._follow_unwritable(tab, flush, flushes)
            else:
                self._sent(tab, flushes, continues=flush)
        else:
            self._loop_ends(tab, flush)

    def _follow_unwritable(self, tab: int, flush: Flush, flushes: list[Flush]) -> None:
        before, self.storage.next_at = self.storage.next_at, 0.0
        self._sent(tab, flushes, continues=flush)
        self.storage.next_at = before

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def failed(self, data: st.DataObject) -> None:
        tab, flush = self.requests.pop(data.draw(st.integers(0, len(self.requests) - 1)))
        self._stored(self.flying[tab].pop(flush.id, []))
        assert self.tabs[tab].failed(flush, self.now) == []
        self._loop_ends(tab, flush)

    @invariant()
    def every_event_is_where_the_model_says_and_nowhere_else(self) -> None:
        if not hasattr(self, "tabs"):
            return
        places: list[str] = []
        for tab, outbox in enumerate(self.tabs):
            assert ids(outbox.buffer) == self.buffers[tab]
            flying = [item for carried in self.flying[tab].values() for item in carried]
            assert sorted(ids(outbox.in_flight)) == sorted(flying)
            places += self.buffers[tab] + flying
        assert ids(self.storage.queue) == self.queue
        assert self.seen_final == self.final
        places += [*self.queue, *self.final]
        assert len(places) == len(set(places)) == self.emitted

    def teardown(self) -> None:
        """Whatever happened, one reopened tab and a healthy server bring every event home."""
        if not hasattr(self, "tabs"):
            return
        self.storage.writable = True
        for tab in (0, 1):
            self.unmount(tab)
        self.now += 100.0
        flushes = self.tabs[0].mount(self.now)
        for _ in range(20):
            if not flushes:
                break
            answer = EventReply(accepted=frozenset(ids(flushes[0].events)))
            flushes = self.tabs[0].answered(flushes[0], answer, self.now)
        assert self.storage.queue == ()
        assert len(self.seen_final) == self.emitted


TestBrowser = Browser.TestCase
TestBrowser.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)

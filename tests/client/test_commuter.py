"""A commuter's events: random interleavings of network, background, kill, close and server answers.

The device is the real one (event sender, outbox, network state) on a virtual clock; the model below is a second,
separate reading of contract 3.8 that predicts every request, where each event is, and every operation that is counted.
"""

from __future__ import annotations

import math
import random
import uuid
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from harness.client.events.outbox import SwipeEvent
from harness.client.screens import commute
from harness.core import ids
from harness.core.outcome import Outcome
from tests.client.virtual import World

TIMEOUT_S = 20.0


def event(number: int) -> SwipeEvent:
    return SwipeEvent(
        event_type="like",
        client_event_id=ids.make(1, 0, number),  # the run tag of `World`
        session_id=str(uuid.UUID(int=1, version=4)),
        media_item_id=str(uuid.UUID(int=2, version=4)),
    )


@dataclass(eq=False)
class Drain:
    """One way through the stored queue."""

    left: list[str]
    accepted: set[str] = field(default_factory=set)
    rejected: set[str] = field(default_factory=set)


@dataclass(eq=False)
class Flight:
    """A request that waits for its answer. `own`: events whose only place it is. drain: of which queue, if any."""

    ids: list[str]
    own: list[str]
    drain: Drain | None
    times_out: float


class Model:
    """Where every event of one browser is, by contract 3.8."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.mounted = False
        self.online = True
        self.buffer: list[str] = []
        self.held: list[str] = []  # recorded without a network: neither in the buffer nor stored
        self.timer: float | None = None
        self.forced = False
        self.queue_timer: float | None = None
        self.queue: list[str] = []
        self.fails, self.next_at = 0, 0.0
        self.flights: list[Flight] = []
        self.requests: list[list[str]] = []  # every request that became a packet
        self.final: dict[str, str] = {}
        self.tunnel: tuple[float, float] | None = None
        self.gestures: dict[str, float] = {}  # not yet counted
        self.tried: dict[str, Outcome] = {}
        self.operations: list[tuple[Outcome, float]] = []

    # -- counting

    def count(self, ids: set[str], outcome: Outcome) -> None:
        instants = [self.gestures.pop(item) for item in ids if item in self.gestures]
        for item in ids:
            self.tried.pop(item, None)
        if instants:
            self.operations.append((outcome, min(instants)))

    def note(self, ids: list[str], outcome: Outcome) -> None:
        self.tried.update((item, outcome) for item in ids if item in self.gestures)

    def lose(self, ids: list[str]) -> None:
        self.final.update(dict.fromkeys(ids, "lost"))
        waiting = sorted((item for item in ids if item in self.gestures), key=lambda item: self.gestures[item])
        while waiting:
            self.count(set(waiting[:25]), Outcome.GAVE_UP)
            waiting = waiting[25:]

    # -- storage and back-off

    def store(self, ids: list[str]) -> None:
        grown = self.queue + ids
        self.queue = grown[-200:]
        self.lose(grown[:-200])

    def bump(self, now: float) -> None:
        self.fails = min(10, self.fails + 1)
        jittered = math.floor(self.rng.random() * min(60_000, 1000 * 2 ** (self.fails - 1)))
        self.next_at = now + max(250, jittered) / 1000

    def waits(self, now: float) -> float | None:
        wait = self.next_at - now
        return min(wait + 0.05, 65.0) if wait > 0 else None

    # -- sending

    def launch(self, now: float, *flights: Flight) -> None:
        for flight in flights:
            if self.online:
                self.requests.append(flight.ids)
                flight.times_out = now + TIMEOUT_S + len(self.requests) * 1e-6
                self.flights.append(flight)
        if not self.online:
            for flight in flights:
                self.fails_now(now, flight, Outcome.NETWORK)

    def fails_now(self, now: float, flight: Flight, outcome: Outcome) -> None:
        if flight in self.flights:
            self.flights.remove(flight)
        self.note(flight.ids, outcome)
        if flight.drain is not None and flight.drain.left is DEAD:
            return
        self.bump(now)
        if flight.drain is None:
            self.store(flight.own)
        else:
            self.drained(flight.drain)

    def drained(self, drain: Drain) -> None:
        for item in self.queue:
            if item in drain.accepted:
                self.final[item] = "accepted"
            elif item in drain.rejected:
                self.final[item] = "rejected"
        self.queue = [item for item in self.queue if item not in drain.accepted | drain.rejected]

    def flush(self, now: float, *, everything: bool = False) -> list[Flight]:
        self.timer = None
        if not self.buffer:
            return []
        later = self.waits(now)
        if later is not None:
            self.timer, self.forced = now + later, everything
            return []
        cut = len(self.buffer) if everything else 25
        ids, self.buffer = self.buffer[:cut], self.buffer[cut:]
        return [Flight(ids, ids, None, 0.0)]

    def drain(self, now: float) -> list[Flight]:
        self.queue_timer = None
        if not self.queue:
            return []
        later = self.waits(now)
        if later is not None:
            self.queue_timer = now + later
            return []
        return self.chunk(Drain(list(self.queue)))

    def chunk(self, drain: Drain) -> list[Flight]:
        ids, drain.left = drain.left[:25], drain.left[25:]
        return [Flight(ids, [], drain, 0.0)]

    # -- what happens

    def mount(self, now: float) -> None:
        self.forget()
        if self.mounted:
            self.unmount()
        self.mounted = True
        self.launch(now, *self.drain(now))

    def emit(self, item: str, now: float) -> None:
        self.gestures[item] = now
        if self.online:
            self.record(item, now)
        else:
            self.held.append(item)

    def record(self, item: str, now: float) -> None:
        self.buffer.append(item)
        if len(self.buffer) >= 25:
            self.launch(now, *self.flush(now))
        elif self.timer is None:
            self.timer, self.forced = now + 1.0, False

    def hidden(self, now: float) -> None:
        if self.mounted and self.buffer and not (self.waits(now) is not None and self.timer is not None):
            self.launch(now, *self.flush(now, everything=True))

    def forget(self) -> None:
        """The page goes: what was recorded without a network is nowhere else."""
        lost, self.held = self.held, []
        self.lose(lost)

    def unmount(self) -> None:
        self.forget()
        flying = [item for flight in self.flights for item in flight.own]
        for flight in self.flights:
            flight.own = []
            if flight.drain is not None:
                flight.drain.left = DEAD
        self.store(flying + self.buffer)
        self.buffer, self.timer, self.queue_timer, self.mounted = [], None, None, False

    def gone(self) -> None:
        """The page is no more; whatever was under way is heard by nobody."""
        for flight in self.flights:
            self.note(flight.ids, Outcome.GAVE_UP)
        self.forget()
        self.flights = []
        self.buffer, self.timer, self.queue_timer, self.mounted = [], None, None, False

    def kill(self) -> None:
        dying = [item for flight in self.flights for item in flight.own] + self.buffer
        self.gone()
        self.lose(dying)

    def lose_network(self, now: float) -> None:
        self.online = False
        for flight in list(self.flights):
            self.fails_now(now, flight, Outcome.NETWORK)

    def regain_network(self, now: float) -> None:
        self.online = True
        held, self.held = self.held, []
        for item in held:
            self.record(item, now)
        if self.mounted:
            self.launch(now, *self.drain(now))

    def answered(
        self, now: float, flight: Flight, accepted: set[str], rejected: set[str], retry: set[str], again: bool
    ) -> None:
        self.flights.remove(flight)
        rest = [item for item in flight.ids if item not in accepted | rejected]
        self.count(accepted, Outcome.OK)
        self.count(rejected, Outcome.REJECTED)
        self.note(rest, Outcome.SOFT_FAILURE)
        drain = flight.drain
        if drain is not None and drain.left is DEAD:
            return
        if again:
            self.bump(now)
        else:
            self.fails, self.next_at = 0, 0.0
        if drain is None:
            self.final.update((item, "accepted") for item in flight.own if item in accepted)
            self.final.update((item, "rejected") for item in flight.own if item in rejected)
            self.store([item for item in flight.own if item not in accepted | rejected])
            return
        drain.accepted |= accepted
        drain.rejected |= rejected
        if drain.left and not again:
            self.launch(now, *self.chunk(drain))
        else:
            self.drained(drain)

    def next_event(self) -> float:
        times = [self.timer, self.queue_timer, *(flight.times_out for flight in self.flights)]
        if self.tunnel is not None:
            times.append(self.tunnel[0] if self.online else self.tunnel[1])
        return min((time for time in times if time is not None), default=math.inf)

    def step(self, now: float) -> None:
        """The one thing that is due at `now`."""
        for flight in self.flights:
            if flight.times_out <= now:
                self.fails_now(now, flight, Outcome.TIMEOUT)
                return
        if self.tunnel is not None and (self.tunnel[0] if self.online else self.tunnel[1]) <= now:
            if self.online:
                self.lose_network(now)
            else:
                self.tunnel = None
                self.regain_network(now)
            return
        due = [time is not None and time <= now for time in (self.timer, self.queue_timer)]
        flights = self.flush(now, everything=self.forced) if due[0] else []
        flights += self.drain(now) if due[1] else []
        self.launch(now, *flights)

    def pass_until(self, until: float, stop: list[Flight] | None = None) -> None:
        while (at := self.next_event()) <= until:
            self.step(at)
            if stop is not None and not any(flight in self.flights for flight in stop):
                return


DEAD: list[str] = []
"""What is left of a drain whose page was left; told apart by identity."""


class Commute(RuleBasedStateMachine):
    """One person, one phone, a bad line."""

    @initialize()
    def start(self) -> None:
        self.world = World()
        self.phone = self.world.phone()
        self.model = Model(random.Random(f"\x63ourier {self.phone.person.email} {self.world.kit.seed}"))
        self.emitted = 0

    @property
    def now(self) -> float:
        return self.phone.now()

    # -- the person

    @rule()
    def open_page(self) -> None:
        self.model.mount(self.now)
        self.phone.event_sender.mount()
        self.world.loop.settle()

    @rule(count=st.sampled_from([1, 1, 2, 5, 26, 60]))
    def swipe(self, count: int) -> None:
        if not self.model.mounted:
            self.open_page()
        for _ in range(count):
            self.emitted += 1
            item = event(self.emitted)
            self.model.emit(item.client_event_id, self.now)
            self.phone.event_sender.emit(item)
            if len(self.model.buffer) >= 24 or not self.model.buffer:
                self.world.loop.settle()
        self.world.loop.settle()

    @rule()
    def leave_page(self) -> None:
        if self.model.mounted:
            self.model.unmount()
        self.phone.event_sender.unmount()

    @rule()
    def look_at_another_app_and_back(self) -> None:
        self.model.hidden(self.now)
        self.phone.network.hide()
        self.world.loop.settle()
        self.phone.network.show()
        self.world.loop.settle()

    @rule()
    def close_app(self) -> None:
        self.time_passes(0.0000013)  # else a buffer timer and the last second would end in the same instant
        begun = self.now
        if self.model.mounted:
            self.model.hidden(begun)
            if flying := list(self.model.flights):
                self.model.pass_until(begun + 1.0, stop=flying)
        self.world.run(self.phone.end())
        if self.model.mounted:
            self.model.unmount()
        self.model.gone()
        self.model.online, self.model.tunnel = True, None

    @rule()
    def killed(self) -> None:
        self.model.kill()
        commute.kill(self.phone)
        self.world.loop.settle()

    @rule()
    def killed_and_opened_at_once(self) -> None:
        self.model.kill()
        self.model.mount(self.now)
        commute.kill(self.phone)
        self.phone.event_sender.mount()
        self.world.loop.settle()

    # -- the world

    @rule(seconds=st.sampled_from([0.0130007, 0.3100003, 1.0070011, 5.0300017, 71.9000023]))
    def time_passes(self, seconds: float) -> None:
        until = self.now + seconds
        self.world.loop.sleep(seconds)
        self.model.pass_until(until)

    @precondition(lambda self: self.model.tunnel is None and self.model.online)
    @rule()
    def goes_offline(self) -> None:
        self.model.lose_network(self.now)
        commute.go_offline(self.phone)
        self.world.loop.settle()

    @precondition(lambda self: self.model.tunnel is None and not self.model.online)
    @rule()
    def comes_back(self) -> None:
        self.model.regain_network(self.now)
        commute.come_back(self.phone)
        self.world.loop.settle()

    @precondition(lambda self: self.model.tunnel is None and self.model.online)
    @rule(after=st.sampled_from([0.5000029, 3.1000031]), seconds=st.sampled_from([0.7000037, 30.3000041]))
    def tunnel_ahead(self, after: float, seconds: float) -> None:
        self.model.tunnel = (self.now + after, self.now + after + seconds)
        commute.plan_outages(self.phone, [(after, seconds)])

    @precondition(lambda self: self.model.flights)
    @rule(data=st.data(), again=st.booleans())
    def server_answers(self, data: st.DataObject, again: bool) -> None:
        place = data.draw(st.integers(0, len(self.model.flights) - 1))
        flight, sent = self.model.flights[place], self.phone.open[place]
        verdicts = random.Random(data.draw(st.integers(0, 2**16)))
        choice = data.draw(st.sampled_from([["accepted"], ["accepted", "rejected", "retry", "silent"], ["silent"]]))
        said: dict[str, set[str]] = {"accepted": set(), "rejected": set(), "retry": set(), "silent": set()}
        for item in sent.event_ids:
            said[verdicts.choice(choice)].add(item)
        sent.answer(
            {
                "ok": True,
                "acceptedClientEventIds": sorted(said["accepted"]),
                "rejectedClientEventIds": sorted(said["rejected"]),
                "retryClientEventIds": sorted(said["retry"]),
                "shouldRetry": again,
                "retryAfterSeconds": 17,
                "issues": [],
            },
            headers={b"retry-after": b"17"},
        )
        self.model.answered(self.now, flight, said["accepted"], said["rejected"], said["retry"], again)
        self.world.loop.settle()

    @precondition(lambda self: self.model.flights)
    @rule(data=st.data(), how=st.sampled_from(["500", "429", "reset", "ok false"]))
    def server_fails(self, data: st.DataObject, how: str) -> None:
        place = data.draw(st.integers(0, len(self.model.flights) - 1))
        flight, sent = self.model.flights[place], self.phone.open[place]
        outcome = Outcome.SOFT_FAILURE
        if how == "reset":
            outcome = Outcome.NETWORK
            sent.breaks()
        elif how == "ok false":
            sent.answer({"ok": False})
        else:
            outcome = Outcome.SERVER_ERROR if how == "500" else Outcome.RATE_LIMITED
            sent.answer({"ok": False, "code": "X"}, int(how), {b"retry-after": b"1"})
        self.model.fails_now(self.now, flight, outcome)
        self.world.loop.settle()

    # -- what must hold

    @invariant()
    def the_phone_did_what_the_browser_would_have_done(self) -> None:
        if not hasattr(self, "world"):
            return
        phone, model = self.phone, self.model
        assert [sent.event_ids for sent in phone.sent] == model.requests
        assert [sent.event_ids for sent in phone.open] == [flight.ids for flight in model.flights]
        assert [item.client_event_id for item in phone.event_sender.storage.queue] == model.queue
        assert phone.event_sender.storage.fail_count == model.fails
        assert phone.event_sender.storage.next_at == pytest.approx(model.next_at, abs=1e-6)
        counted = [(outcome, intended) for name, outcome, intended, _ in self.world.notebook.operations]
        assert [outcome for outcome, _ in counted] == [outcome for outcome, _ in model.operations]
        assert [at for _, at in counted] == pytest.approx([at for _, at in model.operations], abs=1e-6)

    @invariant()
    def every_event_is_in_one_place(self) -> None:
        if not hasattr(self, "world"):
            return
        model = self.model
        flying = [item for flight in model.flights for item in flight.own]
        places = [*model.buffer, *model.held, *flying, *model.queue, *model.final]
        assert len(places) == len(set(places)) == self.emitted

    def teardown(self) -> None:
        """The run ends: what was tried and is still owed is counted as its last try; nothing else is."""
        if not hasattr(self, "world"):
            return
        try:
            self.close_app()
            self.the_phone_did_what_the_browser_would_have_done()
            before = len(self.world.notebook.operations)
            owed = sorted(self.model.tried, key=lambda item: self.model.gestures[item])
            self.phone.discard()
            counted = [outcome for _, outcome, _, _ in self.world.notebook.operations[before:]]
            assert counted == [self.model.tried[item] for item in owed[::25]]
            assert set(owed) <= set(self.model.queue)
            self._everything_stored_arrives()
        finally:
            self.world.close()

    def _everything_stored_arrives(self) -> None:
        """One reopened page and a healthy server bring every event home that the browser still had."""
        stored = set(self.model.queue)
        self.world.loop.sleep(100.0)
        self.phone.event_sender.mount()
        self.world.loop.settle()
        arrived: set[str] = set()
        for _ in range(9):
            for sent in self.phone.open:
                arrived |= set(sent.event_ids)
                sent.answer({"ok": True, "acceptedClientEventIds": sent.event_ids, "issues": []})
            self.world.loop.settle()
        assert arrived == stored
        assert self.phone.event_sender.storage.queue == ()


def commute_many(examples: int) -> None:
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    run_state_machine_as_test(
        Commute,
        settings=settings(max_examples=examples, stateful_step_count=40, deadline=None, suppress_health_check=checks),
    )


def test_a_commuter_sends_and_loses_what_the_browser_would() -> None:
    commute_many(80)


@pytest.mark.slow
@pytest.mark.timeout(400)  # a minute by itself; beside other slow tests of two busy cores twice that
def test_a_thousand_commutes() -> None:
    commute_many(1000)

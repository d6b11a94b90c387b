"""The engine starts sessions at their instants, ends them when told, and accounts for every ticket."""

from __future__ import annotations

import json
import threading
import time
import weakref
from contextlib import AbstractContextManager
from pathlib import Path

import pyarrow as pa
import pytest

from harness.client.device import Device
from harness.core import ids
from harness.core.people import Secrets
from harness.core.profile import ArrivalStage, Phases, Profile
from harness.core.rows import made
from harness.core.tables import ARRIVALS, LATENCY
from harness.load import session_runner
from harness.load.engine import Engine
from harness.record.run_log import RUN_LOG, RunLog
from harness.record.store import tidy
from harness.schedule.arrivals import Ticket
from tests.engines import engine_of

PROFILE = Profile(
    name="engine",
    people=50,
    phones=50,
    phases=Phases(warmup_s=0, measure_s=10, drain_s=1),
    arrivals=(ArrivalStage(seconds=10, rate=1),),
    mix={"reader": 1.0},
)


def running() -> AbstractContextManager[Engine]:
    """Nothing listens at its target; these sessions only think."""
    return engine_of(PROFILE, "http://127.0.0.1:9", Secrets("anon"))


class Gate:
    """Counts down; waits without polling."""

    def __init__(self, count: int) -> None:
        self.count, self._all, self._lock = count, threading.Event(), threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self.count -= 1
            if self.count == 0:
                self._all.set()

    def wait(self) -> None:
        assert self._all.wait(15), f"{self.count} sessions never ended"


def arrivals(engine: Engine) -> list[dict[str, object]]:
    tables = [pa.Table.from_batches([batch]) for name, batch in made(engine.taken) if name == ARRIVALS]
    return tidy(ARRIVALS, pa.concat_tables(tables)).to_pylist() if tables else []


def test_sessions_start_at_their_planned_instants() -> None:
    started: list[tuple[int, float]] = []
    with running() as engine:

        async def body(phone: Device) -> None:
            started.append((phone.person.number, engine.now()))

        base = engine.now() + 0.2
        tickets = [Ticket(i, base + i * 0.01, "reader", i) for i in range(40)]
        gate = Gate(len(tickets))
        for ticket in reversed(tickets):
            engine.submit(ticket, body, gate)
        gate.wait()
    late = sorted(at - (base + person * 0.01) for person, at in started)
    assert len(started) == 40
    assert late[0] >= -0.002  # loops tick in whole milliseconds
    assert late[20] < 0.05, "half of the sessions were more than 50 ms late"
    rows = arrivals(engine)
    assert [row["ticket"] for row in rows] == list(range(40))
    assert {row["end"] for row in rows} == {"finished"}


def test_a_person_is_never_in_two_sessions_and_the_second_is_late_for_it() -> None:
    inside, most = 0, 0
    with running() as engine:

        async def body(phone: Device) -> None:
            nonlocal inside, most
            inside += 1
            most = max(most, inside)
            await phone.pause(0.25)
            inside -= 1

        gate = Gate(3)
        at = engine.now() + 0.1
        for number in range(3):
            engine.submit(Ticket(number, at, "reader", 7), body, gate)
        gate.wait()
    assert most == 1
    assert [row["late_cause"] for row in arrivals(engine)] == ["", "phone_busy", "phone_busy"]


def test_between_sessions_a_device_is_put_away_and_the_next_one_goes_on_where_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session_runner, "REST_S", 0.1)
    made_ids: list[str] = []
    devices: list[weakref.ref[Device]] = []
    with running() as engine:

        async def body(phone: Device) -> None:
            made_ids.append(phone.new_id())
            phone.local.put("what", phone.person.number, phone.now())
            devices.append(weakref.ref(phone))

        for number in range(3):
            gate = Gate(1)
            engine.submit(Ticket(number, engine.now(), "reader", 7), body, gate)
            gate.wait()
            until = time.monotonic() + 15
            while engine.runner.devices and time.monotonic() < until:
                time.sleep(0.01)
            assert engine.runner.devices == 0
        assert [device() for device in devices] == [None] * 3
        assert not list(engine.problems)
    places = [ids.position(1, one) for one in made_ids]
    assert [(place.person, place.sequence) for place in places if place] == [(7, 1), (7, 2), (7, 3)]
    assert {row["end"] for row in arrivals(engine)} == {"finished"}


def test_nobody_takes_a_device_away_from_who_waits_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_runner, "REST_S", 0.03)
    with running() as engine:

        async def body(phone: Device) -> None:
            await phone.pause(0.02 + phone.person.number * 0.01)

        gate = Gate(40)
        at = engine.now()
        for number in range(40):
            engine.submit(Ticket(number, at + number * 0.02, "reader", number % 4), body, gate)
        gate.wait()
        assert not list(engine.problems)
    assert [row["end"] for row in arrivals(engine)] == ["finished"] * 40


def test_closing_ends_thinkers_at_once_and_accounts_for_every_ticket() -> None:
    with running() as engine:

        async def thinks(phone: Device) -> None:
            await phone.pause(60)

        gate = Gate(2)
        engine.submit(Ticket(0, engine.now(), "reader", 0), thinks, gate)
        engine.submit(Ticket(1, engine.now() + 60, "reader", 1), thinks, gate)
        time.sleep(0.2)
        assert engine.runner.open_sessions == 1
        assert engine.scheduler.waiting == 1
        engine.close(5.0, [Ticket(2, engine.now() + 70, "reader", 2)])
        gate.wait()
        late = Gate(1)
        engine.submit(Ticket(3, engine.now(), "reader", 3), thinks, late)
        late.wait()
    assert [row["end"] for row in arrivals(engine)] == ["closed", "never_started", "never_started", "never_started"]


def test_what_does_not_end_by_itself_is_cancelled_after_the_grace_period() -> None:
    import asyncio

    with running() as engine:

        async def stubborn(phone: Device) -> None:
            await asyncio.sleep(60)

        gate = Gate(1)
        engine.submit(Ticket(0, engine.now(), "reader", 0), stubborn, gate)
        time.sleep(0.1)
        begun = time.monotonic()
        engine.close(0.3, [])
        gate.wait()
        assert time.monotonic() - begun < 5
    assert [row["end"] for row in arrivals(engine)] == ["closed"]


def test_a_personas_bug_costs_its_session_and_is_seen() -> None:
    with running() as engine:

        async def broken(phone: Device) -> None:
            raise ZeroDivisionError("a persona's bug")

        async def fine(phone: Device) -> None:
            await phone.pause(0.01)

        gate = Gate(2)
        engine.submit(Ticket(0, engine.now(), "reader", 0), broken, gate)
        engine.submit(Ticket(1, engine.now(), "reader", 0), fine, gate)
        gate.wait()
    assert [row["end"] for row in arrivals(engine)] == ["failed", "finished"]
    assert engine.failures == 1
    assert "a persona's bug" in engine.problems[0]


def test_a_failed_session_stands_in_the_log_with_its_person_and_without_secrets(tmp_path: Path) -> None:
    secrets = Secrets("anon-canary-1", password="canary-2", jwt_secret="canary-3")
    log = RunLog("run-1", "worker", worker=0)
    log.open(tmp_path)
    with engine_of(PROFILE, "http://127.0.0.1:9", secrets, log=log) as engine:

        async def broken(phone: Device) -> None:
            raise ValueError("apikey anon-canary-1, {'password': 'canary-2'} signed with canary-3, Bearer opaque-4")

        gate = Gate(1)
        engine.submit(Ticket(5, engine.now(), "reader", 7), broken, gate)
        gate.wait()
        engine.close(0.1, [])
    text = (tmp_path / RUN_LOG).read_text()
    assert "canary" not in text
    assert "opaque-4" not in text
    failed, closing = (json.loads(line) for line in text.splitlines())
    assert (failed["event"], failed["level"], failed["run"]) == ("session failed", "error", "run-1")
    assert (failed["worker"], failed["person"], failed["ticket"], failed["persona"]) == (0, 7, 5, "reader")
    assert "ValueError" in failed["error"]
    assert "test_engine.py" in failed["traceback"]
    assert closing["event"] == "sessions closing"


def test_forfeited_tickets_are_not_begun_and_the_log_says_why(tmp_path: Path) -> None:
    log = RunLog("run-1", "worker", worker=0)
    log.open(tmp_path)
    with engine_of(PROFILE, "http://127.0.0.1:9", Secrets("anon"), log=log) as engine:

        async def fine(phone: Device) -> None:
            return None

        gate = Gate(2)
        engine.submit(Ticket(0, engine.now() + 60, "reader", 0), fine, gate)
        engine.scheduler.forfeit("nothing was heard of the master")
        engine.submit(Ticket(1, engine.now(), "reader", 1), fine, gate)
        gate.wait()
        assert engine.scheduler.waiting == 0
    assert arrivals(engine) == []
    (line,) = (json.loads(line) for line in (tmp_path / RUN_LOG).read_text().splitlines())
    assert (line["event"], line["pending"], line["reason"]) == (
        "tickets forfeited",
        1,
        "nothing was heard of the master",
    )


def test_an_unreachable_target_is_an_outcome_and_an_operation_that_failed() -> None:
    with running() as engine:

        async def body(phone: Device) -> None:
            with phone.notes.operation("sign_in") as operation:
                operation.ends(await phone.auth.sign_in())

        gate = Gate(1)
        engine.submit(Ticket(0, engine.now(), "reader", 0), body, gate)
        gate.wait()
    rows = [row for name, batch in made(engine.taken) if name == LATENCY for row in batch.to_pylist()]
    found = {(row["view"], row["operation"], row["outcome"]) for row in rows if row["view"] in ("server", "e2e")}
    assert found == {("server", "sign_in", "network"), ("e2e", "sign_in", "network")}
    assert [attempt.name for attempt in engine.attempts] == ["sign_in"]


@pytest.mark.parametrize("seed", [1, 2])
def test_draws_depend_on_seed_person_and_ticket_only(seed: int) -> None:
    drawn: list[float] = []
    for _ in range(2):
        with running() as engine:

            async def body(phone: Device) -> None:
                drawn.append(phone.behaviour.rng.random())

            gate = Gate(1)
            engine.submit(Ticket(seed, engine.now(), "reader", 3), body, gate)
            gate.wait()
    assert drawn[0] == drawn[1]

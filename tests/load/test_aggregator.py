"""Reports travel and become the record; progress lines say how far the run is."""

from __future__ import annotations

import io
import itertools
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgpack
import pytest

from harness.config.load import load_profile, load_slos
from harness.core.outcome import Outcome
from harness.core.rows import made
from harness.core.run_spec import RunSpec, windows_of
from harness.core.tables import LATENCY, View
from harness.core.wire_limits import WireLimits
from harness.load.aggregator import LINE_MARK, Aggregator, Report
from harness.record.clocks import Round, offset
from harness.record.manifest import Manifest
from harness.record.recorder import Recorder
from harness.record.roster import Counters
from harness.record.store import RunStore, open_run
from harness.schedule.agreed import drawn

PROFILE = load_profile("smoke")
SPEC = RunSpec(
    run_id="t",
    run_tag=1,
    folder="",
    url="http://127.0.0.1:1",
    seed=1,
    profile=PROFILE,
    email_pattern="p{index}@x.test",
    windows=windows_of(PROFILE),
)

SCHEDULE = drawn(SPEC)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    manifest = Manifest(
        run_id="t",
        status="running",
        started_at="2026-01-01T00:00:00+00:00",
        seed=1,
        profile=PROFILE,
        slos=load_slos(),
        target_name="t",
        target_url="http://127.0.0.1:1",
        target_environment="sandbox",
        windows=SPEC.windows,
        planned_sessions=3,
        plan_digest="0" * 64,
        workers=2,
        versions={},
    )
    return RunStore.create(tmp_path / "run", manifest)


SEQUENCE = itertools.count(1)


def report(worker: int, attempts: int, *, left: int = 0, open_sessions: int = 0, final: bool = False) -> Report:
    """With a number of its own; gaps in a worker's numbers are only recorded."""
    recorder = Recorder(SPEC.windows)
    for _ in range(attempts):
        recorder.sample(View.SERVER, "home_feed", Outcome.OK, 20.0, 0.05)
    return Report(
        worker=worker,
        sequence=next(SEQUENCE),
        batches=made(recorder.take()),
        attempts=attempts,
        open_sessions=open_sessions,
        tickets_left=left,
        failures=0,
        final=final,
    )


def lines(out: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line.removeprefix(LINE_MARK)) for line in out.getvalue().split("\n") if line]


def test_a_report_survives_locusts_channel() -> None:
    sent = report(1, 7, left=2)
    arrived = Report.unpack(msgpack.loads(msgpack.dumps(sent.pack())))
    assert arrived.worker == 1
    assert arrived.tickets_left == 2
    (table, batch), (_, original) = arrived.batches[0], sent.batches[0]
    assert table == LATENCY
    assert batch.equals(original)


def test_batches_of_all_workers_add_up_in_the_record(store: RunStore) -> None:
    aggregator = Aggregator(SPEC, store, SCHEDULE, 2, io.StringIO())
    aggregator.take(report(0, 10))
    aggregator.take(report(1, 32))
    aggregator.end("")
    store.close()
    run = open_run(store.folder)
    assert sum(run.latency()["count"].to_pylist()) == 42
    assert run.manifest.recorded_attempts == 42


def test_workers_clocks_travel_with_their_reports_into_the_manifest(store: RunStore) -> None:
    aggregator = Aggregator(SPEC, store, SCHEDULE, workers=2, out=io.StringIO())
    for worker in (1, 0):
        clock = offset(worker, [Round(1.0, 3.0 + worker, 1.002), Round(5.0, 9.0, 5.5)])
        said = msgpack.packb(replace(report(worker, 1, final=True), clock=clock).pack())
        aggregator.take(Report.unpack(msgpack.unpackb(said)))
    aggregator.end("")
    clocks = open_run(store.folder).manifest.clocks
    assert [(one.worker, one.offset_us, one.uncertainty_us) for one in clocks] == [
        (0, 1_999_000, 1_000),
        (1, 2_999_000, 1_000),
    ]


def test_idle_and_final_need_every_worker(store: RunStore) -> None:
    aggregator = Aggregator(SPEC, store, SCHEDULE, 2, io.StringIO())
    assert not aggregator.idle
    aggregator.take(report(0, 1, final=True))
    assert not aggregator.idle
    assert not aggregator.all_final
    aggregator.take(report(1, 1, left=1))
    assert not aggregator.idle
    aggregator.take(report(1, 1, open_sessions=1))
    assert not aggregator.idle
    aggregator.take(report(1, 1, final=True))
    assert aggregator.idle
    assert aggregator.all_final


def test_progress_says_how_much_and_where_the_slos_stand(store: RunStore) -> None:
    out = io.StringIO()
    aggregator = Aggregator(SPEC, store, SCHEDULE, 1, out)
    aggregator.start(0.0)
    aggregator.take(report(0, 40, left=5, open_sessions=2))
    aggregator.progress()
    aggregator.end("interrupted")
    start, progress, end = lines(out)
    assert start["what"] == "start"
    assert (progress["attempts"], progress["sessions"], progress["left"], progress["failed"]) == (40, 2, 5, 0)
    feed = next(slo for slo in progress["slos"] if slo[0] == "Home feed, server")
    assert feed[1] == pytest.approx(50, rel=0.005)
    assert feed[2:] == [400, 40]
    assert (end["what"], end["reason"]) == ("end", "interrupted")


def test_what_all_workers_send_together_ends_the_run_when_it_exceeds_the_limit(store: RunStore) -> None:
    """The net behind the budgets: 90 of 100 a second is fine, whoever sends them; 130 in three seconds is not."""

    def sending(worker: int, number: int, second: int, requests: int) -> Report:
        recorder = Recorder(SPEC.windows)
        for _ in range(requests):
            recorder.sample(View.SERVER, "home_feed", Outcome.OK, float(second), 0.05)
        return replace(report(worker, 0), sequence=number, batches=made(recorder.take()))

    limits = WireLimits(requests_per_second=100, connections_per_second=100, sockets=100)
    aggregator = Aggregator(SPEC.model_copy(update={"limits": limits}), store, SCHEDULE, 4, io.StringIO())
    aggregator.start(time.time() - 5)
    for second in range(5):
        aggregator.take(sending(0, second + 1, second, 90))
    aggregator.progress()
    assert not aggregator.stop_reason
    for second in range(3):
        aggregator.take(sending(1, second + 1, second, 40))
    aggregator.progress()
    assert "130, 130, 130 requests" in aggregator.stop_reason


def test_the_limits_are_dealt_by_tickets_to_those_who_are_there(store: RunStore) -> None:
    limits = WireLimits(requests_per_second=20, connections_per_second=20, sockets=100)
    aggregator = Aggregator(SPEC.model_copy(update={"limits": limits}), store, SCHEDULE, 2, io.StringIO())
    first, second = aggregator.grant(0), aggregator.grant(1)
    assert first is not None
    assert second is not None
    assert first.requests + second.requests == 22
    assert Aggregator(SPEC, store, SCHEDULE, 2, io.StringIO()).grant(0) is None


def sent(worker: int, number: int, attempts: int, before: Counters = Counters(), **facts: Any) -> Report:  # noqa: B008
    base = report(worker, attempts, **facts)
    return replace(base, sequence=number, sent=before + Counters.total(base.batches), host="h", pid=100 + worker)


class Clock:
    """Epoch seconds that the test moves."""

    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def aggregator_on(store: RunStore, workers: int = 2) -> tuple[Aggregator, Clock, io.StringIO]:
    clock, out = Clock(), io.StringIO()
    aggregator = Aggregator(SPEC, store, SCHEDULE, workers, out, clock=clock)
    aggregator.start(1_003.0)
    clock.now = 1_003.0
    return aggregator, clock, out


def test_a_repeated_report_is_added_once_and_a_lost_one_is_seen(store: RunStore) -> None:
    aggregator, _, _ = aggregator_on(store, 1)
    first = sent(0, 1, 10)
    lost = sent(0, 2, 5, first.sent)
    third = sent(0, 3, 7, lost.sent, final=True)
    for arriving in (first, first, third, third):
        aggregator.take(arriving)
    aggregator.end("")
    store.close()
    run = open_run(store.folder)
    assert sum(run.latency()["count"].to_pylist()) == 17
    (record,) = run.manifest.roster
    assert (record.reports, record.missing, record.repeated) == (2, 1, 2)
    assert (record.sent.attempts, record.received.attempts) == (22, 17)
    assert (record.host, record.pid, record.final) == ("h", 100, True)


def test_a_late_report_fills_its_gap(store: RunStore) -> None:
    aggregator, _, _ = aggregator_on(store, 1)
    first = sent(0, 1, 10)
    second = sent(0, 2, 5, first.sent)
    third = sent(0, 3, 7, second.sent, left=4)
    for arriving in (first, third, second):
        aggregator.take(arriving)
    (record,) = aggregator.records
    assert record.missing == 0
    assert record.sent == record.received == third.sent
    assert not aggregator.idle  # the newest word counts, not the last to come


def test_a_lost_worker_is_named_and_waited_for_no_longer(store: RunStore) -> None:
    aggregator, clock, out = aggregator_on(store)
    for second in range(12):
        clock.now = 1_003.0 + second
        aggregator.take(sent(0, second + 1, 1, final=second == 11))
        if second < 4:
            aggregator.take(sent(1, second + 1, 1, left=9, open_sessions=3))
        found = aggregator.find_lost()
        assert found == ([1] if second == 9 else [])
        assert aggregator.idle == aggregator.all_final == (second == 11) or second >= 9
    assert not aggregator.deserted
    said = [line["text"] for line in lines(out) if line["what"] == "problem"]
    assert len(said) == 1
    assert "worker 1 (pid 101 on h) has said nothing for 5 s" in str(said[0])
    assert open_run(store.folder).manifest.roster[1].lost_at_s == 9.0
    aggregator.end("")
    rows = open_run(store.folder).arrivals().to_pylist()
    assert len(rows) == aggregator.records[1].tickets > 0
    assert {(row["worker"], row["end"], row["late_cause"]) for row in rows} == {(1, "never_started", "worker_lost")}


def test_what_is_handed_over_keeps_the_run_going(store: RunStore) -> None:
    aggregator, clock, _ = aggregator_on(store)
    for second in range(10):
        clock.now = 1_003.0 + second
        aggregator.take(sent(0, second + 1, 1))
        if second < 2:
            aggregator.take(sent(1, second + 1, 1))
        lost = aggregator.find_lost()
        if lost:
            break
    assert lost == [1]
    assert aggregator.idle
    shares = aggregator.hand_over(1)
    assert list(shares) == [0]
    assert len(shares[0]) == aggregator.records[1].tickets == aggregator.records[1].taken_over
    assert not aggregator.idle
    aggregator.end("")
    rows = open_run(store.folder).arrivals().to_pylist()  # worker 0 said no farewell either
    assert [row["ticket"] for row in rows] == list(range(len(rows)))
    assert {row["worker"] for row in rows} == {0}


def test_a_deserted_master_knows_it(store: RunStore) -> None:
    aggregator, clock, _ = aggregator_on(store)
    for second in range(-3, 7):
        assert not aggregator.deserted
        clock.now = 1_003.0 + second
        aggregator.find_lost()
    assert aggregator.deserted


def test_the_masters_work_hardly_grows_with_the_rate(store: RunStore) -> None:
    """Fifty times the requests in the same buckets are the same rows; CPU time, best of five."""

    def cost(attempts: int) -> float:
        recorder = Recorder(SPEC.windows)
        for number in range(attempts):
            recorder.sample(View.SERVER, f"call_{number % 20}", Outcome.OK, 20.0, 0.05 + number % 5 * 0.01)
        packed = replace(report(0, 0), batches=made(recorder.take())).pack()
        best = 1e9
        for _ in range(5):
            packed["sequence"] = next(SEQUENCE)
            begun = time.process_time()
            aggregator.take(Report.unpack(packed))
            best = min(best, time.process_time() - begun)
        return best

    aggregator, _, _ = aggregator_on(store, 1)
    cost(100)
    assert cost(5_000) < 3 * cost(100)

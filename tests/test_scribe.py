"""Reports travel and become the record; progress lines say how far the run is."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import msgpack
import pytest

from harness.config.load import load_profile, load_slos
from harness.order import Order, windows_of
from harness.outcome import Outcome
from harness.record.clocks import Round, offset
from harness.record.manifest import Manifest
from harness.record.recorder import Recorder
from harness.record.schema import LATENCY, View
from harness.record.store import RunStore, open_run
from harness.scribe import LINE_MARK, Report, Scribe

PROFILE = load_profile("smoke")
ORDER = Order(
    run_id="t",
    run_tag=1,
    folder="",
    url="http://127.0.0.1:1",
    seed=1,
    profile=PROFILE,
    email_pattern="p{index}@x.test",
    windows=windows_of(PROFILE),
)


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
        windows=ORDER.windows,
        planned_sessions=3,
        plan_digest="0" * 64,
        workers=2,
        versions={},
    )
    return RunStore.create(tmp_path / "run", manifest)


def report(worker: int, attempts: int, *, left: int = 0, open_sessions: int = 0, final: bool = False) -> Report:
    recorder = Recorder(ORDER.windows)
    for _ in range(attempts):
        recorder.sample(View.SERVER, "home_feed", Outcome.OK, 20.0, 0.05)
    batch = recorder.take()
    return Report(
        worker=worker,
        sequence=1,
        batches=[] if batch is None else [(LATENCY, batch)],
        attempts=attempts,
        open_sessions=open_sessions,
        tickets_left=left,
        failures=0,
        final=final,
    )


def lines(out: io.StringIO) -> list[dict[str, object]]:
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
    scribe = Scribe(ORDER, store, 2, io.StringIO())
    scribe.take(report(0, 10))
    scribe.take(report(1, 32))
    scribe.end("")
    store.close()
    run = open_run(store.folder)
    assert sum(run.latency()["count"].to_pylist()) == 42
    assert run.manifest.recorded_attempts == 42


def test_workers_clocks_travel_with_their_reports_into_the_manifest(store: RunStore) -> None:
    scribe = Scribe(ORDER, store, workers=2, out=io.StringIO())
    for worker in (1, 0):
        clock = offset(worker, [Round(1.0, 3.0 + worker, 1.002), Round(5.0, 9.0, 5.5)])
        said = msgpack.packb(replace(report(worker, 1, final=True), clock=clock).pack())
        scribe.take(Report.unpack(msgpack.unpackb(said)))
    scribe.end("")
    clocks = open_run(store.folder).manifest.clocks
    assert [(one.worker, one.offset_us, one.uncertainty_us) for one in clocks] == [
        (0, 1_999_000, 1_000),
        (1, 2_999_000, 1_000),
    ]


def test_idle_and_final_need_every_worker(store: RunStore) -> None:
    scribe = Scribe(ORDER, store, 2, io.StringIO())
    assert not scribe.idle
    scribe.take(report(0, 1, final=True))
    assert not scribe.idle
    assert not scribe.all_final
    scribe.take(report(1, 1, left=1))
    assert not scribe.idle
    scribe.take(report(1, 1, open_sessions=1))
    assert not scribe.idle
    scribe.take(report(1, 1, final=True))
    assert scribe.idle
    assert scribe.all_final


def test_progress_says_how_much_and_where_the_slos_stand(store: RunStore) -> None:
    out = io.StringIO()
    scribe = Scribe(ORDER, store, 1, out)
    scribe.start(0.0)
    scribe.take(report(0, 40, left=5, open_sessions=2))
    scribe.progress()
    scribe.end("interrupted")
    start, progress, end = lines(out)
    assert start["what"] == "start"
    assert (progress["attempts"], progress["sessions"], progress["left"], progress["failed"]) == (40, 2, 5, 0)
    feed = next(slo for slo in progress["slos"] if slo[0] == "Home feed, server")  # type: ignore[union-attr]
    assert feed[1] == pytest.approx(50, rel=0.005)
    assert feed[2:] == [400, 40]
    assert (end["what"], end["reason"]) == ("end", "interrupted")


def test_the_first_workers_wish_to_stop_is_kept(store: RunStore) -> None:
    scribe = Scribe(ORDER, store, 1, io.StringIO())
    base = report(0, 1)
    fields = {name: getattr(base, name) for name in base.__slots__}
    scribe.take(Report(**{**fields, "stop_reason": "too many requests"}))
    scribe.take(Report(**{**fields, "stop_reason": "later"}))
    assert scribe.stop_reason == "too many requests"

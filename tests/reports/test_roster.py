"""The roster row: who was lost, and how much of the load with them; what was sent and what arrived."""

from __future__ import annotations

from typing import Any

import pytest

from harness.record.roster import Counters, WorkerRecord
from reports import roster
from reports.frames import load
from tests.reports.build import END, Run, manifest


def record(worker: int, **changes: Any) -> WorkerRecord:
    values: dict[str, Any] = {
        "worker": worker,
        "host": "box",
        "pid": 40 + worker,
        "folder": "",
        "tickets": 50,
        "first_report_s": 0.5,
        "last_report_s": 80.0,
        "reports": 80,
        "missing": 0,
        "repeated": 0,
        "longest_silence_s": 1.2,
        "final": True,
        "lost_at_s": None,
        "taken_over": 0,
        "sent": Counters(attempts=5, samples=9, arrivals=4, health=80),
        "received": Counters(attempts=5, samples=9, arrivals=4, health=80),
    }
    return WorkerRecord(**(values | changes))


def run_of(*records: WorkerRecord) -> Run:
    run = Run(manifest(workers=len(records), roster=records)).fit(workers=len(records))
    run.add(20, 50.0, number=5)
    return run.finished(planned_sessions=100)


def test_all_there_to_the_end() -> None:
    frames = load(run_of(record(0), record(1)))
    assert roster.workers(frames) == roster.RosterAnswer("2 of 2 workers to the end")
    assert roster.channel(frames) == roster.RosterAnswer("5 sent, 5 in the tables")


def test_a_lost_worker_is_named_with_the_share_that_went_with_it() -> None:
    run = run_of(record(0), record(1, final=False, lost_at_s=46.0, last_report_s=40.3, longest_silence_s=40.0))
    for number in range(25):
        run.session(50 + number, None, None, worker=1, late_cause="worker_lost", ticket=number)
    for number in range(5):
        run.session(39, 39, None, worker=1, end="", ticket=30 + number)
    found = roster.workers(load(run))
    assert found.value == (
        "1 of 2 workers to the end; worker 1 (pid 41 on box) lost after 40.3 s: "
        "30 % of the load lost (25 of 100 sessions never begun, 5 broken off)"
    )
    assert found.reason
    assert "--rebalance" in found.remedy


def test_what_others_took_over_is_said_and_still_a_veto() -> None:
    lost = record(1, final=False, lost_at_s=46.0, last_report_s=40.3, longest_silence_s=40.0, taken_over=25)
    found = roster.workers(load(run_of(record(0), lost)))
    assert "25 taken over by others" in found.value
    assert found.reason


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"longest_silence_s": 7.04}, "silent for 7.0 s"),
        ({"first_report_s": None, "last_report_s": None, "reports": 0, "final": False}, "never reported"),
        ({"final": False}, "gone without a farewell after 80.0 s"),
    ],
)
def test_every_kind_of_absence_has_its_words(changes: dict[str, Any], words: str) -> None:
    found = roster.workers(load(run_of(record(0), record(1, **changes))))
    assert f"worker 1 (pid 41 on box) {words}" in found.value
    assert found.reason


def test_a_loop_that_stands_still_shows_although_its_worker_reports() -> None:
    run = run_of(record(0), record(1))
    run.seconds = [row for row in run.seconds if row["worker"] == 0 or row["second"] < END - 20]
    assert "worker 1 silent after 49 s" in roster.workers(load(run)).value


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"missing": 2}, "worker 1 (pid 41 on box): 2 reports missing, 0 samples apart"),
        ({"received": Counters(attempts=5, samples=7, arrivals=4, health=80)}, "0 reports missing, 2 samples apart"),
        ({"received": Counters(attempts=5, samples=9, arrivals=3, health=80)}, "0 reports missing"),
    ],
)
def test_what_did_not_arrive_is_a_veto(changes: dict[str, Any], words: str) -> None:
    found = roster.channel(load(run_of(record(0), record(1, **changes))))
    assert words in found.value
    assert found.reason == "reports went missing"


def test_what_came_twice_was_counted_once_and_is_only_told() -> None:
    found = roster.channel(load(run_of(record(0, repeated=3))))
    assert found == roster.RosterAnswer("5 sent, 5 in the tables; 3 reports came twice and counted once")

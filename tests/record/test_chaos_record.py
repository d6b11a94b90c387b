"""chaos.jsonl as workers' reports come in, windows over the phases, and what SLOs do not count."""

from __future__ import annotations

import json
from pathlib import Path

from chaos.faults.lost_reply import LostReplyFault
from chaos.faults.offline import OfflineFault
from chaos.timeline import ScheduledFault
from harness.core.fault_record import CHAOS, FaultLine, excused, fault_windows
from harness.core.scheduled_fault import Allow, ChaosEntry
from harness.record.chaos_log import ChaosLog

LOST, DARK = LostReplyFault.parse({}), OfflineFault.parse({})
ENTRIES = (
    ScheduledFault("replies", LOST, 10.0, 20.0, share=0.1),
    ScheduledFault("dark", DARK, 15.0, 25.0, cohort=(0.0, 0.5)),
    ScheduledFault("late", DARK, 40.0, 50.0),
)
ASKED = (
    ChaosEntry.model_validate({"fault": "lost_reply", "name": "replies", "at": 10, "for": 10}),
    ChaosEntry(fault="offline", name="dark", at=15, for_s=10, allow=Allow(recover_s=5.0)),
    ChaosEntry(fault="offline", name="late", at=40, for_s=10, judged=True),
)


def test_windows_lie_over_the_phases() -> None:
    windows = fault_windows(ENTRIES, ASKED, 60.0)
    assert [(window.name, window.start_s, window.end_s) for window in windows] == [
        ("chaos:replies", 10.0, 20.0),
        ("chaos:dark", 15.0, 25.0),
        ("recovery:replies", 20.0, 40.0),
        ("recovery:dark", 25.0, 40.0),
        ("chaos:late", 40.0, 50.0),
        ("recovery:late", 50.0, 60.0),
    ]


def test_slos_count_what_lies_outside_and_what_an_entry_wants_judged() -> None:
    assert excused(fault_windows(ENTRIES, ASKED, 60.0)) == [(10.0, 30.0)]
    assert excused(()) == []


def test_the_file_holds_each_workers_lines_and_everybodys_counts(tmp_path: Path) -> None:
    log = ChaosLog(tmp_path, fault_windows(ENTRIES, ASKED, 60.0))
    what = {"entry": "replies", "fault": "lost_reply", "layer": "phone"}
    start = FaultLine.model_validate(what | {"event": "start", "at_s": 10.002, "planned_s": 10.0, "worker": 1})
    log.take(0, [], {"replies": (2, 20)}, 11.0)
    log.take(1, [start], {"replies": (3, 30)}, 11.1)
    log.take(1, [], {"replies": (3, 30)}, 12.1)
    assert log.standing(12.0) == [("replies", 5, 8.0)]
    lines = [json.loads(line) for line in (tmp_path / CHAOS).read_text().splitlines()]
    assert [(line["event"], line["worker"], line["hits"], line["seen"]) for line in lines] == [
        ("count", None, 2, 20),
        ("start", 1, 0, 0),
        ("count", None, 5, 50),
    ]
    assert lines[1]["planned_s"] == 10.0
    assert [FaultLine.model_validate(line) for line in lines][1] == start


def test_a_run_without_chaos_writes_nothing(tmp_path: Path) -> None:
    ChaosLog(tmp_path, ()).take(0, [], {}, 1.0)
    assert not (tmp_path / CHAOS).exists()

from __future__ import annotations

import pytest

from harness.core.outcome import Outcome
from harness.core.tables import View
from reports import health
from reports.frames import load
from reports.health_row import HealthRow
from tests.reports import build


def rows(run: build.Run) -> dict[str, HealthRow]:
    return {row.check: row for row in health.judge(load(run))}


def fit(**how: object) -> build.Run:
    run = build.Run(build.manifest()).fit(**how)  # type: ignore[arg-type]
    run.add(20, 10.0, number=50)
    for ticket in range(100):
        run.session(build.START + ticket / 2, build.START + ticket / 2, build.START + ticket / 2 + 1)
    return run.finished()


def test_a_generator_that_kept_up_is_valid_throughout() -> None:
    assert {row.level for row in rows(fit()).values()} == {"valid"}


@pytest.mark.parametrize(
    ("lag_ms", "level"), [(4.9, "valid"), (5.2, "suspect"), (19.9, "suspect"), (20.5, "invalid"), (55.0, "invalid")]
)
def test_loop_lag_has_bounds_of_its_own(lag_ms: float, level: str) -> None:
    assert rows(fit(lag_ms=lag_ms))["loop lag"].level == level


def test_loop_lag_of_the_warm_up_does_not_count() -> None:
    run = fit()
    run.add(3, 900.0, operation="generator", view=View.LAG, number=5000)
    assert rows(run)["loop lag"].level == "valid"
    run.add(30, 900.0, operation="generator", view=View.LAG, number=200)
    assert rows(run)["loop lag"].level == "invalid"


def test_a_lag_nobody_recorded_is_a_veto() -> None:
    run = build.Run(build.manifest())
    run.add(20, 10.0)
    assert rows(run.finished())["loop lag"].level == "invalid"


@pytest.mark.parametrize(("cpu", "level"), [(0.48, "valid"), (0.6, "suspect"), (0.85, "invalid")])
def test_cpu_of_the_busiest_worker(cpu: float, level: str) -> None:
    run = fit(cpu=cpu)
    run.seconds += [row | {"worker": 1, "cpu_share": 0.01} for row in run.seconds]
    assert rows(run)["worker CPU"].level == level


def lose(run: build.Run, number: int) -> None:
    for _ in range(number):
        run.session(40.0, None, None)


def test_starts_lost_by_the_generator_are_a_veto_above_one_percent() -> None:
    run = fit()
    lose(run, 1)
    assert rows(run.finished())["planned starts"].level == "valid"  # 1 of 101
    lose(run, 1)
    found = rows(run.finished())["planned starts"]
    assert (found.level, found.value) == ("invalid", "2 of 102 lost by the generator")


def test_tickets_that_left_no_row_are_lost_by_the_generator() -> None:
    assert rows(fit().finished(planned_sessions=110))["planned starts"].level == "invalid"


def test_busy_phones_are_the_target_being_slow() -> None:
    run = fit()
    for _ in range(50):
        run.session(40.0, None, None, late_cause="phone_busy")
    found = rows(run.finished())["planned starts"]
    assert found.level == "valid"
    assert "50 found every phone busy" in found.value
    lose(run, 2)
    assert rows(run.finished())["planned starts"].value.startswith("2 of 152 lost by the generator; 50 found")


def test_what_an_aborted_run_did_not_come_to_is_not_lost_by_the_generator() -> None:
    run = fit()
    lose(run, 50)
    assert rows(run.finished(status="aborted"))["planned starts"].level == "valid"


def test_a_fault_of_the_harness_itself_is_a_veto() -> None:
    run = fit()
    assert rows(run.finished())["own faults"].level == "valid"
    run.session(40.0, 40.0, 41.0, end="failed")
    found = rows(run.finished())["own faults"]
    assert (found.level, found.value) == ("invalid", "1 session broke off by a fault of the harness")


def test_lateness_counts_only_against_the_generator_that_caused_it() -> None:
    run = fit()
    for position in range(20):
        run.sessions[position]["late_cause"] = "phone_busy"
    assert rows(run)["start lateness"].level == "valid"
    for position in range(2):
        run.sessions[position]["late_cause"] = "generator"
    assert rows(run)["start lateness"].level == "invalid"
    run.sessions[0]["late_cause"] = ""
    assert rows(run)["start lateness"].level == "valid"


def test_counters_must_agree_with_the_tables() -> None:
    assert rows(fit().finished(recorded_attempts=50))["counters"].level == "valid"
    found = rows(fit().finished(recorded_attempts=53))["counters"]
    assert (found.level, found.reason) == ("invalid", "3 attempts went missing or was counted twice")
    assert rows(fit().finished(recorded_attempts=None))["counters"].level == "suspect"


def test_what_the_app_let_go_of_is_in_the_tables_too() -> None:
    run = fit()
    for _ in range(3):
        run.add(20, 9.0, outcome=Outcome.ABORTED)
    assert rows(run.finished(recorded_attempts=53))["counters"].level == "valid"
    assert rows(run.finished(recorded_attempts=50))["counters"].level == "invalid"


def test_a_worker_that_fell_silent_or_never_spoke_is_a_veto() -> None:
    run = fit(workers=2).finished(workers=2)
    assert rows(run)["worker roster"].level == "valid"
    run.seconds = [row for row in run.seconds if row["worker"] == 0 or row["second"] < 40]
    found = rows(run)["worker roster"]
    assert (found.level, found.value) == ("invalid", "1 of 2 workers to the end; worker 1 silent after 39 s")
    assert rows(run.finished(workers=3))["worker roster"].value.endswith("1 worker never reported")


@pytest.mark.parametrize("status", ["running", "incomplete"])
def test_a_run_that_died_is_a_veto_but_an_abort_is_closed(status: str) -> None:
    run = fit().finished(status=status)
    run.complete = False
    assert rows(run)["record"].level == "invalid"
    assert rows(run.finished(status="aborted"))["record"].level == "valid"


def test_every_veto_has_a_reason_and_a_remedy() -> None:
    run = fit(lag_ms=50, cpu=0.9).finished(recorded_attempts=1, workers=3, planned_sessions=500, status="running")
    run.complete = False
    run.sessions[0]["late_cause"] = run.sessions[1]["late_cause"] = "generator"
    run.add(20, 1.0, outcome=Outcome.GAVE_UP)
    troubled = [row for row in rows(run).values() if row.level != "valid"]
    assert len(troubled) >= 6
    assert all(row.reason and row.remedy for row in troubled)
